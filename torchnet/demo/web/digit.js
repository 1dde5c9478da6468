// From strokes to the image that the network sees, in the form of the data that it was trained on.

// What was done to the images of each size: `box` is the square in which the ink fits, `line` how wide it is, in
// pixels; and whether the image is then moved until its center of mass is in the middle.
const FORMS = {
  28: { box: 20, line: 2.5, byMass: true }, // MNIST, as its authors describe it
  8: { box: 8, line: 1.2, byMass: false }, // the digits of scikit-learn, which fill their image
};
const formOf = (side) => FORMS[side] ?? { box: (side * 20) / 28, line: (side * 2.5) / 28, byMass: true };

/** Say what is done to strokes. */
function formText(side) {
  const { box, byMass } = formOf(side);
  const size = Math.round(box);
  const moved = byMass ? ", with their center of mass in the middle" : "";
  return `The strokes, fitted into ${size} × ${size} pixels${moved}: the form of the images in training.`;
}

const SAMPLES = 6; // along each side of a pixel
const SMALLEST = 0.12; // of the board: what is smaller is a dot, and not blown up

/**
 * Return the image of strokes, side² numbers from 0, paper, to 1, ink.
 *
 * @param strokes each a list of points [x, y], of any scale with x to the right and y down; a board is 1 wide.
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
  return averaged(ink, side, byMass ? toTheMiddle(ink, side) : [0, 0]);
}

const extremes = (values) => [Math.min(...values), Math.max(...values)];

/** Return which samples lie within a radius of a stroke, row by row. */
function sampledInk(strokes, side, radius) {
  const width = side * SAMPLES;
  const ink = new Uint8Array(width * width);
  const first = (low) => Math.max(0, Math.floor((low - radius) * SAMPLES));
  const last = (high) => Math.min(width - 1, Math.ceil((high + radius) * SAMPLES));
  for (const stroke of strokes) {
    for (let k = 0; k < stroke.length; k++) {
      const [ax, ay] = stroke[Math.max(k - 1, 0)]; // of a stroke that is one point, that point
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

/** Return the squared distance of a point from the line from (0, 0) to (dx, dy). */
function squaredDistance(x, y, dx, dy) {
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
  return (x - along * dx) ** 2 + (y - along * dy) ** 2;
}

/** Return by how many samples the ink has to move for its center of mass to be in the middle. */
function toTheMiddle(ink, side) {
  const width = side * SAMPLES;
  let [across, down, total] = [0, 0, 0];
  ink.forEach((there, k) => {
    across += there * (k % width);
    down += there * Math.floor(k / width);
    total += there;
  });
  const middle = (width - 1) / 2;
  return [Math.round(middle - across / total), Math.round(middle - down / total)];
}

/** Return the image whose pixels are the means of their samples, moved by so many of them. */
function averaged(ink, side, [dx, dy]) {
  const width = side * SAMPLES;
  const image = new Float64Array(side * side);
  ink.forEach((there, k) => {
    const column = Math.floor(((k % width) + dx) / SAMPLES);
    const row = Math.floor((Math.floor(k / width) + dy) / SAMPLES);
    if (there && column >= 0 && column < side && row >= 0 && row < side) image[row * side + column] += 1;
  });
  return image.map((count) => count / SAMPLES ** 2);
}
