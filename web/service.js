// Talks to the service. It is where the page is, whatever stands before that in the address.

const BASE = new URL(".", document.baseURI);

/** How long an answer may take, in milliseconds. */
const PATIENCE = 60_000;

/** How long pictures wait for the limits of the service, in milliseconds. */
const PATIENCE_FOR_INFO = 5_000;

/** The same for a picture that is put elsewhere first, which is larger. */
const PATIENCE_FOR_UPLOADS = 600_000;

/** Types that a picture may be put as. */
const TYPE = /^image\/(?!svg)[a-z0-9][a-z0-9.+-]{0,62}$/;

const UNKNOWN_TYPE = "application/octet-stream";

/** Codes after which the same picture is sent again by itself. */
const PASSING = ["overloaded", "storage_unavailable"];

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
  const query = `top_k=3&level=${level}${explain ? "&explain=true" : ""}`;
  const sent = await send(`classify?${query}`, body, token, end);
  return sent.error ? sent : Array.isArray(sent.json?.predictions) ? { answer: sent.json } : refusal(sent);
}

/**
 * Puts a picture that is too large for a request where the service says: `{ upload }`, the id to have it classified by, or
 * an error as `classify` has it. Never throws.
 */
export async function upload(body, token, end) {
  const wanted = { content_type: TYPE.test(body.type) ? body.type : UNKNOWN_TYPE, content_length: body.size };
  const sent = await send("uploads", json(wanted), token, end);
  const offer = sent.json;
  if (sent.error || !offer?.url) return sent.error ? sent : refusal(sent);
  const { url, method } = offer;
  // The browser writes the length itself, and takes it from nobody.
  const headers = { "Content-Type": offer.headers["content-type"] };
  const put = await ask(url, { method, body, headers }, PATIENCE_FOR_UPLOADS, end);
  return put.error ? put : put.response.ok ? { upload: offer.upload } : refusal(put);
}

/** What is sent as JSON. */
export const json = (value) => new Blob([JSON.stringify(value)], { type: "application/json" });

/**
 * Sends something to a path of the service, with its SHA-256 where the browser computes one: that is over HTTPS and on
 * this machine. CloudFront signs requests to a Function URL only with it.
 */
async function send(path, body, token, end) {
  const headers = { "Content-Type": body.type || UNKNOWN_TYPE };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (globalThis.crypto?.subtle) headers["X-Amz-Content-Sha256"] = await sha256(body);
  return ask(new URL(path, BASE), { method: "POST", body, headers }, PATIENCE, end);
}

/** The SHA-256 of a blob, in hexadecimal. */
async function sha256(blob) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What an address answers: `{ response, json }`, where `json` is null if it is something else; or an error. */
async function ask(address, options, patience, end) {
  let response, text;
  try {
    await within(patience, async (signal) => {
      response = await fetch(address, { ...options, signal });
      text = await response.text();
    }, end);
  } catch (error) {
    return { error: { code: error.name === "TimeoutError" ? "timeout" : "network", detail: null } };
  }
  try {
    return { response, json: JSON.parse(text) };
  } catch {
    // Not of this service.
    return { response, json: null };
  }
}

/** The error of an answer. */
function refusal({ response, json }) {
  const { status } = response;
  const code = typeof json?.code === "string" ? json.code : `status_${status}`;
  const seconds = PASSING.includes(code) ? Number(response.headers.get("Retry-After")) : 0;
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
