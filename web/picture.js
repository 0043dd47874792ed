// Converts a file in memory to the bytes to send, and a small preview.

import { isFaithful, jpegOf } from "./canvas.js";

/** Long side of pictures made here, in pixels: more than any model looks at. */
const LONG_SIDE = 2048;

/** The long side is not reduced below this to save bytes, in pixels, because there would be too little to see. */
const SHORT_SIDE = 128;

/** Long side of a preview, in screen pixels. */
const PREVIEW_SIDE = 480;

/** The maximum size in bytes of a picture that is its own preview. */
const LARGEST_PREVIEW = 2 ** 20;

/** Formats that the service decodes, with their first bytes; `.` is any byte. */
const ACCEPTED = {
  JPEG: ["\xff\xd8\xff"],
  PNG: ["\x89PNG"],
  WebP: ["RIFF....WEBP"],
  GIF: ["GIF8"],
  BMP: ["BM"],
  TIFF: ["II*\0", "MM\0*", "II+\0", "MM\0+"],
  AVIF: ["....ftypavi"],
};

/** The names of these formats. */
export const FORMATS = Object.keys(ACCEPTED);

/** Formats that not every browser shows: first bytes, name, and browsers that do. */
const RARE = [
  ["....ftyphe", "HEIC", "Safari"],
  ["....ftypmif1", "HEIC", "Safari"],
  ["....JXL ", "JPEG XL", "Safari"],
  ["\xff\x0a", "JPEG XL", "Safari"],
];

/** Reads a file into memory, because the file may change, move or vanish. Rejects if it cannot be read. */
export async function read(file) {
  return new Blob([await file.arrayBuffer()], { type: file.type });
}

/**
 * Makes a picture smaller or converts it, if it would be refused as it is.
 *
 * `bytes` is a blob, `name` the name of its file, and `limits` are those of `GET info`. The notice describes what was
 * done: `{ key, from, to }`, or null. The preview is a blob, or null if the browser cannot show the picture.
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
    // If the service reports no limits, it decides itself.
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

/** Returns the picture as the browser shows it, upright, or null. */
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
  // An SVG may have no size of its own.
  const width = element.naturalWidth || LONG_SIDE / 2;
  const height = element.naturalHeight || LONG_SIDE / 2;
  return { element, width, height, release: () => URL.revokeObjectURL(url) };
}

/**
 * Returns the picture as a JPEG on white, with at most this long side; null if the browser cannot or must not make one.
 */
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

/** Returns `AVIF` for `image/avif`, otherwise the extension of the file. */
function formatName(type, name) {
  const kind = type.match(/^image\/(?:x-)?(\w+)/)?.[1] ?? name.split(".").pop();
  return kind.slice(0, 8).toUpperCase();
}
