// A file as it was chosen → the bytes that are sent, and a small preview.

/** Long side of what is made here, in pixels: more than any model looks at. */
const LONG_SIDE = 2048;

/** A long side that is not made shorter to save bytes, in pixels: there would be too little to see. */
const SHORT_SIDE = 128;

/** Long side of a preview, in pixels of the screen's. */
const PREVIEW_SIDE = 480;

/** What the service decodes, by its first bytes; `.` is any byte. */
const ACCEPTED = ["\xff\xd8\xff", "\x89PNG", "GIF8", "BM", "RIFF....WEBP"];

/**
 * Reads a file and makes it smaller, or another format, where it would be refused as it is.
 *
 * `limits` are those of `GET info`. The notice says what was done: `{ key, from, to }`, or is null. The preview is
 * a blob, or null where the browser cannot show the picture. Throws if the file cannot be read.
 */
export async function prepare(file, limits) {
  const start = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const isAccepted = ACCEPTED.some((magic) => begins(start, magic));
  const image = await load(file);
  if (!image) return { body: file, notice: null, preview: null };
  try {
    // Where the service tells no limits, it is left to refuse.
    const { max_body_bytes: maxBytes = Infinity, max_pixels: maxPixels = Infinity } = limits ?? {};
    const isTooLarge = file.size > maxBytes || image.width * image.height > maxPixels;
    const preview = await drawn(image, PREVIEW_SIDE);
    if (isAccepted && !isTooLarge) return { body: file, notice: null, preview: preview?.blob ?? null };
    let side = Math.min(LONG_SIDE, Math.max(image.width, image.height), Math.sqrt(maxPixels));
    let made = await drawn(image, side);
    while (made?.blob.size > maxBytes && side > SHORT_SIDE) made = await drawn(image, (side /= 2));
    if (!made) return { body: file, notice: null, preview: preview?.blob ?? null };
    const from = isAccepted ? size(image) : formatName(file);
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
async function load(file) {
  const url = URL.createObjectURL(file);
  const element = new Image();
  element.src = url;
  try {
    await element.decode();
  } catch {
    URL.revokeObjectURL(url);
    return null;
  }
  // A drawing without a size of its own has none.
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
  try {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    return blob && { blob, width: canvas.width, height: canvas.height };
  } catch {
    // A drawing with HTML in it is shown only: it might tell what the page must not know.
    return null;
  }
}

function size({ width, height }) {
  return `${width} × ${height}`;
}

/** `AVIF` of `image/avif`, else the end of the file's name. */
function formatName(file) {
  const kind = file.type.match(/^image\/(?:x-)?(\w+)/)?.[1] ?? file.name.split(".").pop();
  return kind.slice(0, 8).toUpperCase();
}
