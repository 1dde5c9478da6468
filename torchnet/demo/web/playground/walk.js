// The backward pass of the selected sample: a list of all steps, from the loss to the input, and the details of one.

class Walk {
  /** @param state the state of the page: the experiment, and `pass`, the forward and backward pass of its sample. */
  constructor(state) {
    Object.assign(this, { state, at: 0, isWalking: false }); // while walking, what comes after `at` is not shown
  }

  /** Make the list for a new experiment or sample. */
  rebuild() {
    const { pass } = this.state;
    const names = layerNames(pass.network);
    this.isWalking = false;
    this.steps = [
      { title: "Loss", norm: () => norm(pass.gradLogits), details: () => lossDetails(this.state) },
      ...stepsThrough(pass.network.layers, names),
      { title: "Input", norm: () => norm(pass.gradInput), details: () => inputDetails(this.state) },
    ];
    this.lines = this.steps.map((step, k) => this.line(step, k));
    byId("chain").replaceChildren(...this.lines.map(({ button }) => element("li", {}, button)));
    this.select(Math.min(this.at, this.steps.length - 1));
  }

  line({ title, place = "", isInner = false }, k) {
    const number = element("span", { className: "number" });
    const name = element("span", {}, `${title} `, element("small", {}, place));
    const bar = element("span", { className: "bar" }, element("i"));
    const button = element("button", { type: "button", onclick: () => this.stopAt(k) }, name, bar, number);
    button.classList.toggle("inner", isInner);
    return { button, number };
  }

  stopAt(k) {
    this.isWalking = false;
    this.select(k);
  }

  /** Show the details of another step. */
  select(k) {
    this.at = k;
    this.details = this.steps[k].details();
    byId("layer").replaceChildren(this.details.node);
    this.draw();
    const list = byId("chain");
    const { offsetTop, offsetHeight } = this.lines[k].button;
    const [top, bottom] = [list.scrollTop, list.scrollTop + list.clientHeight];
    if (offsetTop < top || offsetTop + offsetHeight > bottom) list.scrollTop = offsetTop - list.clientHeight / 2;
  }

  /** Go back by one layer: first to the loss, and from the input to the loss again. */
  goBack() {
    const next = this.isWalking ? (this.at + 1) % this.steps.length : 0;
    this.isWalking = true;
    this.select(next);
  }

  /** Show the current numbers. */
  draw() {
    const norms = this.steps.map((step) => step.norm());
    const length = logarithmicScale(norms);
    this.lines.forEach(({ button, number }, k) => {
      button.style.setProperty("--share", length(norms[k]));
      number.textContent = steadyText(norms[k]);
      button.classList.toggle("waiting", this.isWalking && k > this.at);
      button.setAttribute("aria-current", k === this.at ? "step" : "false");
    });
    this.details.update();
    const { title, place = "", layer } = this.steps[this.at];
    const text = `${this.at + 1} of ${this.steps.length}: ${title} ${place} ${layer ? factorText(layer) : ""}`;
    write("walk-text", this.isWalking ? text : "Bars: ‖G‖ on a logarithmic scale. Choose a layer.");
  }
}

/** Return the names of all layers, those of the columns of the diagram: "layer 1" for a Linear and what follows it. */
function layerNames(network) {
  const columns = columnsOf(network);
  return new Map(columns.flatMap(({ layers }, k) => layers.map((layer) => [layer, layerName(k, columns.length)])));
}

/** Return the steps through layers in the order of the backward pass; those inside a residual block come after it. */
function stepsThrough(layers, names, isInner = false) {
  return [...layers].reverse().flatMap((layer) => [
    {
      title: layer.kind.replace("BatchNorm1d", "BatchNorm"),
      place: names.get(layer),
      layer,
      isInner,
      norm: () => norm(layer.gradOutput),
      details: () => layerDetails(layer, names.get(layer)),
    },
    ...stepsThrough(layer.layers ?? [], names, true),
  ]);
}

/** Say by how much a layer changes the norm of the gradient. */
function factorText(layer) {
  const [before, after] = [norm(layer.gradOutput), norm(layer.gradInput)];
  const factor = before > 0 ? `, ${steadyText(after / before)} times as much` : "";
  return `receives ‖G‖ = ${steadyText(before)} and passes on ‖∂L/∂x‖ = ${steadyText(after)}${factor}.`;
}
