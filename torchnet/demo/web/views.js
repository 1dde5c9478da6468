// The two views, forward and backward: a list of rows each, in the order of the pass, from one end of the network to
// the other. A row is { node, update }: an element, and a function that draws what the layers hold by then.

/** Return the rows of the forward pass, from the image to the probabilities. */
function forwardRows(network, state) {
  const { side, classes } = state;
  const image = new Picture({ count: side * side, caption: "x", limit: 1, size: "large" });
  const probabilities = new Picture({ count: classes.length, caption: "p", limit: 1, ticks: classes });
  return [
    card(
      {
        title: "Image",
        shape: `${side} × ${side} = ${side * side} pixels`,
        facts: [element("p", { className: "look" }, formText(side))],
        pictures: [image],
      },
      () => image.draw(state.image),
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
  const units = looksAtPixels(layer) ? [unitPictures(layer, state, "forward")] : [];
  const plots = ELEMENTWISE.has(layer.kind) ? [activationPlot(layer, "forward")] : [];
  const own = card(
    {
      ...titleOf(layer),
      equations: EQUATIONS[layer.kind](layer).forward,
      facts: [size, ...plots].map((part) => part.node),
      pictures: [output],
      below: units.map((part) => part.node),
    },
    () => {
      output.draw(layer.output);
      size.update(layer.output);
      for (const part of [...plots, ...units]) part.update();
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
    "Red: less ink here would lower the loss. Blue: more ink here would lower it. Look for strokes that the chosen ",
    "digit does not have, and for the places where it would have some.",
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
  const names = ["weight", "bias"].filter((weight) => layer.grads[weight]);
  const weights = names.map((weight) => weightFact(layer, weight, state));
  const units = looksAtPixels(layer) ? [unitPictures(layer, state, "backward")] : [];
  const plots = ELEMENTWISE.has(layer.kind) ? [activationPlot(layer, "backward")] : [];
  const own = card(
    {
      ...titleOf(layer),
      equations: EQUATIONS[layer.kind](layer).backward,
      facts: [arriving, ...weights, ...plots].map((part) => part.node),
      pictures: [gradOutput, output],
      below: units.map((part) => part.node),
    },
    () => {
      gradOutput.draw(layer.gradOutput);
      output.draw(layer.output);
      arriving.update(layer.gradOutput);
      for (const part of [...weights, ...plots, ...units]) part.update();
    },
  );
  const inner = layer.layers && block([...layer.layers].reverse().flatMap((part) => backwardRow(part, state)), "f");
  return inner ? [own, inner] : [own];
}
