// Talks to the service. It is where the page is, whatever stands before that in the address.

const BASE = new URL(".", document.baseURI);

/** How long an answer may take, in milliseconds. */
const PATIENCE = 60_000;

/** How long pictures wait for the limits of the service, in milliseconds. */
const PATIENCE_FOR_INFO = 5_000;

/** The longest pause before another try, in seconds. Where the service asks for a longer one, a person is told. */
const LONGEST_PAUSE = 30;

/**
 * What `work` gives, which gets a signal that ends it after so many milliseconds, or when `end` is given before. Throws a
 * `TimeoutError` where it took too long. `AbortSignal.any` and `.timeout` are missing in browsers of 2023.
 */
async function within(milliseconds, work, end) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, milliseconds);
  end?.addEventListener("abort", stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    throw isLate ? new DOMException("", "TimeoutError") : error;
  } finally {
    clearTimeout(timer);
    end?.removeEventListener("abort", stop);
  }
}

/** What `GET info` answers, or null. */
export async function info() {
  try {
    const answer = await within(PATIENCE_FOR_INFO, async (signal) =>
      (await fetch(new URL("info", BASE), { signal })).json(),
    );
    return answer?.model && answer.limits ? answer : null;
  } catch {
    return null;
  }
}

/**
 * Has a picture classified, by labels of a `level`, with heat maps if `explain` is set, unless the signal ends it before: `{ answer }`, or
 * `{ error: { code, detail, status, retryAfter } }`. Never throws.
 *
 * `detail` is null where the service did not say it; `code` is then `network`, `timeout` or `status_` and a number:
 * gateways have answers of their own. `retryAfter` are the seconds after which it should come again by itself, or 0.
 */
export async function classify(body, { level, explain }, token, end) {
  const headers = { "Content-Type": body.type || "application/octet-stream" };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response, text;
  try {
    const address = new URL(`classify?top_k=3&level=${level}${explain ? "&explain=true" : ""}`, BASE);
    await within(PATIENCE, async (signal) => {
      response = await fetch(address, { method: "POST", body, headers, signal });
      text = await response.text();
    }, end);
  } catch (error) {
    return { error: { code: error.name === "TimeoutError" ? "timeout" : "network", detail: null } };
  }
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Not of this service.
  }
  if (response.ok && Array.isArray(json?.predictions)) return { answer: json };
  const { status } = response;
  const code = typeof json?.code === "string" ? json.code : `status_${status}`;
  const seconds = code === "overloaded" ? Number(response.headers.get("Retry-After")) : 0;
  const retryAfter = seconds <= LONGEST_PAUSE ? seconds : 0;
  return { error: { code, detail: json?.detail ?? null, status, retryAfter } };
}

/** Resolves after so many seconds; rejects when the signal is given before. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", reject, { once: true });
  });
}

/** Whether the same picture may be answered when it is sent once more. */
export function isPassing({ code, status }) {
  return code === "network" || code === "timeout" || status === 408 || status === 429 || status >= 500;
}
