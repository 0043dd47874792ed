// Takes pictures in, has them classified two at a time, and shows what comes back.

import { names, percent, show } from "./card.js";
import { FORMATS, prepare, read } from "./picture.js";
import { classify, info, isPassing, json, pause, upload } from "./service.js";
import { firstLanguage, remember, textsOf } from "./texts.js";

/** Pictures that are worked on at the same time; more would only wait in the service. */
const AT_A_TIME = 2;

/** Bytes of waiting pictures that are read before it is their turn: a file may be gone by then. */
const READ_AHEAD = 100 * 2 ** 20;

/** How often a picture is sent once more by itself, where the service has too much to do. */
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
  // Counted anew once all of the last lot are done.
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

/** Reads waiting pictures into memory, as many as may be there. */
function readAhead() {
  for (const picture of pictures) {
    if (isOver(picture) || picture.bytes) continue;
    if (held() + picture.file.size > READ_AHEAD) return;
    bytesOf(picture);
  }
}

/** The bytes that are in memory. */
const held = () => pictures.reduce((sum, { bytes, file }) => sum + (bytes ? file.size : 0), 0);

/** The bytes of a picture, read once. */
function bytesOf(picture) {
  if (!picture.bytes) {
    picture.bytes = read(picture.file);
    // It may be read anew when the picture is tried again.
    picture.bytes.catch(() => (picture.bytes = null));
  }
  return picture.bytes;
}

const isOver = ({ state }) => state === "done" || state === "failed";

function refresh(picture, state = picture.state) {
  picture.state = state;
  show(picture, language, texts, again);
}

/** Begins with what waits, in the order in which it came; not while the token is asked for: all would be refused. */
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
  // Another token was given in the meantime.
  if (isRefused && token !== outcome.sentWith) return refresh(picture, "waiting");
  Object.assign(picture, { answer: null, error: null }, outcome);
  // Kept for another try, where there is room.
  if (outcome.answer || !isPassing(outcome.error) || held() > READ_AHEAD) picture.bytes = null;
  refresh(picture, outcome.answer ? "done" : "failed");
  readAhead();
  if (isRefused) askForToken();
  announce(picture);
}

/** Whether a picture is put elsewhere first, since no request takes it. */
const isTooLarge = ({ size }) => Boolean(service?.uploads) && size > service.limits.max_body_bytes;

/** What a picture may have: where it can be put elsewhere, more than a request. */
function allowed() {
  if (!service?.uploads) return service?.limits;
  return { ...service.limits, max_body_bytes: Math.max(service.limits.max_body_bytes, service.limits.max_object_bytes) };
}

/** What is asked for: classes, or everyday categories where a person wants them; heat maps where there are any. */
const wanted = () => ({
  level: element("basic").checked ? "basic" : "leaf",
  explain: service?.model.explain === true,
});

/** Has a picture classified, in the end; throws if it is removed while it waits. */
async function send(picture, body) {
  const { signal } = picture.removal;
  for (let left = RETRIES; ; left -= 1) {
    refresh(picture, "sending");
    const sentWith = token;
    const named = isTooLarge(body) ? await upload(body, sentWith, signal) : null;
    // What was put into the bucket is not put there again while the service is busy.
    if (named?.upload) body = json(named);
    const outcome = named?.error ? named : await classify(body, wanted(), sentWith, signal);
    const seconds = outcome.error?.retryAfter;
    if (signal.aborted || left === 0 || !seconds) return { ...outcome, sentWith };
    refresh(picture, "busy");
    // It keeps its place: others would be too much as well.
    await pause(seconds, signal);
  }
}

/** Says what became of a picture, to those who hear the page, too. */
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

/** Sends a picture once more. */
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
  // A copied text may hold characters that a header must not, such as a space of no width.
  token = element("secret").value.replace(/[^!-~]/g, "");
  try {
    sessionStorage.setItem("token", token);
  } catch {
    // Storage may be forbidden; then it is asked for after each reload.
  }
  element("token").hidden = true;
  element("choose").focus();
  for (const picture of pictures.filter(({ error, state }) => state === "failed" && error.status === 401)) {
    refresh(picture, "waiting");
  }
  work();
}

/** Classifies what is done once more, with the labels that are wanted now. */
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
    // So that the same file can be chosen again.
    target.value = "";
    if (files.length > 0) add(files);
  });
}
/** Takes what was dropped or pasted. Of a picture in another page there may be only the address. */
function take(transfer) {
  const files = [...(transfer?.files ?? [])];
  const isAddress = transfer?.types.includes("text/uri-list") || /<img\b/i.test(transfer?.getData("text/html"));
  if (files.length === 0 && isAddress) status.textContent = texts.address;
  else add(files);
}

/** Text may be dropped into the field of the token. Whatever else is dropped must not lead away from the page. */
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
  // Into the field of the token, text is pasted.
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
