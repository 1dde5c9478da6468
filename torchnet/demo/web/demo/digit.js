// Convert strokes to an image in the form of the training data.

// The form of training images by size: the ink fits into a square of `box` pixels, lines are `line` pixels wide, and
// with `byMass` the image is centered by its center of mass.
const FORMS = {
  28: { box: 20, line: 2.5, byMass: true }, // MNIST, as described by its authors
  8: { box: 8, line: 1.2, byMass: false }, // the digits of scikit-learn fill their image
};
const formOf = (side) => FORMS[side] ?? { box: (side * 20) / 28, line: (side * 2.5) / 28, byMass: true };

/** Describe how strokes are converted. */
function formText(side) {
  const { box, byMass } = formOf(side);
  const size = Math.round(box);
  const centered = byMass ? " and centered by their center of mass" : "";
  return `The strokes are scaled to fit into ${size} × ${size} pixels${centered}, like the training images.`;
}

const SAMPLES = 6; // per side of a pixel
const SMALLEST = 0.12; // relative to the board; smaller drawings are dots and are not enlarged

/**
 * Return the image of strokes: side² numbers from 0 (paper) to 1 (ink).
 *
 * @param strokes lists of points [x, y], with x to the right and y down, on a board of width 1.
 */
function imageOf(strokes, side) {
  const points = strokes.flat();
  if (points.length === 0) return new Float64Array(side * side);
  const { box, line, byMass } = formOf(side);
  const [left, right] = extremes(points.map(([x]) => x));
  const [top, bottom] = extremes(points.map(([, y]) => y));
  const scale = (box - line) / Math.max(right - left, bottom - top, SMALLEST);
  const place = ([x, y]) => [(x - (left + right) / 2) * scale + side / 2, (y - (top + bottom) / 2) * scale + side / 2];
  const ink = sampledInk(strokes.map((stroke) => stroke.map(place)), side, line / 2);
  return averaged(ink, side, byMass ? shiftToMiddle(ink, side) : [0, 0]);
}

const extremes = (values) => [Math.min(...values), Math.max(...values)];

/** Return for each sample, row by row, whether it lies within a radius of a stroke. */
function sampledInk(strokes, side, radius) {
  const width = side * SAMPLES;
  const ink = new Uint8Array(width * width);
  const first = (low) => Math.max(0, Math.floor((low - radius) * SAMPLES));
  const last = (high) => Math.min(width - 1, Math.ceil((high + radius) * SAMPLES));
  for (const stroke of strokes) {
    for (let k = 0; k < stroke.length; k++) {
      const [ax, ay] = stroke[Math.max(k - 1, 0)]; // a stroke may have only one point
      const [bx, by] = stroke[k];
      for (let v = first(Math.min(ay, by)); v <= last(Math.max(ay, by)); v++) {
        for (let u = first(Math.min(ax, bx)); u <= last(Math.max(ax, bx)); u++) {
          const [x, y] = [(u + 0.5) / SAMPLES, (v + 0.5) / SAMPLES];
          if (squaredDistance(x - ax, y - ay, bx - ax, by - ay) <= radius * radius) ink[v * width + u] = 1;
        }
      }
    }
  }
  return ink;
}

/** Return the squared distance of a point from the line segment from (0, 0) to (dx, dy). */
function squaredDistance(x, y, dx, dy) {
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
  return (x - along * dx) ** 2 + (y - along * dy) ** 2;
}

/** Return the shift in samples that moves the center of mass of the ink to the middle. */
function shiftToMiddle(ink, side) {
  const width = side * SAMPLES;
  let [across, down, total] = [0, 0, 0];
  ink.forEach((hit, k) => {
    across += hit * (k % width);
    down += hit * Math.floor(k / width);
    total += hit;
  });
  const middle = (width - 1) / 2;
  return [Math.round(middle - across / total), Math.round(middle - down / total)];
}

/** Shift the samples by (dx, dy) and return the mean of the samples in each pixel. */
function averaged(ink, side, [dx, dy]) {
  const width = side * SAMPLES;
  const image = new Float64Array(side * side);
  ink.forEach((hit, k) => {
    const column = Math.floor(((k % width) + dx) / SAMPLES);
    const row = Math.floor((Math.floor(k / width) + dy) / SAMPLES);
    if (hit && column >= 0 && column < side && row >= 0 && row < side) image[row * side + column] += 1;
  });
  return image.map((count) => count / SAMPLES ** 2);
}
