// The rows of the page. A row shows one layer, or the input, the outputs or the loss at an end of the network.
//
// Rows and their parts are { node, update }: an element, and a function that shows the current numbers in it.

/** Return a row: its name on the left, equations and facts in the middle, pictures on the right, more below. */
function card({ id = "", title, place, file, shape, equations = [], facts = [], pictures, below = [] }) {
  const heading = element("h3", {}, title, ...(place ? [" ", element("small", {}, place)] : []));
  const what = element("div", { className: "what" }, heading);
  if (shape) what.append(element("p", { className: "shape" }, shape));
  if (file) what.append(element("p", { className: "file" }, ...breakable(file)));
  const nodes = (parts) => parts.map((part) => part.node);
  const node = element(
    "li",
    { id, className: "row" },
    what,
    element("div", { className: "how" }, ...equations.map(equationLine), ...nodes(facts)),
    element("div", { className: "pictures" }, ...nodes(pictures)),
    ...nodes(below),
  );
  return { node, update: () => [...facts, ...pictures, ...below].forEach((part) => part.update()) };
}

/** Allow line breaks after the slashes of a path. */
const breakable = (path) => path.split(/(?<=\/)/).flatMap((part) => [element("wbr"), part]);

/** Return an equation as an element. _ and ^ lower and raise the next character, or several characters in braces. */
function equationLine(equation) {
  const parts = equation.split(/([_^](?:\{[^}]*\}|.))/).map((part) =>
    /^[_^]/.test(part) ? element(part[0] === "_" ? "sub" : "sup", {}, part.slice(1).replace(/[{}]/g, "")) : part,
  );
  const isRemark = !equation.includes("=");
  return element("p", { className: isRemark ? "look" : "equation" }, ...parts);
}

/** Return the rows of the layers inside a residual block as one row. */
function block(rows, name) {
  const list = element("ol", { className: "rows", "aria-label": name }, ...rows.map((row) => row.node));
  const node = element("li", { className: "block" }, element("p", { className: "name" }, name), list);
  return { node, update: () => rows.forEach((row) => row.update()) };
}

/** Return the shape of a sample, before and after a layer that changes it. */
function shapeText(layer) {
  const { kind, in_features, out_features, in_shape, out_shape, output } = layer;
  if (kind === "Linear") return `${countText(in_features)} → ${countText(out_features)}`;
  if (!in_shape) return countText(output.length);
  const [before, after] = [in_shape, out_shape].map((shape) => shape.map(countText).join("\u00a0×\u00a0"));
  return before === after ? after : `${before} → ${after}`;
}

function titleOf(layer) {
  const shape = shapeText(layer);
  const count = Object.keys(layer.grads).reduce((total, weight) => total + layer[weight].length, 0);
  return {
    id: `layer-${layer.name}`,
    title: layer.kind,
    place: `net[${layer.name.split(".").join("][")}]`,
    file: layer.file,
    shape: count > 0 ? `${shape}, ${countText(count)} weights` : shape,
  };
}

const textFact = (text) => ({ node: element("p", { className: "look" }, text), update: () => {} });

/** Return the norm of some values as a number. */
function normFact(name, values) {
  const number = element("span", { className: "number" });
  const node = element("p", { className: "fact" }, `‖${name}‖ = `, number);
  return { node, update: () => (number.textContent = numberText(norm(values()))) };
}

/** Return the norm of a gradient as a number and as a bar. All bars share one logarithmic scale. */
function gradientFact(name, values, state) {
  const bar = element("i");
  const { node, update } = normFact(name, values);
  node.classList.add("norm");
  node.append(element("span", { className: "bar" }, bar));
  return { node, update: () => (update(), (bar.style.width = `${100 * state.barLength(norm(values()))}%`)) };
}

/** Return a function from a norm to the length of its bar, 0 to 1, on a logarithmic scale of at least one decade. */
function logarithmicScale(norms) {
  const positive = norms.filter((size) => size > 0).map(Math.log10);
  const [high, low] = [Math.max(...positive), Math.min(...positive)];
  const decades = Math.max(1, Math.ceil(high - low)) + 1;
  return (size) => (size > 0 ? Math.max(0, 1 - (high - Math.log10(size)) / decades) : 0);
}

const PRODUCT = { weight: "W", bias: "b" };
const SYMBOLS = { Linear: PRODUCT, Conv2d: PRODUCT, PReLU: { weight: "a" }, norm: { weight: "γ", bias: "β" } };

/** Return the symbol of a weight of a layer. */
const symbolOf = ({ kind }, weight) => (SYMBOLS[kind] ?? SYMBOLS.norm)[weight];

/** Return the norms of a weight and of its gradient. */
function weightFact(layer, weight, state) {
  const symbol = symbolOf(layer, weight);
  const [grad, value] = [element("span", { className: "number" }), element("span", { className: "number" })];
  const pair = (name, number) => element("span", { className: "pair" }, `‖${name}‖ = `, number);
  const node = element("p", { className: "fact" }, pair(`∂L/∂${symbol}`, grad), ", ", pair(symbol, value));
  let shown = null; // only a step changes the norm of the weights, and there may be millions of them
  const update = () => {
    grad.textContent = numberText(layer.gradNorms[weight]);
    if (shown !== state.taken) value.textContent = numberText(norm(layer[weight]));
    shown = state.taken;
  };
  return { node, update };
}
