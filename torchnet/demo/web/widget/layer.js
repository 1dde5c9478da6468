// A layer at work: input, weights, output and all gradients of a few samples, with numbers to change.

const { network: description, numbers, samples, shape } = JSON.parse(byId("data").textContent);
const network = new Network(description, decodeNumbers(numbers, description.dtype));
if (samples > 1) network.train(); // batch norm
const [layer] = network.layers;

const INPUTS = [0.5, -1, 2, -0.5, 1.5, 0, -2, 1, 0.25, -1.5, 3];
const GRADIENTS = [1, -0.5, 0.5, 2, -1, 0.25, -2];
const someNumbers = (choice, length) => Float64Array.from({ length }, (_, k) => choice[k % choice.length]);

const x = someNumbers(INPUTS, samples * sizeOf(shape));
const grad = someNumbers(GRADIENTS, network.forward(x).length);
network.backward(grad);

/** Return the tables of an array of a shape: one for the samples or the rows of a matrix, or one for each image. */
function tables(name, values, shape, changed) {
  if (shape.length < 3) return [numberTable(name, values, { rows: shape.length > 1 ? shape[0] : 1, changed })];
  const [outer, image] = [shape.slice(0, -2).filter((size) => size > 1), shape.slice(-2)];
  return Array.from({ length: sizeOf(outer) }, (_, k) => {
    const places = outer.map((size, i) => Math.floor(k / sizeOf(outer.slice(i + 1))) % size);
    const part = () => values().subarray(k * sizeOf(image), (k + 1) * sizeOf(image));
    return numberTable(places.length ? `${name}[${places.join(", ")}]` : name, part, { rows: image[0], changed });
  });
}

const before = [samples, ...shape];
const after = [samples, ...(layer.out_shape ?? [layer.output.length / samples])];
const fixed = (name, values, shape) => tables(name, values, shape);
const free = (name, values, shape) => tables(name, values, shape, update);

/** Return the tables of the weights of all layers, or of their gradients. */
function weightTables(makeTable, tableName, values) {
  return [...network.everyLayer()].flatMap((part) =>
    ["weight", "bias"].filter((weight) => part.grads[weight]).flatMap((weight) => {
      const symbol = symbolOf(part, weight);
      const place = part === layer ? "" : ` of ${part.kind} ${part.name.split(".").slice(1).join(".")}`;
      return makeTable(tableName(symbol) + place, () => values(part, weight), part.tensors[weight].shape);
    }),
  );
}

const inside = layer.layers ?? [];
const forwardParts = [
  ...free("x", () => x, before),
  ...weightTables(free, (symbol) => symbol, (part, weight) => part[weight]),
  ...(inside.length ? fixed("f(x)", () => inside.at(-1).output, after) : []),
  ...fixed("y", () => layer.output, after),
];
const backwardParts = [
  ...free("G = ∂L/∂y", () => grad, after),
  ...weightTables(fixed, (symbol) => `∂L/∂${symbol}`, (part, weight) => part.grads[weight]),
  ...(inside.length ? fixed("∂L/∂x of the block", () => inside[0].gradInput, before) : []),
  ...fixed("∂L/∂x", () => layer.gradInput, before),
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

/** The layer and the shape of a sample, for use in the console: input, output, gradOutput, gradInput, weights, grads. */
window.torchnet = { network, layer, shape };
