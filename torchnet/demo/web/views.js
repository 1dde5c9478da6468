// The two views: the rows of the forward pass, and the rows of the backward pass, each in the order of the pass.

/** Return a picture of an image with as many pixels as the network has inputs. */
const imagePicture = (caption, values, { side }, options) =>
  new Picture({ count: side * side, caption, values, size: "large", ...options });

/** Return a picture of `count` numbers, labeled with the classes if there is one number per class. */
const vectorPicture = (caption, values, count, { classes }, options) =>
  new Picture({ count, caption, values, ticks: count === classes.length ? classes : undefined, ...options });

/** Return the rows of the forward pass, from the image to the probabilities. */
function forwardRows(network, state) {
  const { side, classes } = state;
  return [
    card({
      title: "Image",
      shape: `${side} × ${side} = ${side * side} pixels`,
      facts: [textFact(formText(side))],
      pictures: [imagePicture("x", () => state.image, state, { limit: 1 })],
    }),
    ...network.layers.flatMap((layer) => forwardRow(layer, state)),
    card({
      title: "Softmax",
      file: "torchnet/losses/softmax.py",
      shape: String(classes.length),
      equations: ["p = softmax(z)"],
      pictures: [vectorPicture("p", () => state.probabilities, classes.length, state, { limit: 1 })],
    }),
  ];
}

function forwardRow(layer, state) {
  const output = () => layer.output;
  const options = { signed: !NEVER_NEGATIVE.has(layer.kind), limit: layer.kind === "Sigmoid" ? 1 : undefined };
  const row = card({
    ...titleOf(layer),
    equations: EQUATIONS[layer.kind](layer).forward,
    facts: [normFact("y", output), ...(layer instanceof Activation ? [activationPlot(layer, "forward")] : [])],
    pictures: [vectorPicture("y", output, layer.output.length, state, options)],
    below: seesPixels(layer) ? [unitPictures(layer, state, "forward")] : [],
  });
  return layer.layers ? [block(layer.layers.flatMap((inner) => forwardRow(inner, state)), "f"), row] : [row];
}

/** Return the rows of the backward pass, from the loss to the pixels. */
function backwardRows(network, state) {
  const { side, classes } = state;
  const { loss, loss_file: file } = network.description;
  const { name, forward, backward } = LOSS_EQUATIONS[loss];
  const gradImage = () => state.gradImage;
  return [
    card({
      title: name,
      file,
      equations: [...forward, ...backward],
      pictures: [
        vectorPicture("p", () => state.probabilities, classes.length, state, { limit: 1 }),
        vectorPicture("∂L/∂z", () => state.gradLogits, classes.length, state, { signed: true }),
      ],
    }),
    ...[...network.layers].reverse().flatMap((layer) => backwardRow(layer, state)),
    card({
      title: "Image",
      shape: `${side} × ${side}`,
      facts: [
        gradientFact("∂L/∂x", gradImage, state),
        textFact(
          "Red: less ink here would lower the loss. Blue: more ink here would lower the loss. Look for strokes that " +
            "the chosen digit does not have, and for places where it needs a stroke.",
        ),
      ],
      pictures: [
        imagePicture("∂L/∂x", gradImage, state, { signed: true }),
        imagePicture("x", () => state.image, state, { limit: 1 }),
      ],
    }),
  ];
}

function backwardRow(layer, state) {
  const size = layer.output.length;
  const gradOutput = () => layer.gradOutput;
  const weights = ["weight", "bias"].filter((weight) => layer.grads[weight]);
  const row = card({
    ...titleOf(layer),
    equations: EQUATIONS[layer.kind](layer).backward,
    facts: [
      gradientFact("G", gradOutput, state),
      ...weights.map((weight) => weightFact(layer, weight, state)),
      ...(layer instanceof Activation ? [activationPlot(layer, "backward")] : []),
    ],
    pictures: [
      vectorPicture("G = ∂L/∂y", gradOutput, size, state, { signed: true }),
      vectorPicture("y", () => layer.output, size, state, { signed: !NEVER_NEGATIVE.has(layer.kind) }),
    ],
    below: seesPixels(layer) ? [unitPictures(layer, state, "backward")] : [],
  });
  if (!layer.layers) return [row];
  return [row, block([...layer.layers].reverse().flatMap((inner) => backwardRow(inner, state)), "f")];
}
