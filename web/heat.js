// Shows where in a picture the evidence for a label is: over its preview, and in words.

/** Colours for little and for most evidence; the legend in the style sheet has them, too. */
const COLORS = [[255, 0, 80], [255, 225, 0]];

/** The opacity of the colour where the evidence is strongest. */
const COVER = 0.75;

/** The size of the drawing, in pixels; it is shown as large as the preview. */
const LONG_SIDE = 256;

/**
 * If the evidence is spread further than this from its centre, as a fraction of the picture, it is "everywhere". Even
 * spread gives 0.41.
 */
const ALL_OVER = 0.36;

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return [canvas, canvas.getContext("2d")];
}

/** Draws a heat map, with the aspect ratio of its picture. Returns null if the browser does not draw. */
export function drawing({ width, height, values, region }, image) {
  const [cells, context] = canvasOf(width, height);
  const scale = LONG_SIDE / Math.max(image.width, image.height);
  const side = (length) => Math.max(1, Math.round(length * scale));
  const [canvas, over] = canvasOf(side(image.width), side(image.height));
  if (!context || !over) return null;
  const pixels = context.createImageData(width, height);
  values.flat().forEach((heat, at) => {
    const color = COLORS[0].map((from, channel) => from + (COLORS[1][channel] - from) * heat);
    pixels.data.set([...color, 255 * COVER * heat], at * 4);
  });
  context.putImageData(pixels, 0, 0);
  const across = canvas.width / image.width;
  const down = canvas.height / image.height;
  over.imageSmoothingQuality = "high";
  over.drawImage(cells, region.x * across, region.y * down, region.width * across, region.height * down);
  canvas.className = "heat";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

/** Returns where the evidence is: the vertical and horizontal third of the picture, from 0 to 2, or `all` or `none`. */
export function placeOf({ width, height, values, region }, image) {
  let [sum, x, y, squares] = [0, 0, 0, 0];
  values.forEach((row, down) =>
    row.forEach((heat, across) => {
      // Squaring gives strong evidence more weight.
      const weight = heat ** 2;
      const left = (region.x + ((across + 0.5) / width) * region.width) / image.width;
      const top = (region.y + ((down + 0.5) / height) * region.height) / image.height;
      sum += weight;
      x += weight * left;
      y += weight * top;
      squares += weight * (left ** 2 + top ** 2);
    }),
  );
  if (sum === 0) return "none";
  [x, y, squares] = [x / sum, y / sum, squares / sum];
  if (squares - x ** 2 - y ** 2 > ALL_OVER ** 2) return "all";
  const third = (part) => Math.min(2, Math.max(0, Math.floor(part * 3)));
  return [third(y), third(x)];
}
