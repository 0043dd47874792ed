// Accepts pictures, has them classified two at a time, and shows the results.

import { names, percent, show } from "./card.js";
import { FORMATS, prepare, read } from "./picture.js";
import { classify, info, isPassing, json, pause, upload } from "./service.js";
import { firstLanguage, remember, textsOf } from "./texts.js";

/** The number of pictures processed at the same time; more would only wait in the service. */
const AT_A_TIME = 2;

/** Bytes of waiting pictures to read in advance, because a file may be gone when its turn comes. */
const READ_AHEAD = 100 * 2 ** 20;

/** How often a picture is resent automatically when the service is overloaded. */
const RETRIES = 3;

const element = (id) => document.getElementById(id);
const results = element("results");
const status = element("status");

let language = firstLanguage();
let texts = textsOf(language);
let service = null;
let token = stored();
let pictures = [];
let working = 0;

const infoArrived = info().then((answer) => {
  service = answer;
  showService();
});

function add(files) {
  if (files.length === 0) {
    status.textContent = texts.nothing;
    return;
  }
  // Starts from zero when all pictures of the previous lot are done.
  if (pictures.every(isOver)) pictures.forEach((picture) => (picture.isCounted = false));
  for (const file of files) {
    const card = document.createElement("li");
    card.className = "picture";
    card.tabIndex = -1;
    const removal = new AbortController();
    const picture = { file, bytes: null, card, removal, state: "waiting", preview: null, notice: null, isCounted: true };
    pictures.push(picture);
    results.prepend(card);
    refresh(picture);
  }
  element("clear").hidden = false;
  readAhead();
  work();
}

/** Reads waiting pictures into memory, up to the limit. */
function readAhead() {
  for (const picture of pictures) {
    if (isOver(picture) || picture.bytes) continue;
    if (held() + picture.file.size > READ_AHEAD) return;
    bytesOf(picture);
  }
}

/** The number of bytes in memory. */
const held = () => pictures.reduce((sum, { bytes, file }) => sum + (bytes ? file.size : 0), 0);

/** Returns the bytes of a picture; each picture is read only once. */
function bytesOf(picture) {
  if (!picture.bytes) {
    picture.bytes = read(picture.file);
    // Allows reading it again when the picture is retried.
    picture.bytes.catch(() => (picture.bytes = null));
  }
  return picture.bytes;
}

const isOver = ({ state }) => state === "done" || state === "failed";

function refresh(picture, state = picture.state) {
  picture.state = state;
  show(picture, language, texts, again);
}

/**
 * Starts waiting pictures in the order in which they came. Waits while the token dialog is open, because all would be
 * refused.
 */
function work() {
  while (working < AT_A_TIME && element("token").hidden) {
    const next = pictures.find(({ state }) => state === "waiting");
    if (!next) return;
    working += 1;
    refresh(next, "scaling");
    look(next).finally(() => {
      working -= 1;
      work();
    });
  }
}

async function look(picture) {
  const { signal } = picture.removal;
  await infoArrived;
  let outcome;
  try {
    const bytes = await bytesOf(picture);
    const { body, notice, preview } = await prepare(bytes, picture.file.name, allowed());
    if (signal.aborted) return;
    picture.notice = notice;
    if (preview) picture.preview ??= URL.createObjectURL(preview);
    outcome = await send(picture, body);
  } catch {
    outcome = { error: { code: "unreadable", detail: null } };
  }
  if (signal.aborted) return;
  const isRefused = outcome.error?.status === 401;
  // The user has entered another token in the meantime.
  if (isRefused && token !== outcome.sentWith) return refresh(picture, "waiting");
  Object.assign(picture, { answer: null, error: null }, outcome);
  // Kept for a retry, if there is room.
  if (outcome.answer || !isPassing(outcome.error) || held() > READ_AHEAD) picture.bytes = null;
  refresh(picture, outcome.answer ? "done" : "failed");
  readAhead();
  if (isRefused) askForToken();
  announce(picture);
}

/** Whether a picture is uploaded first, because it is too large for a request. */
const isTooLarge = ({ size }) => Boolean(service?.uploads) && size > service.limits.max_body_bytes;

/** The maximum size of a picture: larger than a request if uploads are possible. */
function allowed() {
  if (!service?.uploads) return service?.limits;
  return { ...service.limits, max_body_bytes: Math.max(service.limits.max_body_bytes, service.limits.max_object_bytes) };
}

/**
 * The options of a request: classes, or everyday categories if the user wants them; heat maps if the model has them.
 */
const wanted = () => ({
  level: element("basic").checked ? "basic" : "leaf",
  explain: service?.model.explain === true,
});

/** Has a picture classified, with retries. Throws if it is removed while it waits. */
async function send(picture, body) {
  const { signal } = picture.removal;
  for (let left = RETRIES; ; left -= 1) {
    refresh(picture, "sending");
    const sentWith = token;
    const named = isTooLarge(body) ? await upload(body, sentWith, signal) : null;
    // An uploaded picture is not uploaded again when the service is busy.
    if (named?.upload) body = json(named);
    const outcome = named?.error ? named : await classify(body, wanted(), sentWith, signal);
    const seconds = outcome.error?.retryAfter;
    if (signal.aborted || left === 0 || !seconds) return { ...outcome, sentWith };
    refresh(picture, "busy");
    // Keeps its slot while it waits, because other pictures would be refused, too.
    await pause(seconds, signal);
  }
}

/** Reports the result of a picture, also to screen readers. */
function announce({ file, answer }) {
  const counted = pictures.filter(({ isCounted }) => isCounted);
  const [best] = answer?.predictions ?? [];
  const outcome = best
    ? `${file.name}: ${names(best, language)[0].text} ${percent(best.score)}.`
    : answer
      ? `${file.name}: ${texts.none}`
      : texts.failed(file.name);
  status.textContent = `${outcome} ${texts.done(counted.filter(isOver).length, counted.length)}`;
}

/** Sends a picture again. */
function again(picture) {
  refresh(picture, "waiting");
  // Its button, which had the focus, is gone.
  picture.card.focus();
  work();
}

function clear() {
  for (const picture of pictures) {
    picture.removal.abort();
    if (picture.preview) URL.revokeObjectURL(picture.preview);
  }
  pictures = [];
  results.replaceChildren();
  element("clear").hidden = true;
  status.textContent = texts.cleared;
  element("choose").focus();
}

function stored() {
  try {
    return sessionStorage.getItem("token");
  } catch {
    return null;
  }
}

function askForToken() {
  const form = element("token");
  if (!form.hidden) return;
  form.hidden = false;
  element("secret").focus();
}

function useToken(event) {
  event.preventDefault();
  // Copied text may contain characters that are not allowed in a header, such as a zero-width space.
  token = element("secret").value.replace(/[^!-~]/g, "");
  try {
    sessionStorage.setItem("token", token);
  } catch {
    // Storage may be blocked; then the page asks for the token after each reload.
  }
  element("token").hidden = true;
  element("choose").focus();
  for (const picture of pictures.filter(({ error, state }) => state === "failed" && error.status === 401)) {
    refresh(picture, "waiting");
  }
  work();
}

/** Classifies finished pictures again, with the current kind of labels. */
function changeLevel() {
  for (const picture of pictures.filter(({ state }) => state === "done")) refresh(picture, "waiting");
  work();
}

function showService() {
  if (!service) return;
  const { model } = service;
  const limits = allowed();
  element("levels").hidden = !model.levels?.includes("basic");
  const number = (value) => value.toLocaleString(language, { maximumFractionDigits: 1 });
  element("model").textContent = texts.model(
    model.name, number(model.classes), number(limits.max_body_bytes / 2 ** 20), number(limits.max_pixels / 1e6),
  );
}

function speak(chosen) {
  language = chosen;
  texts = textsOf(language);
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const node of document.querySelectorAll("[data-text]")) {
    const text = texts[node.dataset.text];
    node.textContent = typeof text === "function" ? text(FORMATS) : text;
  }
  element("language").value = language;
  showService();
  pictures.forEach((picture) => refresh(picture));
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

for (const [button, input] of [["choose", "file"], ["shoot", "camera"]]) {
  element(button).addEventListener("click", () => element(input).click());
  element(input).addEventListener("change", ({ target }) => {
    const files = [...target.files];
    // Allows choosing the same file again.
    target.value = "";
    if (files.length > 0) add(files);
  });
}
/** Accepts dropped or pasted data. A picture from another page may have only an address. */
function take(transfer) {
  const files = [...(transfer?.files ?? [])];
  const isAddress = transfer?.types.includes("text/uri-list") || /<img\b/i.test(transfer?.getData("text/html"));
  if (files.length === 0 && isAddress) status.textContent = texts.address;
  else add(files);
}

/** Text may be dropped into the token field. All other drops must not navigate away from the page. */
const isForToken = (event) => event.target === element("secret") && !hasFiles(event);

addEventListener("dragover", (event) => {
  if (isForToken(event)) return;
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  document.body.classList.remove("dragging");
  if (isForToken(event)) return;
  event.preventDefault();
  take(event.dataTransfer);
});
addEventListener("paste", (event) => {
  // Let the token field receive pasted text.
  if (event.target === element("secret")) return;
  take(event.clipboardData);
});
element("clear").addEventListener("click", clear);
element("basic").addEventListener("change", changeLevel);
element("token").addEventListener("submit", useToken);
element("language").addEventListener("change", ({ target }) => {
  remember(target.value);
  speak(target.value);
});
speak(language);
