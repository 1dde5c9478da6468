// A layer at work: input, weights, output and all gradients of a few samples, with numbers to change.

const { network: description, numbers, samples, width } = JSON.parse(byId("data").textContent);
const network = new Network(description, decodeNumbers(numbers, description.dtype));
if (samples > 1) network.train(); // BatchNorm1d
const [layer] = network.layers;

const INPUTS = [0.5, -1, 2, -0.5, 1.5, 0, -2, 1, 0.25, -1.5, 3];
const GRADIENTS = [1, -0.5, 0.5, 2, -1, 0.25, -2];
const someNumbers = (choice, length) => Float64Array.from({ length }, (_, k) => choice[k % choice.length]);

const x = someNumbers(INPUTS, samples * width);
const grad = someNumbers(GRADIENTS, network.forward(x).length);
network.backward(grad);

const fixed = (name, values, rows = samples) => numberTable(name, values, { rows });
const free = (name, values, rows = samples) => numberTable(name, values, { rows, changed: update });

/** Return the tables of the weights of all layers, or of their gradients. */
function weightTables(makeTable, tableName, values) {
  return [...network.everyLayer()].flatMap((part) =>
    ["weight", "bias"].filter((weight) => part.grads[weight]).map((weight) => {
      const symbol = symbolOf(part, weight);
      const place = part === layer ? "" : ` of ${part.kind} ${part.name.split(".").slice(1).join(".")}`;
      const { shape } = part.tensors[weight];
      return makeTable(tableName(symbol) + place, () => values(part, weight), shape.length > 1 ? shape[0] : 1);
    }),
  );
}

const inside = layer.layers ?? [];
const forwardParts = [
  free("x", () => x),
  ...weightTables(free, (symbol) => symbol, (part, weight) => part[weight]),
  ...(inside.length ? [fixed("f(x)", () => inside.at(-1).output)] : []),
  fixed("y", () => layer.output),
];
const backwardParts = [
  free("G = ∂L/∂y", () => grad),
  ...weightTables(fixed, (symbol) => `∂L/∂${symbol}`, (part, weight) => part.grads[weight]),
  ...(inside.length ? [fixed("∂L/∂x of the block", () => inside[0].gradInput)] : []),
  fixed("∂L/∂x", () => layer.gradInput),
];

function update() {
  network.forward(x);
  network.backward(grad);
  for (const part of [...forwardParts, ...backwardParts]) part.update();
}

const equations = EQUATIONS[layer.kind](layer);
const sampleText = samples > 1 ? ` of ${samples} samples` : "";
showWidget(
  passSection(`Forward${sampleText}`, equations.forward, forwardParts),
  passSection(`Backward${sampleText}`, equations.backward, backwardParts),
);
update();

/** The layer of this page, for use in the console: its input, output, gradOutput, gradInput, weights and grads. */
window.torchnet = { network, layer };
