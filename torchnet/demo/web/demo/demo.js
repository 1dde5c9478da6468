// The page: run the input forward through the network, and backward if selected, and show all numbers.

const content = JSON.parse(byId("content").textContent);
byId("content").remove(); // to free memory: the text is larger than the weights

const networks = new Networks(content.networks, () => (rates.forget(), show(state.view)));
const targets = makeTargets(content.preprocessing.targets, () => (rates.forget(), say(""), updateAll()));
const input = makeInput(content.preprocessing.inputs, {
  changed: () => (update(), rates.searchAfterPause()),
  renewed: (name) => targets.forget(name),
});
const state = {
  input,
  targets,
  view: "backward",
  barLength: () => 0,
  get taken() {
    return this.network.taken;
  },
};
const rates = (state.rates = new Rates(state, showRate));
let rows = [];

/** Run the input through the network, and show the result. */
function update() {
  state.x = input.read();
  state.logits = state.network.forward(state.x);
  input.show(state.x);
  const answer = targets.show(state.logits, input.isEmpty);
  if (byId("answer").textContent !== answer) byId("answer").textContent = answer; // screen readers read each change
  document.body.classList.toggle("empty", input.isEmpty);
  if (state.view === "backward") goBackward();
  for (const row of rows) row.update();
}

function goBackward() {
  const { network } = state;
  state.target = targets.target;
  const { loss, gradLogits } = network.loss(state.logits, state.target);
  Object.assign(state, { loss, gradLogits, gradInput: network.backward(gradLogits) });
  const layers = [...network.everyLayer()];
  for (const layer of layers) {
    layer.gradNorms = Object.fromEntries(Object.entries(layer.grads).map(([weight, grad]) => [weight, norm(grad)]));
  }
  state.gradNorm = norm(layers.flatMap((layer) => Object.values(layer.gradNorms)));
  state.barLength = logarithmicScale([...layers.map((layer) => norm(layer.gradOutput)), norm(state.gradInput)]);
  byId("loss").textContent = numberText(loss);
  targets.mark(state.target);
  rates.allow();
  showPromise();
}

function updateAll() {
  update();
  rates.search();
}

/** Show the change of the loss to first order, unless it would make the loss negative. */
function showPromise() {
  const decrease = rates.rate * state.gradNorm ** 2;
  byId("promise").textContent =
    decrease > state.loss
      ? "which does not hold for this η: the loss would become negative"
      : `here ${rates.isValid ? numberText(-decrease) : "–"}`;
}

function showRate() {
  showPromise();
  for (const row of rows) row.update();
}

/** Show the forward or the backward pass of the chosen network. */
function show(view) {
  state.view = view;
  state.network = networks.network;
  document.body.dataset.view = view;
  for (const name of ["forward", "backward"]) byId(name).setAttribute("aria-pressed", name === view);
  byId("backward-controls").hidden = view !== "backward";
  for (const note of document.querySelectorAll("[data-note]")) note.hidden = note.dataset.note !== view;
  rows = [];
  say("");
  update(); // the rows are made for the outputs of the layers
  rows = (view === "forward" ? forwardRows : backwardRows)(state);
  byId("rows").replaceChildren(...rows.map((row) => row.node));
  for (const row of rows) row.update();
  rates.search();
}

/** W ← W - η ∂L/∂W; show how the loss changed. */
function takeStep() {
  const before = state.loss;
  state.network.step(rates.rate);
  rates.choose(rates.rate); // so that several steps have the same rate
  countSteps(state.taken + 1);
  updateAll();
  say(
    Number.isFinite(state.loss)
      ? `The loss went from ${numberText(before)} to ${numberText(state.loss)}.`
      : "The loss is no longer finite: η was too large. Reset the weights.",
  );
}

function resetWeights() {
  state.network.reset();
  countSteps(0);
  rates.forget();
  updateAll();
  say(`The ${networks.isRandom ? "random" : "trained"} weights are restored.`);
}

function countSteps(count) {
  state.network.taken = count;
  networks.describe();
}

const say = (text) => (byId("outcome").textContent = text);

function connect() {
  byId("forward").onclick = () => show("forward");
  byId("backward").onclick = () => show("backward");
  byId("backward-controls").onsubmit = (event) => (event.preventDefault(), takeStep());
  byId("reset").onclick = resetWeights;
  const redraw = () => (readPalettes(), input.redraw(), update());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

const PATIENCE = 1000; // milliseconds after which a large network looks no further for a sample to open with

/** Return a sample that the network gets wrong, of the first list that has one; else the least certain usual one. */
function hardestSample(network) {
  const start = performance.now();
  let usual = null;
  for (const samples of input.samples()) {
    if (usual && performance.now() - start > PATIENCE) break;
    const margins = samples.map(({ x, name }) => targets.margin(network.forward(x), name));
    const place = margins.indexOf(Math.min(...margins));
    if (margins[place] < 0) return samples[place];
    usual ??= samples[place];
  }
  return usual;
}

readPalettes();
connect();
networks.choose(0, false);
const opening = hardestSample(state.network);
byId("opening").onclick = () => (targets.forget(), opening.show());
opening.show();

/**
 * The network of this page, for use in the console. An input is an array: pixels from 0 to 1, or an encoded row. A
 * target is the place of a class, or a row of standardized quantities:
 *
 *     torchnet.forward(input).logits
 *     torchnet.backward(input, 3).layers[0].grads.weight
 *
 * `build` makes another network from the result of `describe` in torchnet/demo/description.py; forward and backward
 * accept it as their last argument. They return copies. `imageOf` converts strokes, such as `examples` or
 * `board.strokes`, to an image, and `encode` a row of a table to an input.
 */
window.torchnet = {
  get network() {
    return state.network;
  },
  get input() {
    return state.x;
  },
  board: input.board,
  examples: EXAMPLES,
  build: (other, base64) => new Network(other, decodeNumbers(base64, other.dtype)),
  imageOf: (strokes, side = input.layout.side) => [...imageOf(strokes, side)],
  encode: (columns, row) => [...encodeRow(columns, row)],

  /** Return logits, probabilities, and the input and output of every layer. */
  forward(input, net = state.network) {
    const logits = net.forward(input);
    const layers = [...net.everyLayer()].map(({ name, kind, input, output }) => ({
      name, kind, input: [...input], output: [...output],
    }));
    return { logits: [...logits], probabilities: [...softmax(logits).probs], layers };
  },

  /** Return the loss for a target, and the gradients of the input, of every weight and of the input of every layer. */
  backward(input, target, net = state.network) {
    const { loss, gradLogits } = net.loss(net.forward(input), target);
    const gradInput = net.backward(gradLogits);
    const layers = [...net.everyLayer()].map(({ name, kind, gradInput, gradOutput, grads }) => ({
      name, kind, gradInput: [...gradInput], gradOutput: [...gradOutput],
      grads: Object.fromEntries(Object.entries(grads).map(([weight, grad]) => [weight, [...grad]])),
    }));
    return { loss, gradLogits: [...gradLogits], gradInput: [...gradInput], layers };
  },
};
