// The networks of the page, each with its trained weights or with random ones to compare.

class Networks {
  /**
   * @param described what `ShownNetwork.as_dict` in torchnet/demo/page.py returns, a list.
   * @param changed a function that is called when another network was chosen.
   */
  constructor(described, changed) {
    Object.assign(this, { described, changed, made: new Map(), place: 0, isRandom: false });
    byId("trained").onclick = () => this.choose(this.place, false);
    byId("random-weights").onclick = () => this.choose(this.place, true);
    const list = byId("networks");
    list?.append(...described.map(({ name }, k) => element("option", { value: k, title: name }, name)));
    if (list) list.onchange = () => this.choose(Number(list.value), this.isRandom);
  }

  choose(place, isRandom) {
    Object.assign(this, { place, isRandom });
    byId("trained").setAttribute("aria-pressed", !isRandom);
    byId("random-weights").setAttribute("aria-pressed", isRandom);
    this.describe();
    this.changed();
  }

  /** Return the network that is shown. Each is made once, so that it keeps the steps that were taken. */
  get network() {
    const key = `${this.place} ${this.isRandom}`;
    if (!this.made.has(key)) this.made.set(key, this.make());
    return this.made.get(key);
  }

  make() {
    const { network, numbers, initializer } = this.described[this.place];
    const trained = decodeNumbers(numbers, network.dtype);
    const made = new Network(network, this.isRandom ? initialNumbers(network, trained.length, initializer) : trained);
    return Object.assign(made, { taken: 0 });
  }

  /** Say which network is shown, and how many steps were taken on this page. */
  describe() {
    const { name, steps, score, initializer } = this.described[this.place];
    const { taken } = this.network;
    const here = taken > 0 ? ` and ${countText(taken)} step${taken > 1 ? "s" : ""} on this page` : "";
    const trained = score ? ` (${score})` : "";
    const parts = this.isRandom
      ? ["This is the network of the run ", element("b", {}, name), ` with random weights (${initializer})${here}.`]
      : ["This is the network of the run ", element("b", {}, name), ` after ${countText(steps)} training steps${here}${trained}.`];
    byId("network-note").replaceChildren(...parts);
  }
}
