// Reads pixels from a canvas. Some browsers falsify them, so that pages cannot fingerprint users.

/**
 * Timeout for a canvas to return its file, in milliseconds. If the browser protects its pixels, the file may never
 * come.
 */
const PATIENCE = 10_000;
const PATIENCE_FOR_PROBE = 5_000;

/** Sides of the test canvas and of each colour in it, in pixels. They are whole JPEG blocks. */
const SIDE = 32;
const HALF = 16;

/** Colours of its quarters, and the tolerance for a JPEG of high quality. */
const COLORS = [[200, 40, 40], [40, 160, 60], [30, 60, 190], [120, 120, 120]];
const TOLERANCE = 16;

let faithful = null;

/** Returns the canvas as a JPEG, or null if the browser does not make one, or not in time. */
export function jpegOf(canvas, patience = PATIENCE) {
  return new Promise((resolve) => {
    setTimeout(resolve, patience, null);
    try {
      canvas.toBlob(resolve, "image/jpeg", 0.9);
    } catch {
      // A drawing that contains HTML can only be shown: reading it might reveal data that the page must not know.
      resolve(null);
    }
  });
}

/** Whether the browser returns what is drawn on a canvas. It is tested once, with known colours. */
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
    // One pixel inside each colour, because JPEG mixes colours at the edges.
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
