// What makes a deep network short: the gradients of all layers in one chart, and parts of a row that open when asked for.

const DEEP = 20; // layers, from which on a network is deep

const isDeep = (network) => [...network.everyLayer()].length > DEEP;

/** Return a row with a bar for ‖G‖ of each layer, which is a link to its row. */
function summaryRow(state) {
  const bars = [...state.network.everyLayer()].reverse().map((layer) => {
    const { id, title, place } = titleOf(layer);
    const bar = element("i");
    return { layer, bar, name: `${place} ${title}`, link: element("a", { href: `#${id}` }, bar) };
  });
  const chart = element("nav", { className: "summary", "aria-label": "Layers" }, ...bars.map(({ link }) => link));
  const ends = element("p", { className: "fact" });
  const update = () => {
    for (const { layer, bar, name, link } of bars) {
      const size = norm(layer.gradOutput);
      bar.style.height = `${100 * state.barLength(size)}%`;
      link.title = `${name}: ‖G‖ = ${numberText(size)}`;
      link.setAttribute("aria-label", link.title);
    }
    ends.textContent = [bars[0], bars.at(-1)].map(({ link }) => link.title).join(", ");
  };
  return card({
    title: "‖G‖ of every layer",
    facts: [
      textFact("From the loss, left, to the input, right, on a logarithmic scale. A bar leads to its layer."),
      { node: ends, update },
    ],
    pictures: [],
    below: [{ node: chart, update: () => {} }],
  });
}

/** Return a part of a row that is hidden behind its title, and is drawn only when it is open. */
function folded(title, { node, update }) {
  const details = element("details", { className: "folded" }, element("summary", {}, title), node);
  details.ontoggle = () => details.open && update();
  return { node: details, update: () => details.open && update() };
}
