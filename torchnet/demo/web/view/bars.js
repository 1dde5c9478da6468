// Named numbers as a list of bars. A name that does not fit is cut, and shown in full when pointed at. Of many numbers,
// the largest are shown.

const MOST_BARS = 10; // unless an option says otherwise

class Bars {
  /**
   * @param names a name for each number.
   * @param values a function that returns the numbers; `update` calls it.
   * @param signed whether numbers may be negative.
   * @param limit the number with the longest bar, by default the largest absolute value.
   * @param text a function from a number and its place to its text.
   * @param caption is shown above, if there is one.
   * @param most the number of bars.
   */
  constructor({ names, values, signed = false, limit, text = numberText, caption = "", id = "", most = MOST_BARS }) {
    Object.assign(this, { names, values, signed, limit, text });
    this.lines = Array.from({ length: Math.min(names.length, most) }, () => {
      const [name, number] = [element("b"), element("span", { className: "number" })];
      const node = element("li", {}, name, element("span", { className: "bar" }, element("i")), number);
      return { node, name, number };
    });
    const list = element("ol", { className: "bars", id }, ...this.lines.map(({ node }) => node));
    if (caption) list.setAttribute("aria-label", caption);
    list.classList.toggle("signed", signed);
    this.node = element("figure", { className: "picture named" }, list);
    if (caption) this.node.prepend(element("figcaption", {}, caption));
    const others = names.length - this.lines.length;
    if (others > 0) this.node.append(element("p", { className: "fact" }, `and ${countText(others)} smaller`));
  }

  /** Show the numbers; mark the largest if `marked`. */
  update(marked = false) {
    const values = this.values();
    const limit = this.limit ?? largestOf(values);
    const places = this.largest(values);
    const top = marked ? places.reduce((best, k) => (values[k] > values[best] ? k : best)) : null;
    this.lines.forEach(({ node, name, number }, line) => {
      const k = places[line];
      node.classList.toggle("first", k === top);
      node.classList.toggle("negative", values[k] < 0);
      node.style.setProperty("--share", limit > 0 ? Math.max(-1, Math.min(1, values[k] / limit)) : 0);
      name.textContent = name.title = this.names[k];
      number.textContent = this.text(values[k], k);
    });
  }

  /** Return the places of the numbers to show: all in order, or those of the largest. */
  largest(values) {
    const places = [...values.keys()];
    if (places.length === this.lines.length) return places;
    return places.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).slice(0, this.lines.length);
  }
}
