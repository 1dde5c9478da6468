// The data sets, drawn from random numbers: points of the plane with classes, points of a curve, and small digits.

const TRAIN_SIZE = 400;
const TEST_SIZE = 200;
const DIGIT_SIDE = 8; // pixels

// Each has `sample`, which returns the input and the target of sample n. Noise has a standard deviation of `noise`.
const DATASETS = {
  spirals: { in_features: 2, out_features: 2, sample: inPlane(spirals) },
  moons: { in_features: 2, out_features: 2, sample: inPlane(moons) },
  circles: { in_features: 2, out_features: 2, sample: inPlane(circles) },
  xor: { in_features: 2, out_features: 2, sample: inPlane(xor) },
  curve: { in_features: 1, out_features: 1, isRegression: true, sample: curve },
  digits: { in_features: DIGIT_SIDE ** 2, out_features: 10, sample: digit },
};

/**
 * Return the data set of some settings:
 *     { name, in_features, out_features, isRegression, train, test }, the parts { size, inputs, targets }
 *
 * inputs: (size, in_features); targets: size classes, or (size, out_features) numbers if it is a regression.
 */
function makeData({ dataset, noise, seed }) {
  const { sample, isRegression = false, ...widths } = DATASETS[dataset];
  const random = new Random(seed);
  const draw = (size) => {
    const samples = Array.from({ length: size }, (_, n) => sample(n, random, noise));
    return {
      size,
      inputs: Float64Array.from(samples.flatMap(({ input }) => [...input])),
      targets: (isRegression ? Float64Array : Int32Array).from(samples.map(({ target }) => target)),
    };
  };
  return { name: dataset, ...widths, isRegression, train: draw(TRAIN_SIZE), test: draw(TEST_SIZE) };
}

/** Return some rows of a part of a data set. */
function rowsOf({ size, inputs, targets }, indices) {
  const I = inputs.length / size;
  const rows = { inputs: new Float64Array(indices.length * I), targets: new targets.constructor(indices.length) };
  indices.forEach((index, n) => {
    rows.inputs.set(inputs.subarray(index * I, (index + 1) * I), n * I);
    rows.targets[n] = targets[index];
  });
  return rows;
}

/** Return `sample` for points of two classes in turns, within -1..1 and with noise on both coordinates. */
function inPlane(pointOf) {
  return (n, random, noise) => {
    const { point, target = n % 2 } = pointOf(n % 2, random);
    return { input: point.map((coordinate) => coordinate + noise * random.normal()), target };
  };
}

function spirals(label, random) {
  const radius = Math.sqrt(random.between(0.01, 1)); // as many points per length outside as inside
  const angle = 2.5 * Math.PI * radius + label * Math.PI;
  return { point: [radius * Math.cos(angle), radius * Math.sin(angle)] };
}

function moons(label, random) {
  const angle = random.between(0, Math.PI);
  const [x, y] = [Math.cos(angle), Math.sin(angle)];
  return { point: label ? [(0.5 - x) / 1.5, 0.25 - y] : [(x - 0.5) / 1.5, y - 0.25] };
}

function circles(label, random) {
  const angle = random.between(0, 2 * Math.PI);
  const radius = label ? 0.9 : 0.4;
  return { point: [radius * Math.cos(angle), radius * Math.sin(angle)] };
}

function xor(label, random) {
  const point = [random.between(-1, 1), random.between(-1, 1)];
  return { point, target: Number(point[0] * point[1] > 0) };
}

function curve(n, random, noise) {
  const x = random.between(-1, 1);
  return { input: [x], target: Math.sin(4 * x) * (0.3 + 0.6 * x * x) + noise * random.normal() };
}

/** Draw the strokes of a digit with a random rotation, slant, size, shift and thickness. */
function digit(n, random, noise) {
  const target = n % 10;
  const angle = random.between(-0.2, 0.2);
  const slant = random.between(-0.25, 0.25);
  const [width, height] = [random.between(6.5, 8.5), random.between(7.5, 9)];
  const [right, down] = [random.between(-0.5, 0.5), random.between(-0.5, 0.5)];
  const place = ([x, y]) => {
    const [u, v] = [width * (x - 0.5 - slant * (y - 0.5)), height * (y - 0.5)];
    return [
      DIGIT_SIDE / 2 + right + u * Math.cos(angle) - v * Math.sin(angle),
      DIGIT_SIDE / 2 + down + u * Math.sin(angle) + v * Math.cos(angle),
    ];
  };
  const strokes = EXAMPLES[target].map((stroke) => stroke.map(place));
  const ink = sampledInk(strokes, DIGIT_SIDE, random.between(0.9, 1.5) / 2);
  return { input: averaged(ink, DIGIT_SIDE, [0, 0]).map((pixel) => pixel + noise * random.normal()), target };
}
