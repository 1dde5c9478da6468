// The page: run the drawing forward through the network, and backward if selected, and show all numbers.

const byId = (id) => document.getElementById(id);
const description = JSON.parse(byId("network").textContent);
const network = new Network(description, decodeNumbers(byId("numbers").textContent, description.dtype));
byId("numbers").remove(); // to free memory: the text is larger than the weights

const pixels = description.layers[0].options.in_features;
const blank = new Float64Array(pixels);
const state = {
  side: Math.round(Math.sqrt(pixels)),
  classes: [...network.forward(blank).keys()].map(String),
  image: blank,
  view: "forward",
  label: null, // the chosen target; null means the most probable class
  taken: 0, // the number of steps taken in this page
  barLength: () => 0,
};
const values = () => state.image;
const seen = new Picture({ count: pixels, caption: "Network input", values, limit: 1, legend: false });
let rows = [];

/** Run the drawing through the network, and show the result. */
function update() {
  const isEmpty = board.strokes.length === 0;
  state.image = imageOf(board.strokes, state.side);
  state.logits = network.forward(state.image);
  state.probabilities = softmax(state.logits).probs;
  state.answer = state.probabilities.reduce((best, p, k, all) => (p > all[best] ? k : best), 0);
  if (state.view === "backward") goBackward();
  document.body.classList.toggle("empty", isEmpty);
  seen.update();
  showProbabilities(isEmpty);
  for (const row of rows) row.update();
}

function goBackward() {
  const label = state.label ?? state.answer;
  const { loss, gradLogits } = network.loss(state.logits, label);
  Object.assign(state, { loss, gradLogits, gradImage: network.backward(gradLogits) });
  const layers = [...network.everyLayer()];
  for (const layer of layers) {
    layer.gradNorms = Object.fromEntries(Object.entries(layer.grads).map(([weight, grad]) => [weight, norm(grad)]));
  }
  const gradNorms = layers.flatMap((layer) => Object.values(layer.gradNorms));
  state.barLength = logarithmicScale([...layers.map((layer) => norm(layer.gradOutput)), norm(state.gradImage)]);
  byId("loss").textContent = numberText(loss);
  byId(`label-${label}`).checked = true;
  byId("promise").textContent = numberText(-Number(byId("lr").value) * norm(gradNorms) ** 2);
}

/** Return a function from a norm to the length of its bar, 0 to 1, on a logarithmic scale of at least one decade. */
function logarithmicScale(norms) {
  const positive = norms.filter((size) => size > 0).map(Math.log10);
  const [high, low] = [Math.max(...positive), Math.min(...positive)];
  const decades = Math.max(1, Math.ceil(high - low)) + 1;
  return (size) => (size > 0 ? Math.max(0, 1 - (high - Math.log10(size)) / decades) : 0);
}

function showProbabilities(isEmpty) {
  state.classes.forEach((name, k) => {
    const row = byId("probabilities").children[k];
    row.classList.toggle("first", !isEmpty && k === state.answer);
    row.style.setProperty("--share", state.probabilities[k]);
    row.lastChild.textContent = percentText(state.probabilities[k]);
  });
  const text = isEmpty ? "Nothing is drawn yet." : `Most probable: ${state.classes[state.answer]}`;
  if (byId("answer").textContent !== text) byId("answer").textContent = text; // screen readers read each change
}

/** Show the forward or the backward pass. */
function show(view) {
  state.view = view;
  document.body.dataset.view = view;
  for (const name of ["forward", "backward"]) byId(name).setAttribute("aria-pressed", name === view);
  byId("backward-controls").hidden = view !== "backward";
  for (const note of document.querySelectorAll("[data-note]")) note.hidden = note.dataset.note !== view;
  rows = (view === "forward" ? forwardRows : backwardRows)(network, state);
  byId("rows").replaceChildren(...rows.map((row) => row.node));
  update();
}

/** W ← W - η ∂L/∂W; show how the loss changed. */
function takeStep() {
  const before = state.loss;
  network.step(Number(byId("lr").value));
  countSteps(state.taken + 1);
  update();
  byId("outcome").textContent = Number.isFinite(state.loss)
    ? `The loss went from ${numberText(before)} to ${numberText(state.loss)}.`
    : "The loss is no longer finite: η was too large. Reset the weights.";
}

function resetWeights() {
  network.reset();
  countSteps(0);
  byId("outcome").textContent = "The trained weights are restored.";
  update();
}

function countSteps(count) {
  state.taken = count;
  byId("taken").textContent = count > 0 ? ` and ${countText(count)} step${count > 1 ? "s" : ""} on this page` : "";
}

function choose(label) {
  state.label = label;
  byId("outcome").textContent = "";
  update();
}

const board = new Board(byId("board"), update);

function fillIn() {
  byId("seen").append(seen.node);
  for (const [k, name] of state.classes.entries()) {
    const bar = element("span", { className: "bar" }, element("i"));
    const number = element("span", { className: "number" });
    byId("probabilities").append(element("li", {}, element("b", {}, name), bar, number));
    const radio = element("input", { type: "radio", name: "label", id: `label-${k}`, onchange: () => choose(k) });
    byId("labels").append(radio, element("label", { for: `label-${k}` }, name));
  }
  for (const [k, example] of EXAMPLES.entries()) {
    const onclick = () => (choose(null), board.show(example));
    const label = `Draw the digit ${k}`;
    byId("examples").append(element("button", { type: "button", onclick, "aria-label": label }, String(k)));
  }
  byId("clear").onclick = () => (choose(null), board.clear());
  byId("forward").onclick = () => show("forward");
  byId("backward").onclick = () => show("backward");
  byId("backward-controls").onsubmit = (event) => (event.preventDefault(), takeStep());
  byId("reset").onclick = resetWeights;
  byId("lr").oninput = update;
  const redraw = () => (readPalettes(), board.draw(), update());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => board.draw());
}

readPalettes();
fillIn();
show("forward");
board.show(EXAMPLES[3]);

/**
 * The network of this page, for use in the console. An image is an array of pixels from 0 to 1:
 *
 *     torchnet.forward(image).logits
 *     torchnet.backward(image, 3).layers[0].grads.weight
 *
 * `build` makes another network from the result of `describe` in torchnet/demo/page.py; forward and backward accept it
 * as their last argument. They return copies. `imageOf` converts strokes, such as `examples` or `board.strokes`, to an image.
 */
window.torchnet = {
  network,
  board,
  examples: EXAMPLES,
  build: (other, base64) => new Network(other, decodeNumbers(base64, other.dtype)),
  imageOf: (strokes, side = state.side) => [...imageOf(strokes, side)],

  /** Return logits, probabilities, and the input and output of every layer. */
  forward(image, net = network) {
    const logits = net.forward(image);
    const layers = [...net.everyLayer()].map(({ name, kind, input, output }) => ({
      name, kind, input: [...input], output: [...output],
    }));
    return { logits: [...logits], probabilities: [...softmax(logits).probs], layers };
  },

  /** Return the loss for a label, and the gradients of the image, of every weight and of the input of every layer. */
  backward(image, label, net = network) {
    const { loss, gradLogits } = net.loss(net.forward(image), label);
    const gradImage = net.backward(gradLogits);
    const layers = [...net.everyLayer()].map(({ name, kind, gradInput, gradOutput, grads }) => ({
      name, kind, gradInput: [...gradInput], gradOutput: [...gradOutput],
      grads: Object.fromEntries(Object.entries(grads).map(([weight, grad]) => [weight, [...grad]])),
    }));
    return { loss, gradLogits: [...gradLogits], gradImage: [...gradImage], layers };
  },
};
