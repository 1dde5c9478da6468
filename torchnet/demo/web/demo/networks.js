// The networks of the page, each with its trained weights or with random ones to compare.

const SEED = 0; // of the random weights

/** Return new weights and buffers: random numbers for W, the first a of PReLU, 1 for γ and variances, else 0. */
function initialNumbers(description, size, initializer) {
  const numbers = new Float64Array(size);
  const random = new Random(SEED);
  const fill = ({ kind, options, weights, buffers, layers = [] }) => {
    layers.forEach(fill);
    for (const [name, { offset, shape }] of Object.entries({ ...weights, ...buffers })) {
      const isOne = name === "weight" || name === "running_var";
      const isRandom = name === "weight" && symbolOf({ kind }, name) === "W";
      const draw = isRandom ? INITIALIZERS[initializer] : () => options.init ?? Number(isOne);
      const [O, I = 1, ...kernel] = shape;
      const K = sizeOf(kernel);
      for (let k = 0; k < O * I * K; k++) numbers[offset + k] = draw(random, I * K, O * K);
    }
  };
  description.layers.forEach(fill);
  return numbers;
}

const counted = (count, name) => `${countText(count)} ${name}${count === 1 ? "" : "s"}`;

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
    const { network, initializer } = this.described[this.place];
    const { trained } = this;
    const numbers = this.isRandom ? initialNumbers(network, trained.length, initializer) : trained;
    return Object.assign(new Network(network, numbers), { taken: 0 });
  }

  /** Return the trained weights and buffers. Their text is decoded once, and dropped to free memory. */
  get trained() {
    const described = this.described[this.place];
    if (typeof described.numbers === "string") {
      described.numbers = decodeNumbers(described.numbers, described.network.dtype);
    }
    return described.numbers;
  }

  /** Say which network is shown, and how many steps were taken on this page. */
  describe() {
    const { name, steps, score, initializer } = this.described[this.place];
    const layers = [...this.network.everyLayer()];
    const weights = layers.flatMap((layer) => Object.keys(layer.grads).map((weight) => layer[weight].length));
    const ofKind = (name) => layers.filter(({ kind }) => kind === name).length;
    const convolutions = ofKind("Conv2d");
    const { taken } = this.network;
    const onPage = taken > 0 ? [`${counted(taken, "step")} on this page`] : [];
    const facts = [
      ...(convolutions > 0 ? [counted(convolutions, "convolution")] : []),
      counted(ofKind("Linear"), "Linear layer"),
      counted(weights.reduce((total, count) => total + count), "weight"),
      ...(this.isRandom ? [] : [counted(steps, "training step")]),
      ...(this.isRandom || !score ? onPage : [[score, ...onPage].join(" before ")]),
    ];
    const weightsText = this.isRandom ? ` with random weights (${initializer})` : "";
    const run = element("b", {}, name);
    byId("network-note").replaceChildren("The network of the run ", run, `${weightsText}: ${facts.join(", ")}.`);
  }
}
