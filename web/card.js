// Shows a picture and its labels.

import { drawing, placeOf } from "./heat.js";
import { isPassing } from "./service.js";

/** Creates an element with a class and content; text is never parsed as HTML. */
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Formats 0.95 as `95.0 %`. */
export function percent(score) {
  return score < 0.0005 ? "< 0.1\u00a0%" : `${(score * 100).toFixed(1)}\u00a0%`;
}

/** Returns the name for the current language first, then the other one. */
export function names({ label, label_zh: chinese }, language) {
  if (!chinese) return [{ text: label }];
  const both = [
    { text: label, className: "label", lang: "en" },
    { text: chinese, className: "label-zh", lang: "zh" },
  ];
  return language === "zh" ? both.reverse() : both;
}

/** Rebuilds a picture's card for its state, after each change. */
export function show(picture, language, texts, retry) {
  const { card, file, state, preview, notice } = picture;
  card.dataset.state = state;
  const thumb = make("div", "thumb");
  if (preview) {
    const image = make("img", "preview");
    image.src = preview;
    image.alt = file.name;
    thumb.append(image);
  } else if (state === "failed" || state === "done") {
    // The end of the file name; screen readers read the full name.
    const kind = make("span", "kind", file.name.split(".").pop().slice(0, 4).toUpperCase());
    kind.setAttribute("aria-hidden", "true");
    thumb.append(kind);
  }
  const name = make("p", "name", file.name);
  name.title = file.name;
  const body = make("div", "body", name);
  if (state === "done") {
    body.append(...labels(picture.answer, thumb, language, texts), facts(picture.answer, texts));
  } else if (state === "failed") {
    body.append(...failure(picture.error, texts, () => retry(picture)));
  } else {
    const progress = make("progress");
    progress.setAttribute("aria-label", `${file.name}: ${texts[state]}`);
    if (state === "waiting") progress.value = 0;
    body.append(make("div", "working", progress, make("span", "muted", texts[state])));
  }
  if (notice) body.append(make("p", "notice", texts[notice.key](notice.from, notice.to)));
  card.replaceChildren(thumb, body);
}

/** Shows the labels, and their places in the picture if the service returns heat maps. */
function labels({ predictions, image }, thumb, language, texts) {
  if (predictions.length === 0) return [make("p", "muted", texts.none)];
  const isExplained = predictions.some((prediction) => prediction.heat_map);
  const where = make("span", "where", texts.point);
  const point = pointer();
  const items = predictions.map((prediction) => {
    const map = prediction.heat_map;
    const first = make(map ? "button" : "span", "first");
    names(prediction, language).forEach(({ text, className, lang }, at) => {
      const name = make("span", `${className ?? "label"} ${at ? "second" : ""}`.trim(), text);
      if (lang) name.lang = lang;
      if (at) first.append(" ");
      first.append(name);
    });
    const filled = make("div");
    filled.style.width = `${prediction.score * 100}%`;
    const bar = make("div", "bar", filled);
    // The percentage has the same information.
    bar.setAttribute("aria-hidden", "true");
    const item = make("li", "", first, make("span", "percent", percent(prediction.score)), bar);
    if (map) {
      const sentence = texts.places(placeOf(map, image));
      first.type = "button";
      first.append(make("small", "sr-only", ` ${sentence}`));
      point(item, first, (isShown) => {
        thumb.querySelector(".heat")?.remove();
        thumb.classList.toggle("explained", isShown);
        const [name] = names(prediction, language);
        where.textContent = isShown ? texts.where(name.text, sentence) : texts.point;
        const drawn = isShown && thumb.querySelector(".preview") && drawing(map, image);
        if (drawn) thumb.append(drawn);
      });
    }
    return item;
  });
  const list = make("ol", "labels", ...items);
  return isExplained ? [list, legend(where, texts)] : [list];
}

/**
 * For the labels of one card: reports when a label is hovered, focused or tapped, and when this ends. The hovered label
 * takes precedence over the focused one, which is shown again when the pointer leaves.
 */
function pointer() {
  let hovered, focused, shown;
  const update = () => {
    const next = hovered ?? focused;
    if (next === shown) return;
    (next ?? shown)(next !== undefined);
    shown = next;
  };
  return (item, button, show) => {
    item.addEventListener("pointerenter", () => update((hovered = show)));
    item.addEventListener("pointerleave", () => update((hovered = undefined)));
    button.addEventListener("focus", () => update((focused = show)));
    button.addEventListener("blur", () => update((focused = undefined)));
    // Safari does not focus tapped elements.
    item.addEventListener("click", () => button.focus());
    button.addEventListener("keydown", ({ key }) => key === "Escape" && update((hovered = focused = undefined)));
  };
}

function legend(where, texts) {
  const scale = make("span", "scale");
  scale.setAttribute("aria-hidden", "true");
  return make("p", "legend", where, make("span", "range", texts.little, scale, texts.much));
}

function facts({ model, timing_ms: timing, image, cached }, texts) {
  const milliseconds = `${timing.total.toFixed(1)} ms`;
  const parts = [model.name, milliseconds, `${image.width} × ${image.height}`, image.format.toUpperCase()];
  if (cached) parts.push(texts.cached);
  return make("p", "facts", parts.join(" · "));
}

/** The text for errors without a message from the service. */
function detailOf({ code, detail, status }, texts) {
  return detail ?? texts.details[code] ?? texts.details.status(status);
}

function failure(error, texts, again) {
  const { advice } = texts;
  const message = make("p", "error", detailOf(error, texts));
  message.dataset.code = error.code;
  // The service's messages are in English.
  if (error.detail) message.lang = "en";
  const shown = [message, make("p", "advice", advice[error.code] ?? advice.other)];
  if (isPassing(error)) {
    const button = make("button", "retry", texts.retry);
    button.type = "button";
    button.addEventListener("click", again);
    shown.push(button);
  }
  return shown;
}
