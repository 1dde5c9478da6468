// The shares of saturated outputs or dead units: one column per activation layer.

const HEALTH_TEXTS = {
  saturated: {
    title: "Saturated outputs",
    text: "Share of outputs, in %, whose slope is below a tenth of the steepest.",
  },
  dead: {
    title: "Dead units",
    text: "Share of units, in %, whose slope is below 0.01 for every sample.",
  },
};

class HealthColumns {
  constructor(node, state) {
    this.state = state;
    this.title = element("h2");
    this.text = element("p", { className: "look" });
    this.list = element("ol", { className: "columns" });
    node.append(this.title, this.text, this.list);
  }

  draw() {
    const layers = this.state.experiment.health();
    const kind = layers.some((layer) => "saturated" in layer) ? "saturated" : "dead";
    Object.assign(this.title, { textContent: HEALTH_TEXTS[kind].title });
    Object.assign(this.text, { textContent: HEALTH_TEXTS[kind].text });
    if (this.list.children.length !== layers.length) {
      this.list.replaceChildren(...layers.map((_, k) => this.column(k)));
    }
    layers.forEach((layer, k) => {
      const [number, bar] = this.list.children[k].children;
      bar.style.setProperty("--share", layer[kind]);
      number.textContent = Math.round(100 * layer[kind]);
    });
  }

  column(k) {
    const bar = element("span", { className: "shares" }, element("i"));
    const label = element("span", {}, element("span", { className: "hidden" }, "layer "), String(k + 1));
    return element("li", {}, element("span", { className: "number" }), bar, label);
  }
}
