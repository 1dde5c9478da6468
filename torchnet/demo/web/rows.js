// The rows of the page: one for each layer, with its equations and pictures, and the rows before and after them.
//
// A view is a list of rows in the order of the pass, each { node, update }: `update` draws what the layers hold by then.

/** Return the rows of the forward pass, from the image to the probabilities. */
function forwardRows(network, state) {
  const { side, classes } = state;
  const image = new Picture({ count: side * side, caption: "x", limit: 1, size: "large" });
  const probabilities = new Picture({ count: classes.length, caption: "p", limit: 1, ticks: classes });
  return [
    card({ title: "Image", shape: `${side} × ${side} = ${side * side} pixels`, pictures: [image] }, () =>
      image.draw(state.image),
    ),
    ...network.layers.flatMap((layer) => forwardRow(layer, state)),
    card(
      { title: "Softmax", shape: String(classes.length), equations: ["p = softmax(z)"], pictures: [probabilities] },
      () => probabilities.draw(state.probabilities),
    ),
  ];
}

function forwardRow(layer, state) {
  const output = pictureOf("y", layer.output.length, state, {
    signed: !NEVER_NEGATIVE.has(layer.kind),
    limit: layer.kind === "Sigmoid" ? 1 : undefined,
  });
  const own = card(
    { ...titleOf(layer), equations: EQUATIONS[layer.kind](layer).forward, pictures: [output] },
    () => output.draw(layer.output),
  );
  return layer.layers ? [block(layer.layers.flatMap((inner) => forwardRow(inner, state)), "f"), own] : [own];
}

/** Return the rows of the backward pass, from the loss to the pixels. */
function backwardRows(network, state) {
  const { side, classes } = state;
  const { name, forward, backward } = LOSS_EQUATIONS[network.description.loss];
  const probabilities = new Picture({ count: classes.length, caption: "p", limit: 1, ticks: classes });
  const gradLogits = new Picture({ count: classes.length, caption: "∂L/∂z", signed: true, ticks: classes });
  const image = new Picture({ count: side * side, caption: "x", limit: 1, size: "large" });
  const gradPixels = new Picture({ count: side * side, caption: "∂L/∂x", signed: true, size: "large" });
  const arriving = normFact("∂L/∂x", state);
  const lookFor = element(
    "p",
    { className: "look" },
    "Red: less ink here would lower the loss. Blue: more ink here would lower it. Look for strokes that the chosen digit ",
    "does not have, and for the places where it would have some.",
  );
  return [
    card({ title: name, equations: [...forward, ...backward], pictures: [probabilities, gradLogits] }, () => {
      probabilities.draw(state.probabilities);
      gradLogits.draw(state.gradLogits);
    }),
    ...[...network.layers].reverse().flatMap((layer) => backwardRow(layer, state)),
    card(
      { title: "Image", shape: `${side} × ${side}`, facts: [arriving.node, lookFor], pictures: [gradPixels, image] },
      () => {
        image.draw(state.image);
        gradPixels.draw(state.gradImage);
        arriving.update(state.gradImage);
      },
    ),
  ];
}

function backwardRow(layer, state) {
  const size = layer.output.length;
  const gradOutput = pictureOf("G = ∂L/∂y", size, state, { signed: true });
  const output = pictureOf("y", size, state, { signed: !NEVER_NEGATIVE.has(layer.kind) });
  const arriving = normFact("G", state);
  const weights = Object.keys(layer.grads).map((weight) => weightFact(layer, weight));
  const looksAtPixels = layer.kind === "Linear" && layer.in_features === state.side ** 2 && layer.name === "0";
  const units = looksAtPixels ? [unitGradients(layer, state)] : [];
  const own = card(
    {
      ...titleOf(layer),
      equations: EQUATIONS[layer.kind](layer).backward,
      facts: [arriving.node, ...weights.map((fact) => fact.node)],
      pictures: [gradOutput, output],
      below: units.map((part) => part.node),
    },
    () => {
      gradOutput.draw(layer.gradOutput);
      output.draw(layer.output);
      arriving.update(layer.gradOutput);
      for (const part of [...weights, ...units]) part.update();
    },
  );
  const inner = layer.layers && block([...layer.layers].reverse().flatMap((part) => backwardRow(part, state)), "f");
  return inner ? [own, inner] : [own];
}

/** A row: what it is on the left, equations and numbers in the middle, pictures on the right. */
function card({ title, place, file, shape, equations = [], facts = [], pictures, below = [] }, update) {
  const heading = element("h3", {}, title, ...(place ? [element("small", {}, place)] : []));
  const what = element("div", { className: "what" }, heading);
  if (shape) what.append(element("p", { className: "shape" }, shape));
  if (file) what.append(element("p", { className: "file" }, file));
  const lines = equations.map((equation) => element("p", { className: "equation" }, equation));
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

/** The norm of a gradient, as a number and as a bar on the logarithmic scale that all of them share. */
function normFact(name, state) {
  const number = element("span", { className: "number" });
  const bar = element("i");
  const node = element("p", { className: "fact norm" }, `‖${name}‖ = `, number, element("span", { className: "bar" }, bar));
  const update = (grad) => {
    const size = norm(grad);
    number.textContent = numberText(size);
    bar.style.width = `${100 * state.shareOfBar(size)}%`;
  };
  return { node, update };
}

const SYMBOLS = { Linear: { weight: "W", bias: "b" }, norm: { weight: "γ", bias: "β" } };

/** The norm of the gradient of a weight, beside that of the weight itself. */
function weightFact(layer, weight) {
  const symbol = (SYMBOLS[layer.kind] ?? SYMBOLS.norm)[weight];
  const [grad, value] = [element("span", { className: "number" }), element("span", { className: "number" })];
  const node = element("p", { className: "fact" }, `‖∂L/∂${symbol}‖ = `, grad, `,  ‖${symbol}‖ = `, value);
  const update = () => {
    grad.textContent = numberText(norm(layer.grads[weight]));
    value.textContent = numberText(norm(layer[weight]));
  };
  return { node, update };
}

/** The gradients of the weights of a few units of the first layer, each of which is an image. */
function unitGradients(layer, { side }) {
  const count = Math.min(8, layer.out_features);
  const pictures = Array.from(
    { length: count },
    () => new Picture({ count: side * side, caption: "", signed: true, legend: false, size: "small" }),
  );
  const text = `∂L/∂W of the ${count} units with the largest G, each a row of the matrix: the image, times the unit's G.`;
  const list = element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node));
  const update = () => {
    const size = side * side;
    const units = [...layer.gradOutput.keys()].sort((a, b) => Math.abs(layer.gradOutput[b]) - Math.abs(layer.gradOutput[a]));
    const rows = units.slice(0, count).map((unit) => layer.grads.weight.subarray(unit * size, (unit + 1) * size));
    pictures.forEach((picture, k) => {
      picture.draw(rows[k], largestOf(rows[0]));
      picture.caption.textContent = `unit ${units[k]}`;
      picture.canvas.setAttribute("aria-label", `gradient of the weights of unit ${units[k]}`);
    });
  };
  return { node: element("div", { className: "units" }, element("p", { className: "look" }, text), list), update };
}
