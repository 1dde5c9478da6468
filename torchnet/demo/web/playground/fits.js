// The output of the network beside the data: over the plane, along a curve, or for a grid of digits.
//
// Each kind has `draw`, which draws the output on a sheet, or the unit that is looked at; `nearest`, which returns the
// sample at a point; `describe`, a text for the selected sample; and texts that explain what is seen.

const DOT = 3.2; // pixels

class PlaneFit {
  networkText = "Squares: unit outputs; point at one to enlarge.";
  unitText = "Color: what this unit returns at each point: blue is negative, gray 0, red positive.";

  constructor(state) {
    this.state = state;
    this.tiles = new Map(); // by resolution
    const color = state.hasProbabilities ? "the class" : "the larger output";
    this.text = `Color: ${color} at each point, blue 0, red 1. Dots: training data. Click one.`;
  }

  place(sheet, [x, y]) {
    return [(0.5 + x / (2 * REACH)) * sheet.width, (0.5 - y / (2 * REACH)) * sheet.height];
  }

  draw(sheet) {
    const { experiment, surfaces, unit } = this.state;
    const context = sheet.clear();
    const tile = unit ? surfaces.tiles[unit.column][unit.unit] : this.paint(experiment);
    context.drawImage(tile.canvas, 0, 0, sheet.width, sheet.height);
    context.drawImage(this.dots(sheet), 0, 0, sheet.width, sheet.height);
    ring(context, this.place(sheet, experiment.sample(this.state.sample).input));
  }

  /** Paint the probability of the second class; for the squared error, which output is larger. */
  paint(experiment) {
    const { resolution } = this.state;
    const outputs = experiment.surface(resolution);
    const values = Float64Array.from({ length: resolution ** 2 }, (_, k) => outputs[2 * k + 1] - outputs[2 * k]);
    if (!this.tiles.has(resolution)) this.tiles.set(resolution, new Tile(resolution));
    return this.tiles.get(resolution).paint(values, palettes.plane, 0.5, 0.5);
  }

  /** Return a picture of all samples. It is kept, as they stay where they are. */
  dots(sheet) {
    const { width, height } = sheet.canvas;
    const key = [width, height, colors.classes].join();
    if (this.key === key) return this.picture;
    this.key = key;
    this.picture = element("canvas", { width, height });
    const context = this.picture.getContext("2d");
    context.scale(width / sheet.width, height / sheet.height);
    this.drawSamples(context, sheet, this.state.experiment.data.train);
    return this.picture;
  }

  drawSamples(context, sheet, { size, inputs, targets }) {
    const paths = [new Path2D(), new Path2D()];
    for (let n = 0; n < size; n++) {
      const [x, y] = this.place(sheet, [inputs[2 * n], inputs[2 * n + 1]]);
      paths[targets[n]].moveTo(x + DOT, y);
      paths[targets[n]].arc(x, y, DOT, 0, 2 * Math.PI);
    }
    context.lineWidth = 1;
    context.strokeStyle = colors.surface;
    paths.forEach((path, label) => {
      context.fillStyle = colors.classes[label];
      context.fill(path);
      context.stroke(path);
    });
  }

  nearest(sheet, point) {
    const { size, inputs } = this.state.experiment.data.train;
    const distance = (n) => squareOfDistance(point, this.place(sheet, [inputs[2 * n], inputs[2 * n + 1]]));
    return placeOfSmallest(size, distance);
  }

  describe({ target }) {
    return `class ${target}, ${answerText(this.state)}`;
  }
}

class CurveFit {
  text = "Line: the output. Dots: training data; rings: test data. Click one.";
  networkText = "Squares: unit outputs; point at one to enlarge.";
  unitText = "Line: what this unit returns at each x.";

  constructor(state) {
    this.state = state;
  }

  place(sheet, [x, y]) {
    return [(0.5 + x / (2 * REACH)) * sheet.width, (0.5 - y / (2 * REACH)) * sheet.height];
  }

  draw(sheet) {
    const { experiment, surfaces, unit } = this.state;
    const { train, test } = experiment.data;
    const context = sheet.clear();
    context.strokeStyle = colors.line;
    context.strokeRect(0.5, 0.5, sheet.width - 1, sheet.height - 1);
    this.drawSamples(context, sheet, test, true);
    this.drawSamples(context, sheet, train, false);
    const values = unit ? surfaces.valuesOf(unit.column, unit.unit) : experiment.surface(CURVE_POINTS);
    context.strokeStyle = unit ? colors.accent : colors.classes[1];
    context.lineWidth = 2.5;
    context.beginPath();
    values.forEach((y, k) => context.lineTo(...this.place(sheet, [REACH * ((2 * k) / (values.length - 1) - 1), y])));
    context.stroke();
    const { input, target } = experiment.sample(this.state.sample);
    ring(context, this.place(sheet, [input[0], target[0]]));
  }

  drawSamples(context, sheet, { size, inputs, targets }, isTest) {
    const path = new Path2D();
    for (let n = 0; n < size; n++) {
      const [x, y] = this.place(sheet, [inputs[n], targets[n]]);
      path.moveTo(x + 2.4, y);
      path.arc(x, y, 2.4, 0, 2 * Math.PI);
    }
    context.lineWidth = 1;
    context.strokeStyle = context.fillStyle = colors.classes[0];
    isTest ? context.stroke(path) : context.fill(path);
  }

  nearest(sheet, point) {
    const { size, inputs, targets } = this.state.experiment.data.train;
    return placeOfSmallest(size, (n) => squareOfDistance(point, this.place(sheet, [inputs[n], targets[n]])));
  }

  describe({ target, pass }) {
    return `target ${steadyText(target[0])}, output ${steadyText(pass.logits[0])}`;
  }
}

const DIGITS_ACROSS = 6;
const DIGITS_SHOWN = 36;
const LABEL_HEIGHT = 15; // pixels below a digit

class DigitsFit {
  text = "Training digits and the answers of the network; ✗ is wrong. Click one.";
  networkText = "Squares: weights of layer 1, then outputs; point at one to enlarge.";
  unitText = "In layer 1, the weights of the unit; else what it returns for the selected digit.";

  constructor(state) {
    this.state = state;
    const { experiment } = state;
    this.twin = experiment.network.twin();
    this.rows = rowsOf(experiment.data.train, [...Array(DIGITS_SHOWN).keys()]);
    this.side = Math.sqrt(experiment.data.in_features);
    this.tiles = Array.from({ length: DIGITS_SHOWN }, () => new Tile(this.side));
  }

  draw(sheet) {
    const { unit, surfaces } = this.state;
    const context = sheet.clear();
    context.imageSmoothingEnabled = false;
    if (unit) context.drawImage(surfaces.tiles[unit.column][unit.unit].canvas, 0, 0, sheet.width, sheet.height);
    else this.drawDigits(context, sheet);
  }

  drawDigits(context, sheet) {
    const logits = this.twin.forward(this.rows.inputs);
    const cell = sheet.width / DIGITS_ACROSS;
    const size = cell - LABEL_HEIGHT;
    context.font = `600 ${FONT}`;
    context.textAlign = "center";
    this.tiles.forEach((tile, n) => {
      const [x, y] = [((n % DIGITS_ACROSS) + 0.5) * cell, Math.floor(n / DIGITS_ACROSS) * cell + 2];
      const pixels = this.rows.inputs.subarray(n * this.side ** 2, (n + 1) * this.side ** 2);
      const answer = largestPlace(logits.subarray(10 * n, 10 * (n + 1)));
      const isRight = answer === this.rows.targets[n];
      const isSelected = n === this.state.sample;
      context.drawImage(tile.paint(pixels, palettes.gray, 1, 0).canvas, x - size / 2, y, size, size);
      context.strokeStyle = colors.ink;
      context.lineWidth = 2.5;
      if (isSelected) context.strokeRect(x - size / 2, y, size, size);
      context.fillStyle = isRight ? colors.muted : colors.positive;
      context.fillText(isRight ? String(answer) : `${answer} ✗`, x, y + size + 12);
    });
  }

  nearest(sheet, [x, y]) {
    const cell = sheet.width / DIGITS_ACROSS;
    return Math.min(DIGITS_SHOWN - 1, Math.floor(y / cell) * DIGITS_ACROSS + Math.floor(x / cell));
  }

  describe({ target }) {
    return `a ${target}, ${answerText(this.state)}`;
  }
}

/** Return the answer for the class of the sample, as the loss takes it: a probability, or an output. */
function answerText({ target, pass: { logits }, hasProbabilities }) {
  if (!hasProbabilities) return `output ${target} = ${steadyText(logits[target])}`;
  return `p(class ${target}) = ${softmax(logits).probs[target].toFixed(3)}`;
}

const makeFit = (state) => {
  const { in_features } = state.experiment.data;
  return new (in_features === 1 ? CurveFit : in_features === 2 ? PlaneFit : DigitsFit)(state);
};

/** Mark the selected sample. */
function ring(context, [x, y]) {
  for (const [color, width] of [[colors.surface, 4], [colors.ink, 2]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.stroke();
  }
}

const squareOfDistance = ([a, b], [c, d]) => (a - c) ** 2 + (b - d) ** 2;

function placeOfSmallest(count, sizeOf) {
  const sizes = Array.from({ length: count }, (_, n) => sizeOf(n));
  return sizes.indexOf(Math.min(...sizes));
}
