// The shares of dead and of saturated units, one bar per activation layer.

class HealthBars {
  /** @param health a function that returns the shares of every activation layer. */
  constructor(node, health) {
    this.health = health;
    this.list = element("ol", { className: "health" });
    node.append(
      element("h2", {}, "Dead and saturated units"),
      element("p", { className: "look" }, "Dead: no gradient for any sample. Saturated: hardly any gradient, share of samples."),
      this.list,
    );
  }

  draw() {
    const layers = this.health();
    if (this.list.children.length !== layers.length) this.list.replaceChildren(...layers.map(() => this.line()));
    layers.forEach(({ name, dead, saturated }, k) => {
      const [label, bar, number] = this.list.children[k].children;
      label.textContent = name;
      bar.style.setProperty("--dead", dead);
      bar.style.setProperty("--saturated", Math.max(0, saturated - dead));
      number.textContent = `${percent(dead)} dead, ${percent(saturated)} saturated`;
    });
  }

  line() {
    const bar = element("span", { className: "shares" }, element("i"), element("i"));
    return element("li", {}, element("span"), bar, element("span", { className: "number" }));
  }
}

const percent = (share) => `${Math.round(100 * share)} %`;
