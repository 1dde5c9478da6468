// The learning rate of a step: the loss after a step with each power of ten, one of which is preselected.

const RATES = [0.001, 0.01, 0.1, 1, 10, 100];
const PAUSE = 100; // milliseconds without a change, after which the losses after a step are computed again

/** Return the loss of a sample after a step with each rate. The gradients are those of the last backward pass. */
function lossesAfterStep(network, { x, target }, rates) {
  const layers = [...network.everyLayer()];
  const saved = layers.map((layer) => Object.keys(layer.grads).map((weight) => [layer[weight], layer[weight].slice()]));
  const restore = () => saved.flat().forEach(([weight, before]) => weight.set(before));
  const losses = rates.map((rate) => {
    network.step(rate);
    const { loss } = network.loss(network.forward(x), target);
    restore();
    return loss;
  });
  network.forward(x); // the layers keep their input and output
  return losses;
}

/** Return the place of the first loss that is at most half of the loss before a step; without one, of the smallest. */
function placeOfRate(losses, before) {
  const finite = losses.map((loss) => (Number.isFinite(loss) ? loss : Infinity));
  const first = finite.findIndex((loss) => loss <= before / 2);
  return first >= 0 ? first : finite.indexOf(Math.min(...finite));
}

class Rates {
  /**
   * @param state of the page, with the network, x, target and loss of the last backward pass.
   * @param changed a function that is called when the rate changed.
   */
  constructor(state, changed) {
    Object.assign(this, { state, changed, field: byId("lr"), isChosen: false });
    this.field.oninput = () => this.choose(this.field.value);
    this.buttons = RATES.map((rate) => {
      const loss = element("span", { className: "number" });
      const onclick = () => this.choose(rate);
      const button = element("button", { type: "button", onclick }, element("b", {}, `η = ${rate}`), loss);
      return { rate, loss, button };
    });
    byId("rates").append(...this.buttons.map(({ button }) => button));
  }

  get rate() {
    return this.isValid ? Number(this.field.value) : 0;
  }

  get isValid() {
    return this.field.validity.valid;
  }

  /** Allow a step if there is a valid rate for it and something is drawn. */
  allow() {
    byId("step").disabled = !this.isValid || this.state.input.isEmpty;
  }

  choose(rate) {
    this.isChosen = true;
    this.show(rate);
    byId("rate-note").textContent = this.isValid ? "" : "η has to be a number that is at least 0, such as 0.1.";
  }

  /** Give a chosen rate up: the next search preselects one. */
  forget() {
    this.isChosen = false;
  }

  show(rate) {
    if (this.field.value !== String(rate)) this.field.value = rate;
    for (const { button, rate: own } of this.buttons) button.setAttribute("aria-pressed", this.isValid && own === this.rate);
    this.allow();
    this.changed();
  }

  /** Search after a pause in drawing, since a network may have millions of weights. */
  searchAfterPause() {
    clearTimeout(this.waiting);
    this.markStale(true);
    this.waiting = setTimeout(() => this.search(), PAUSE);
  }

  /** Compute the loss after a step with each rate, and preselect one unless one was chosen. */
  search() {
    clearTimeout(this.waiting);
    if (this.state.view !== "backward") return;
    this.markStale(this.state.input.isEmpty);
    if (this.state.input.isEmpty) return;
    const losses = lossesAfterStep(this.state.network, this.state, RATES);
    this.buttons.forEach(({ loss }, k) => (loss.textContent = numberText(losses[k])));
    if (!this.isChosen) this.preselect(losses);
  }

  /** Hide the losses and the note, which belong to another input. */
  markStale(isStale) {
    byId("rates").parentElement.classList.toggle("stale", isStale);
  }

  preselect(losses) {
    const place = placeOfRate(losses, this.state.loss);
    const isHalf = losses[place] <= this.state.loss / 2;
    const why = isHalf ? "the smallest of them with which one step at least halves the loss" : "which leads to the smallest loss";
    byId("rate-note").textContent = `Preselected is η = ${RATES[place]}, ${why}.`;
    this.show(RATES[place]);
  }
}
