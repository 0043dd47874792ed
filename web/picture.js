// A file, in memory → the bytes that are sent, and a small preview.

import { isFaithful, jpegOf } from "./canvas.js";

/** Long side of what is made here, in pixels: more than any model looks at. */
const LONG_SIDE = 2048;

/** A long side that is not made shorter to save bytes, in pixels: there would be too little to see. */
const SHORT_SIDE = 128;

/** Long side of a preview, in pixels of the screen. */
const PREVIEW_SIDE = 480;

/** Bytes of a picture that is its own preview, at most. */
const LARGEST_PREVIEW = 2 ** 20;

/** What the service decodes, with its first bytes; `.` is any byte. */
const ACCEPTED = {
  JPEG: ["\xff\xd8\xff"],
  PNG: ["\x89PNG"],
  WebP: ["RIFF....WEBP"],
  GIF: ["GIF8"],
  BMP: ["BM"],
  TIFF: ["II*\0", "MM\0*", "II+\0", "MM\0+"],
  AVIF: ["....ftypavi"],
};

/** The names of what the service decodes. */
export const FORMATS = Object.keys(ACCEPTED);

/** What not every browser shows: its first bytes, its name, and browsers that do. */
const RARE = [
  ["....ftyphe", "HEIC", "Safari"],
  ["....ftypmif1", "HEIC", "Safari"],
  ["....JXL ", "JPEG XL", "Safari"],
  ["\xff\x0a", "JPEG XL", "Safari"],
];

/** The bytes of a file: the file itself may change, move or vanish. Rejects if it cannot be read. */
export async function read(file) {
  return new Blob([await file.arrayBuffer()], { type: file.type });
}

/**
 * Makes a picture smaller, or another format, where it would be refused as it is.
 *
 * `bytes` is a blob, `name` that of its file, and `limits` are those of `GET info`. The notice says what was done:
 * `{ key, from, to }`, or is null. The preview is a blob, or null where the browser cannot show the picture.
 */
export async function prepare(bytes, name, limits) {
  const start = new Uint8Array(await bytes.slice(0, 16).arrayBuffer());
  const isAccepted = Object.values(ACCEPTED).flat().some((magic) => begins(start, magic));
  const image = await load(bytes);
  if (!image) {
    const [, from, to] = RARE.find(([magic]) => begins(start, magic)) ?? [];
    return { body: bytes, notice: from ? { key: "unshown", from, to } : null, preview: null };
  }
  try {
    // Where the service tells no limits, it is left to refuse.
    const { max_body_bytes: maxBytes = Infinity, max_pixels: maxPixels = Infinity } = limits ?? {};
    const isTooLarge = bytes.size > maxBytes || image.width * image.height > maxPixels;
    const isSent = isAccepted && !isTooLarge;
    if (!(await isFaithful())) {
      const preview = bytes.size < LARGEST_PREVIEW ? bytes : null;
      return { body: bytes, notice: isSent ? null : { key: "guarded" }, preview };
    }
    const preview = await drawn(image, PREVIEW_SIDE);
    if (isSent) return { body: bytes, notice: null, preview: preview?.blob ?? null };
    let side = Math.min(LONG_SIDE, Math.max(image.width, image.height), Math.sqrt(maxPixels));
    let made = await drawn(image, side);
    while (made?.blob.size > maxBytes && side > SHORT_SIDE) made = await drawn(image, (side /= 2));
    if (!made) return { body: bytes, notice: null, preview: preview?.blob ?? null };
    const from = isAccepted ? size(image) : formatName(bytes.type, name);
    const to = size(made);
    const key = isAccepted ? (from === to ? "compressed" : "scaled") : "converted";
    const notice = { key, from, to };
    return { body: made.blob, notice, preview: preview?.blob ?? null };
  } finally {
    image.release();
  }
}

function begins(bytes, magic) {
  return [...magic].every((character, at) => character === "." || bytes[at] === character.charCodeAt(0));
}

/** The picture as the browser shows it, upright, or null. */
async function load(bytes) {
  const url = URL.createObjectURL(bytes);
  const element = new Image();
  element.src = url;
  try {
    await element.decode();
  } catch {
    URL.revokeObjectURL(url);
    return null;
  }
  // A drawing may have no size of its own.
  const width = element.naturalWidth || LONG_SIDE / 2;
  const height = element.naturalHeight || LONG_SIDE / 2;
  return { element, width, height, release: () => URL.revokeObjectURL(url) };
}

/** The picture as a JPEG on white, its long side no longer than that; null where the browser cannot or must not. */
async function drawn({ element, width, height }, longSide) {
  const scale = Math.min(1, longSide / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(element, 0, 0, canvas.width, canvas.height);
  const blob = await jpegOf(canvas);
  return blob && { blob, width: canvas.width, height: canvas.height };
}

function size({ width, height }) {
  return `${width} × ${height}`;
}

/** `AVIF` of `image/avif`, else the end of the file's name. */
function formatName(type, name) {
  const kind = type.match(/^image\/(?:x-)?(\w+)/)?.[1] ?? name.split(".").pop();
  return kind.slice(0, 8).toUpperCase();
}
