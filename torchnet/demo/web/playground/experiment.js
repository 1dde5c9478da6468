// An experiment: a data set, and a network that trains on it.
//
//     const experiment = new Experiment(settings);     settings: see settings.js
//     experiment.step();                               train on one mini-batch
//     experiment.latest                                { step, loss, gradientNorms, updateRatios } of the last step
//     experiment.history.records                       a selection of those, at most 512
//     experiment.evaluate()                            { step, train: { loss, accuracy }, test }, also in `evaluations`
//     experiment.health()                              [{ layer, kind, saturated or dead }], a share of each activation
//     experiment.sample(n)                             { input, target }; sample(n, "test") for the test data
//     experiment.backwardOf(experiment.sample(n))      { network, logits, loss, gradLogits, gradInput }
//     experiment.surface(resolution)                   the outputs on a grid
//     experiment.unitSurface(layer, unit, resolution)  the outputs of one unit on this grid
//
// `data` is the data set (see makeData), `network` the network, `layers` a flat list of its layers (those of a residual
// block come before the block), `linears` its Linear layers. gradientNorms and updateRatios have a number for each of
// `linears`; a layer is given by its place in `layers`. `settings.lr` and `settings.batch_size` may be changed between
// steps. A network that trains beside it is another Experiment, of comparedSettings(settings).

const REACH = 1.25; // the grid covers -REACH..REACH, the data about -1..1
const ORDER = 2; // the stream of random numbers that puts samples in order
const OPTIMIZERS = { SGD, Adam, AdamW };

class Experiment {
  constructor(settings) {
    this.settings = { ...settings };
    this.data = makeData(settings);
    const { in_features, out_features, train } = this.data;
    const normalization = settings.normalization === "none" ? null : settings.normalization;
    const { description, numbers } = randomNetwork({ ...settings, normalization, in_features, out_features });
    this.network = new Network(description, numbers);
    this.network.train();
    this.layers = [...this.network.everyLayer()];
    this.linears = this.layers.filter((layer) => layer instanceof Linear);
    this.optimizer = new OPTIMIZERS[settings.optimizer](this.network, settings);
    this.batches = new Batches(train, new Random(settings.seed, ORDER));
    Object.assign(this, { steps: 0, latest: null, history: new History(), evaluations: new History() });
    // The same weights with other inputs, outputs and gradients: one for each purpose, so that none disturbs another.
    this.ofSample = this.network.twin();
    this.ofGrid = this.network.twin();
    this.gridLayers = [...this.ofGrid.everyLayer()];
    this.ofParts = this.network.twin();
    this.ofHealth = this.network.twin({ buffers: false });
    this.ofHealth.train();
  }

  /** Train on one mini-batch: forward, backward, update. Return its loss. */
  step() {
    const { network, linears } = this;
    const { inputs, targets } = this.batches.next(this.settings.batch_size);
    const { loss, gradLogits } = network.loss(network.forward(inputs), targets);
    network.backward(gradLogits);
    const before = linears.map(({ weight }) => weight.slice());
    this.optimizer.lr = this.settings.lr;
    this.optimizer.step();
    this.latest = {
      step: this.steps,
      loss,
      gradientNorms: linears.map(({ grads }) => norm(grads.weight)),
      updateRatios: linears.map(({ weight }, l) => distance(weight, before[l]) / norm(before[l])),
    };
    this.history.add(this.latest);
    this.steps += 1;
    return loss;
  }

  /** Return loss and accuracy (null for a regression) of the training and test data, in evaluation mode. */
  evaluate() {
    const { train, test } = this.data;
    const evaluation = { step: this.steps, train: this.measure(train), test: this.measure(test) };
    if (this.evaluations.records.at(-1)?.step !== this.steps) this.evaluations.add(evaluation);
    return evaluation;
  }

  measure({ size, inputs, targets }) {
    const logits = this.ofParts.forward(inputs);
    const { loss } = this.ofParts.loss(logits, targets);
    if (this.data.isRegression) return { loss, accuracy: null };
    const C = this.data.out_features;
    let right = 0;
    for (let n = 0; n < size; n++) right += largestPlace(logits.subarray(n * C, (n + 1) * C)) === targets[n];
    return { loss, accuracy: right / size };
  }

  /**
   * Return for each activation the share of saturated outputs (sigmoid and tanh) or of dead units (the others), on the
   * training data and in training mode, by the rules of torchnet/health.py.
   */
  health() {
    this.ofHealth.forward(this.data.train.inputs);
    return [...this.ofHealth.everyLayer()].flatMap((layer, place) => {
      if (!(layer instanceof Activation)) return [];
      return [{ layer: place, kind: layer.kind, ...healthOf(layer, this.data.train.size) }];
    });
  }

  /** Return a sample of a part of the data. */
  sample(n, part = "train") {
    const { inputs, targets } = rowsOf(this.data[part], [n]);
    return { input: inputs, target: this.data.isRegression ? targets : targets[0] };
  }

  /**
   * Run a sample forward and backward in evaluation mode. The layers of the returned network have their input, output,
   * gradOutput, gradInput and grads until the next call.
   */
  backwardOf({ input, target }) {
    const network = this.ofSample;
    const logits = network.forward(input);
    const { loss, gradLogits } = network.loss(logits, target);
    return { network, logits, loss, gradLogits, gradInput: network.backward(gradLogits) };
  }

  /**
   * Return the outputs at the points of a grid, (points, C): probabilities, or numbers if the loss is the mean squared
   * error.
   *
   * In the plane, the grid has resolution² points, row by row from the top; for a curve, `resolution` points. It is null
   * for inputs with more features.
   */
  surface(resolution) {
    if (!this.runGrid(resolution)) return null;
    const logits = this.gridLayers.at(-1).output;
    if (this.settings.loss === "mean_squared_error") return logits.slice();
    const C = this.data.out_features;
    const probs = new Float64Array(logits.length);
    for (let k = 0; k < logits.length; k += C) probs.set(softmax(logits.subarray(k, k + C)).probs, k);
    return probs;
  }

  /** Return the output of a unit at the points of the grid. */
  unitSurface(layer, unit, resolution) {
    if (!this.runGrid(resolution)) return null;
    const { output } = this.gridLayers[layer];
    const points = resolution ** this.data.in_features;
    const width = output.length / points;
    const values = new Float64Array(points);
    for (let n = 0; n < points; n++) values[n] = output[n * width + unit];
    return values;
  }

  /** Run the grid through the network, unless that was done since the last step; return whether there is a grid. */
  runGrid(resolution) {
    if (this.data.in_features > 2) return false;
    if (this.gridRun?.resolution !== resolution || this.gridRun.steps !== this.steps) {
      this.ofGrid.forward(gridOf(resolution, this.data.in_features));
      this.gridRun = { resolution, steps: this.steps };
    }
    return true;
  }
}

/** Mini-batches of a part of the data, in a new order in each epoch, the last rows of which may be left out. */
class Batches {
  constructor(part, random) {
    Object.assign(this, { part, random, order: [], start: 0 });
  }

  next(size) {
    if (this.start + size > this.order.length) {
      this.order = this.random.permutation(this.part.size);
      this.start = 0;
    }
    const indices = this.order.subarray(this.start, this.start + size);
    this.start += size;
    return rowsOf(this.part, indices);
  }
}

/** Return ‖a - b‖. */
function distance(a, b) {
  let total = 0;
  for (let k = 0; k < a.length; k++) total += (a[k] - b[k]) ** 2;
  return Math.sqrt(total);
}

function largestPlace(values) {
  let place = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[place]) place = k;
  return place;
}

/** Return the points of the grid, row by row from the top. */
function gridOf(resolution, in_features) {
  const coordinate = (k) => REACH * ((2 * k) / (resolution - 1) - 1);
  const along = Array.from({ length: resolution }, (_, k) => coordinate(k));
  if (in_features === 1) return Float64Array.from(along);
  return Float64Array.from([...along].reverse().flatMap((y) => along.flatMap((x) => [x, y])));
}

const STEEPEST = { Sigmoid: 0.25, Tanh: 1, Hardtanh: 1, Softsign: 1 };
const FLAT = 0.1; // saturated: the slope is below this fraction of the largest slope
const DEAD = 0.01; // dead: the slope is below this for every sample

function healthOf(layer, N) {
  const slopes = layer.slopes(layer.input, layer.output);
  const steepest = STEEPEST[layer.kind];
  if (steepest) {
    const isFlat = (slope) => Math.abs(slope) < FLAT * steepest;
    return { saturated: slopes.filter(isFlat).length / slopes.length };
  }
  const width = slopes.length / N;
  const isDead = new Array(width).fill(true);
  slopes.forEach((slope, k) => (isDead[k % width] &&= Math.abs(slope) < DEAD));
  return { dead: isDead.filter((dead) => dead).length / width };
}
