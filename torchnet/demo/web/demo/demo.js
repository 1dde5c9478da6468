// The page: run the input forward through the network, and backward if selected, and show all numbers.

const description = JSON.parse(byId("network").textContent);
const network = new Network(description, decodeNumbers(byId("numbers").textContent, description.dtype));
byId("numbers").remove(); // to free memory: the text is larger than the weights

const { inputs, targets: outputs } = description.preprocessing;
const targets = makeTargets(outputs, () => ((byId("outcome").textContent = ""), update()));
const input = makeInput(inputs, { changed: update, renewed: () => targets.forget() });
const state = {
  network,
  input,
  targets,
  view: "forward",
  taken: 0, // the number of steps taken in this page
  barLength: () => 0,
};
let rows = [];

/** Run the input through the network, and show the result. */
function update() {
  state.x = input.read();
  state.logits = network.forward(state.x);
  input.show(state.x);
  const answer = targets.show(state.logits, input.isEmpty);
  if (byId("answer").textContent !== answer) byId("answer").textContent = answer; // screen readers read each change
  if (state.view === "backward") goBackward();
  document.body.classList.toggle("empty", input.isEmpty);
  for (const row of rows) row.update();
}

function goBackward() {
  const { loss, gradLogits } = network.loss(state.logits, targets.target);
  Object.assign(state, { loss, gradLogits, gradInput: network.backward(gradLogits) });
  const layers = [...network.everyLayer()];
  for (const layer of layers) {
    layer.gradNorms = Object.fromEntries(Object.entries(layer.grads).map(([weight, grad]) => [weight, norm(grad)]));
  }
  const gradNorms = layers.flatMap((layer) => Object.values(layer.gradNorms));
  state.barLength = logarithmicScale([...layers.map((layer) => norm(layer.gradOutput)), norm(state.gradInput)]);
  byId("loss").textContent = numberText(loss);
  targets.mark(targets.target);
  byId("promise").textContent = numberText(-Number(byId("lr").value) * norm(gradNorms) ** 2);
}

/** Show the forward or the backward pass. */
function show(view) {
  state.view = view;
  document.body.dataset.view = view;
  for (const name of ["forward", "backward"]) byId(name).setAttribute("aria-pressed", name === view);
  byId("backward-controls").hidden = view !== "backward";
  for (const note of document.querySelectorAll("[data-note]")) note.hidden = note.dataset.note !== view;
  rows = (view === "forward" ? forwardRows : backwardRows)(state);
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

function connect() {
  byId("forward").onclick = () => show("forward");
  byId("backward").onclick = () => show("backward");
  byId("backward-controls").onsubmit = (event) => (event.preventDefault(), takeStep());
  byId("reset").onclick = resetWeights;
  byId("lr").oninput = update;
  const redraw = () => (readPalettes(), input.redraw(), update());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

readPalettes();
connect();
update(); // the rows are made for the outputs of the layers
show("forward");
input.start();

/**
 * The network of this page, for use in the console. An input is an array: pixels from 0 to 1, or an encoded row. A
 * target is the place of a class, or a row of standardized quantities:
 *
 *     torchnet.forward(input).logits
 *     torchnet.backward(input, 3).layers[0].grads.weight
 *
 * `build` makes another network from the result of `describe` in torchnet/demo/description.py; forward and backward accept it
 * as their last argument. They return copies. `imageOf` converts strokes, such as `examples` or `board.strokes`, to an
 * image, and `encode` a row of a table to an input.
 */
window.torchnet = {
  network,
  board: input.board,
  examples: EXAMPLES,
  build: (other, base64) => new Network(other, decodeNumbers(base64, other.dtype)),
  imageOf: (strokes, side = input.layout.side) => [...imageOf(strokes, side)],
  encode: (columns, row) => [...encodeRow(columns, row)],

  /** Return logits, probabilities, and the input and output of every layer. */
  forward(input, net = network) {
    const logits = net.forward(input);
    const layers = [...net.everyLayer()].map(({ name, kind, input, output }) => ({
      name, kind, input: [...input], output: [...output],
    }));
    return { logits: [...logits], probabilities: [...softmax(logits).probs], layers };
  },

  /** Return the loss for a target, and the gradients of the input, of every weight and of the input of every layer. */
  backward(input, target, net = network) {
    const { loss, gradLogits } = net.loss(net.forward(input), target);
    const gradInput = net.backward(gradLogits);
    const layers = [...net.everyLayer()].map(({ name, kind, gradInput, gradOutput, grads }) => ({
      name, kind, gradInput: [...gradInput], gradOutput: [...gradOutput],
      grads: Object.fromEntries(Object.entries(grads).map(([weight, grad]) => [weight, [...grad]])),
    }));
    return { loss, gradLogits: [...gradLogits], gradInput: [...gradInput], layers };
  },
};
