// What a canvas gives back. Some browsers change it, so that pages cannot tell people apart by it.

/** How long a canvas may take for its file, in milliseconds. Where its pixels are guarded it may never come. */
const PATIENCE = 10_000;
const PATIENCE_FOR_PROBE = 5_000;

/** Side of the canvas that is tried, in pixels, and of each colour in it: whole blocks of JPEG. */
const SIDE = 32;
const HALF = 16;

/** Colours of its quarters, and how far a JPEG of high quality may be from them. */
const COLORS = [[200, 40, 40], [40, 160, 60], [30, 60, 190], [120, 120, 120]];
const TOLERANCE = 16;

let faithful = null;

/** The canvas as a JPEG, or null where the browser does not make one, or not in time. */
export function jpegOf(canvas, patience = PATIENCE) {
  return new Promise((resolve) => {
    setTimeout(resolve, patience, null);
    try {
      canvas.toBlob(resolve, "image/jpeg", 0.9);
    } catch {
      // A drawing with HTML in it is shown only: it might tell what the page must not know.
      resolve(null);
    }
  });
}

/** Whether what is drawn on a canvas comes out of it: tried once, with known colours. */
export function isFaithful() {
  return (faithful ??= probe().catch(() => false));
}

async function probe() {
  const canvas = square();
  const context = canvas.getContext("2d");
  COLORS.forEach((color, at) => {
    context.fillStyle = `rgb(${color})`;
    context.fillRect((at % 2) * HALF, (at >> 1) * HALF, HALF, HALF);
  });
  const blob = await jpegOf(canvas, PATIENCE_FOR_PROBE);
  if (!blob) return false;
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const again = square().getContext("2d");
    again.drawImage(image, 0, 0);
    const { data } = again.getImageData(0, 0, SIDE, SIDE);
    // One pixel inside of each colour: at the edges, JPEG mixes them.
    return COLORS.every((color, at) => {
      const pixel = 4 * (((at >> 1) * HALF + HALF / 2) * SIDE + (at % 2) * HALF + HALF / 2);
      return color.every((value, channel) => Math.abs(data[pixel + channel] - value) <= TOLERANCE);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

function square() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  return canvas;
}
