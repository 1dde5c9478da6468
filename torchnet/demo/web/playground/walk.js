// The backward pass of the selected sample: a list of all layers, from the loss to the input, and the details of one.

class Walk {
  /** @param state the state of the page: its experiment, and the sample that is selected. */
  constructor(state) {
    this.state = state;
    this.at = 0; // the place in the list
    this.isWalking = false; // whether the layers after this place are still to come
    this.node = byId("chain");
  }

  /** Make the list for a new experiment. */
  rebuild() {
    this.isWalking = false;
    this.compute();
    const lines = [
      { title: "Loss", details: () => lossDetails(() => this.pass, this.state) },
      ...chainOf(this.pass.layers).map(({ layer, depth, find }) => ({
        title: layer.kind,
        place: `net[${layer.name.split(".").join("][")}]`,
        depth,
        layer: () => find(this.pass.layers),
        details: () => layerDetails(() => find(this.pass.layers)),
      })),
      { title: "Input", details: () => inputDetails(() => this.pass, this.state) },
    ];
    this.lines = lines.map((line, k) => this.line(line, k));
    this.node.replaceChildren(...this.lines.map(({ node }) => node));
    this.select(Math.min(this.at, lines.length - 1));
  }

  line({ title, place, depth = 0, layer, details }, k) {
    const number = element("span", { className: "number" });
    const name = element("span", {}, title, ...(place ? [" ", element("small", {}, place)] : []));
    const button = element(
      "button",
      { type: "button", onclick: () => ((this.isWalking = false), this.select(k)) },
      name,
      element("span", { className: "bar" }, element("i")),
      number,
    );
    button.classList.toggle("inner", depth > 0);
    return { node: element("li", {}, button), button, number, layer, details, title, place };
  }

  /** Run the sample forward and backward. */
  compute() {
    this.pass = this.state.experiment.backwardOf(this.state.sample);
  }

  /** Show another layer. */
  select(k) {
    this.at = k;
    const { details, button } = this.lines[k];
    this.details = details();
    byId("layer").replaceChildren(this.details.node);
    this.show();
    const { offsetTop, offsetHeight } = button;
    const { scrollTop, clientHeight } = this.node;
    const top = offsetTop - this.node.offsetTop;
    if (top < scrollTop || top + offsetHeight > scrollTop + clientHeight) this.node.scrollTop = top - clientHeight / 2;
  }

  /** Go back by one layer: to the loss first, and after the input to the loss again. */
  goBack() {
    const next = this.isWalking ? (this.at + 1) % this.lines.length : 0;
    this.isWalking = true;
    this.compute();
    this.select(next);
    const { layer, title, place } = this.lines[next];
    byId("walk-text").textContent = `${next + 1} of ${this.lines.length}: ${title}${place ? ` ${place}` : ""}. ${
      layer ? factorText(layer()) : ""
    }`;
  }

  draw() {
    if (!this.isWalking) this.compute();
    this.show();
  }

  /** Show the current numbers. */
  show() {
    const norms = this.lines.map(({ layer, title }) => {
      if (title === "Input") return norm(this.pass.gradInput);
      return layer ? norm(layer().gradOutput) : norm(this.pass.gradLogits);
    });
    const length = logarithmicScale(norms);
    this.lines.forEach(({ node, button, number }, k) => {
      button.style.setProperty("--share", length(norms[k]));
      number.textContent = steadyText(norms[k]);
      button.classList.toggle("waiting", this.isWalking && k > this.at);
      k === this.at ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current");
      node.hidden = false;
    });
    if (!this.isWalking) byId("walk-text").textContent = "Bars show ‖G‖ on a logarithmic scale.";
    this.details.update();
  }
}

/** Say by how much a layer changes the norm of the gradient. */
function factorText(layer) {
  const [before, after] = [norm(layer.gradOutput), norm(layer.gradInput)];
  const factor = before > 0 ? `, ${steadyText(after / before)} times as much` : "";
  return `It receives ‖G‖ = ${steadyText(before)} and passes on ‖∂L/∂x‖ = ${steadyText(after)}${factor}.`;
}

/** Return all layers in the order of the backward pass, each with a function that finds it in other layers. */
function chainOf(layers, depth = 0, within = (all) => all) {
  return [...layers.keys()].reverse().flatMap((k) => {
    const find = (all) => within(all)[k];
    const inner = layers[k].layers ? chainOf(layers[k].layers, depth + 1, (all) => find(all).layers) : [];
    return [{ layer: layers[k], depth, find }, ...inner];
  });
}

function lossDetails(get, { experiment }) {
  const { name, forward, backward } = LOSS_EQUATIONS[experiment.network.description.loss];
  const of = (label, values) => ({ name: label, values });
  const probabilities = experiment.task === "classification" ? [of("p", () => softmax(get().logits).probs)] : [];
  const rows = [of("z", () => get().logits), ...probabilities, of("t", () => get().target), of("∂L/∂z", () => get().gradLogits)];
  const loss = element("span", { className: "number" });
  const fact = { node: element("p", { className: "fact" }, "L = ", loss), update: () => (loss.textContent = steadyText(get().loss)) };
  return card({ title: name, equations: [...forward, ...backward], facts: [fact], pictures: [cells(rows, get().logits.length, "output")] });
}

function inputDetails(get) {
  const rows = [
    { name: "x", values: () => get().input },
    { name: "∂L/∂x", values: () => get().gradInput },
  ];
  const text = "Where the loss would rise if the input changed. Training does not use it.";
  return card({ title: "Input", facts: [textFact(text)], pictures: [cells(rows, get().input.length, "input")] });
}
