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
      {
        title: "Softmax",
        file: "torchnet/losses/softmax.py",
        shape: String(classes.length),
        equations: ["p = softmax(z)"],
        pictures: [probabilities],
      },
      () => probabilities.draw(state.probabilities),
    ),
  ];
}

function forwardRow(layer, state) {
  const output = pictureOf("y", layer.output.length, state, {
    signed: !NEVER_NEGATIVE.has(layer.kind),
    limit: layer.kind === "Sigmoid" ? 1 : undefined,
  });
  const size = sizeFact("y");
  const units = looksAtPixels(layer, state) ? [unitPictures(layer, state, "forward")] : [];
  const own = card(
    {
      ...titleOf(layer),
      equations: EQUATIONS[layer.kind](layer).forward,
      facts: [size.node],
      pictures: [output],
      below: units.map((part) => part.node),
    },
    () => {
      output.draw(layer.output);
      size.update(layer.output);
      for (const part of units) part.update();
    },
  );
  return layer.layers ? [block(layer.layers.flatMap((inner) => forwardRow(inner, state)), "f"), own] : [own];
}

/** Return the rows of the backward pass, from the loss to the pixels. */
function backwardRows(network, state) {
  const { side, classes } = state;
  const { loss, loss_file: file } = network.description;
  const { name, forward, backward } = LOSS_EQUATIONS[loss];
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
    card(
      { title: name, file, equations: [...forward, ...backward], pictures: [probabilities, gradLogits] },
      () => {
        probabilities.draw(state.probabilities);
        gradLogits.draw(state.gradLogits);
      },
    ),
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
  const weights = ["weight", "bias"].filter((weight) => layer.grads[weight]).map((weight) => weightFact(layer, weight));
  const units = looksAtPixels(layer, state) ? [unitPictures(layer, state, "backward")] : [];
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

/** An equation, in which _ and ^ lower and raise what follows: a character, or several in braces. */
function equationLine(equation) {
  const parts = equation.split(/([_^](?:\{[^}]*\}|.))/).map((part) =>
    /^[_^]/.test(part) ? element(part[0] === "_" ? "sub" : "sup", {}, part.slice(1).replace(/[{}]/g, "")) : part,
  );
  return element("p", { className: "equation" }, ...parts);
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

const looksAtPixels = (layer, { side }) => layer.kind === "Linear" && layer.name === "0" && layer.in_features === side ** 2;

const UNITS = {
  forward: {
    text: "W of the units with the largest y, each a row of the matrix. Red weighs ink for the unit, blue against it.",
    rank: "output",
    of: (layer) => layer.weight,
  },
  backward: {
    text: "∂L/∂W of the units with the largest G, each a row of the matrix: the image x, times the G of the unit.",
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
