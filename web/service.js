// Client of the service. Its address is relative to the page, so any path prefix works.

const BASE = new URL(".", document.baseURI);

/** Timeout for an answer, in milliseconds. */
const PATIENCE = 60_000;

/** Timeout for the service's limits, for which pictures wait, in milliseconds. */
const PATIENCE_FOR_INFO = 5_000;

/** Timeout for an upload, which is larger, in milliseconds. */
const PATIENCE_FOR_UPLOADS = 600_000;

/** Content types for uploads. */
const TYPE = /^image\/(?!svg)[a-z0-9][a-z0-9.+-]{0,62}$/;

const UNKNOWN_TYPE = "application/octet-stream";

/** Error codes after which the same picture is resent automatically. */
const PASSING = ["overloaded", "storage_unavailable"];

/** The longest automatic pause before a retry, in seconds. If the service asks for a longer one, the user is told. */
const LONGEST_PAUSE = 30;

/**
 * Returns the result of `work`, which gets a signal that aborts after `milliseconds`, or when `end` is aborted before.
 * Throws a `TimeoutError` if it took too long. Browsers of 2023 lack `AbortSignal.any` and `.timeout`.
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

/** Returns the answer of `GET info`, or null. */
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
 * Has a picture classified, with labels of a `level`, and with heat maps if `explain` is set, unless the signal aborts
 * it. Returns `{ answer }` or `{ error: { code, detail, status, retryAfter } }`. Never throws.
 *
 * `detail` is null if the answer is not the service's own, such as a gateway's; `code` is then `network`, `timeout` or
 * `status_` and a number. `retryAfter` is the number of seconds after which to resend automatically, or 0.
 */
export async function classify(body, { level, explain }, token, end) {
  const query = `top_k=3&level=${level}${explain ? "&explain=true" : ""}`;
  const sent = await send(`classify?${query}`, body, token, end);
  return sent.error ? sent : Array.isArray(sent.json?.predictions) ? { answer: sent.json } : refusal(sent);
}

/**
 * Uploads a picture that is too large for a request. Returns `{ upload }`, the id to have it classified by, or an error
 * like `classify`. Never throws.
 */
export async function upload(body, token, end) {
  const wanted = { content_type: TYPE.test(body.type) ? body.type : UNKNOWN_TYPE, content_length: body.size };
  const sent = await send("uploads", json(wanted), token, end);
  const offer = sent.json;
  if (sent.error || !offer?.url) return sent.error ? sent : refusal(sent);
  const { url, method } = offer;
  // The browser sets the content length itself, and does not allow scripts to set it.
  const headers = { "Content-Type": offer.headers["content-type"] };
  const put = await ask(url, { method, body, headers }, PATIENCE_FOR_UPLOADS, end);
  return put.error ? put : put.response.ok ? { upload: offer.upload } : refusal(put);
}

/** Makes a JSON body. */
export const json = (value) => new Blob([JSON.stringify(value)], { type: "application/json" });

/**
 * Sends a body to a path of the service, with its SHA-256 if the browser can compute one: over HTTPS and on localhost.
 * CloudFront needs it to sign requests to a Function URL.
 */
async function send(path, body, token, end) {
  const headers = { "Content-Type": body.type || UNKNOWN_TYPE };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (globalThis.crypto?.subtle) headers["X-Amz-Content-Sha256"] = await sha256(body);
  return ask(new URL(path, BASE), { method: "POST", body, headers }, PATIENCE, end);
}

/** Returns the SHA-256 of a blob, in hexadecimal. */
async function sha256(blob) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends a request. Returns `{ response, json }`, where `json` is null if the answer is not JSON; or an error. */
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
    // Not an answer of this service.
    return { response, json: null };
  }
}

/** Returns the error of an answer. */
function refusal({ response, json }) {
  const { status } = response;
  const code = typeof json?.code === "string" ? json.code : `status_${status}`;
  const seconds = PASSING.includes(code) ? Number(response.headers.get("Retry-After")) : 0;
  const retryAfter = seconds <= LONGEST_PAUSE ? seconds : 0;
  return { error: { code, detail: json?.detail ?? null, status, retryAfter } };
}

/** Resolves after this many seconds; rejects when the signal is aborted before. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", reject, { once: true });
  });
}

/** Whether the same picture may succeed when it is sent again. */
export function isPassing({ code, status }) {
  return code === "network" || code === "timeout" || status === 408 || status === 429 || status >= 500;
}
