// What a row of the page consists of: it shows one layer, or the layers of a residual block, or an end of the network.

/** A row: what it is on the left, equations and numbers in the middle, pictures on the right. */
function card({ title, place, file, shape, equations = [], facts = [], pictures, below = [] }, update) {
  const heading = element("h3", {}, title, ...(place ? [" ", element("small", {}, place)] : []));
  const what = element("div", { className: "what" }, heading);
  if (shape) what.append(element("p", { className: "shape" }, shape));
  if (file) what.append(element("p", { className: "file" }, ...breakable(file)));
  const lines = equations.map(equationLine);
  const node = element(
    "li",
    { className: "row" },
    what,
    element("div", { className: "how" }, ...lines, ...facts),
    element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node)),
    ...below,
  );
  return { node, update };
}

/** A path that may be broken after its slashes. */
const breakable = (path) => path.split(/(?<=\/)/).flatMap((part) => [element("wbr"), part]);

/** An equation, in which _ and ^ lower and raise what follows: a character, or several in braces. */
function equationLine(equation) {
  const parts = equation.split(/([_^](?:\{[^}]*\}|.))/).map((part) =>
    /^[_^]/.test(part) ? element(part[0] === "_" ? "sub" : "sup", {}, part.slice(1).replace(/[{}]/g, "")) : part,
  );
  const isRemark = !equation.includes("=");
  return element("p", { className: isRemark ? "look" : "equation" }, ...parts);
}

/** Rows of the layers inside a residual block. */
function block(rows, name) {
  const list = element("ol", { className: "rows", "aria-label": name }, ...rows.map((row) => row.node));
  const node = element("li", { className: "block" }, element("p", { className: "name" }, name), list);
  return { node, update: () => rows.forEach((row) => row.update()) };
}

function titleOf(layer) {
  const shape =
    layer.kind === "Linear"
      ? `${countText(layer.in_features)} → ${countText(layer.out_features)}`
      : countText(layer.output.length);
  const count = Object.keys(layer.grads).reduce((total, weight) => total + layer[weight].length, 0);
  return {
    title: layer.kind,
    place: `net[${layer.name.split(".").join("][")}]`,
    file: layer.file,
    shape: count > 0 ? `${shape}, ${countText(count)} weights` : shape,
  };
}

/** A picture of as many numbers as a layer puts out; if these are the logits, with the classes below. */
function pictureOf(caption, count, state, options) {
  return new Picture({ count, caption, ticks: count === state.classes.length ? state.classes : undefined, ...options });
}
