// What is said of a layer in numbers, and the images of its units: each a { node, update } as the rows are.

/** The norm of what a layer puts out. */
function sizeFact(name) {
  const number = element("span", { className: "number" });
  const update = (values) => (number.textContent = numberText(norm(values)));
  return { node: element("p", { className: "fact" }, `‖${name}‖ = `, number), update };
}

/** The norm of a gradient, as a number and as a bar on the logarithmic scale that all of them share. */
function normFact(name, state) {
  const number = element("span", { className: "number" });
  const bar = element("i");
  const scale = element("span", { className: "bar" }, bar);
  const node = element("p", { className: "fact norm" }, `‖${name}‖ = `, number, scale);
  const update = (grad) => {
    const size = norm(grad);
    number.textContent = numberText(size);
    bar.style.width = `${100 * state.shareOfBar(size)}%`;
  };
  return { node, update };
}

const SYMBOLS = { Linear: { weight: "W", bias: "b" }, norm: { weight: "γ", bias: "β" } };

/** The norm of the gradient of a weight, beside that of the weight itself. */
function weightFact(layer, weight, state) {
  const symbol = (SYMBOLS[layer.kind] ?? SYMBOLS.norm)[weight];
  const [grad, value] = [element("span", { className: "number" }), element("span", { className: "number" })];
  const node = element("p", { className: "fact" }, `‖∂L/∂${symbol}‖ = `, grad, `,  ‖${symbol}‖ = `, value);
  let shown = null; // the weights change with steps alone, and may be millions
  const update = () => {
    grad.textContent = numberText(layer.gradNorms[weight]);
    if (shown !== state.taken) value.textContent = numberText(norm(layer[weight]));
    shown = state.taken;
  };
  return { node, update };
}

const looksAtPixels = (layer) => layer.kind === "Linear" && layer.name === "0";

const UNITS = {
  forward: {
    text: "W of the units with the largest |y|, each a row of the matrix. Red weighs ink for it, blue against it.",
    rank: "output",
    of: (layer) => layer.weight,
  },
  backward: {
    text: "∂L/∂W of the units with the largest |G|, each a row of the matrix: the image x, times the G of the unit.",
    rank: "gradOutput",
    of: (layer) => layer.grads.weight,
  },
};

/** The weights of a few units of the first layer, or the gradients of these: each unit has an image of its own. */
function unitPictures(layer, { side }, view) {
  const { text, rank, of } = UNITS[view];
  const size = side * side;
  const pictures = Array.from(
    { length: Math.min(8, layer.out_features) },
    () => new Picture({ count: size, caption: "", signed: true, legend: false, size: "small" }),
  );
  const list = element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node));
  const update = () => {
    const units = [...layer[rank].keys()].sort((a, b) => Math.abs(layer[rank][b]) - Math.abs(layer[rank][a]));
    const rows = units.slice(0, pictures.length).map((unit) => of(layer).subarray(unit * size, (unit + 1) * size));
    const limit = Math.max(...rows.map(largestOf));
    pictures.forEach((picture, k) => {
      picture.draw(rows[k], limit);
      picture.name(`unit ${units[k]}`);
    });
  };
  return { node: element("div", { className: "units" }, element("p", { className: "look" }, text), list), update };
}
