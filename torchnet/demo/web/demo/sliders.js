// Controls for the first columns of a table: a slider for numbers, a list for categories.

const MOST_SLIDERS = 12;
const REACH = 3; // standard deviations from the mean to the ends of a slider

/** Format a number of a column with digits to a hundredth of its standard deviation. */
function unitText(value, std) {
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(std)));
  if (decimals > 8 || Math.abs(value) >= 1e9) return numberText(value);
  return value.toFixed(decimals).replace("-", MINUS);
}

const random = new Random(Date.now());

/** Return a number from the standard normal distribution within the reach of a slider. */
const randomNormal = () => Math.max(-REACH, Math.min(REACH, random.normal()));

class Sliders {
  /**
   * @param row the values of all columns, which the controls change.
   * @param changed a function that is called after a change.
   */
  constructor(columns, row, changed) {
    Object.assign(this, { columns, row, changed });
    this.setters = []; // for each control, a function that sets it to a value
    const controlOf = (column, k) => (column.kind === "numeric" ? this.slider(column, k) : this.list(column, k));
    const lines = columns.slice(0, MOST_SLIDERS).map(controlOf);
    this.node = element("div", { className: "columns" }, ...lines);
    const others = columns.length - lines.length;
    const text = `${countText(others)} more columns stay at their mean or first category.`;
    if (others > 0) this.node.append(element("p", { className: "fact" }, text));
  }

  /** Set each slider to the number that a function of its column and its place returns, each list to its category. */
  set(numberOf, categoryOf = firstCategory) {
    this.setters.forEach((set, k) => {
      const column = this.columns[k];
      set((column.kind === "numeric" ? numberOf : categoryOf)(column, k));
    });
  }

  /** Set all controls to random values: numbers as they are spread in training, any category. */
  shuffle() {
    this.set(
      ({ mean, std }) => mean + std * randomNormal(),
      ({ categories }) => categories[Math.floor(random.between(0, categories.length))],
    );
  }

  line(k, control, ...others) {
    const { name } = this.columns[k];
    control.id = `column-${k}`;
    const label = element("label", { for: control.id, title: name }, name);
    return element("div", { className: "column" }, label, control, ...others);
  }

  slider({ mean, std, missing }, k) {
    const range = { type: "range", min: mean - REACH * std, max: mean + REACH * std, step: "any" };
    const slider = element("input", range);
    const text = element("output", { className: "number" });
    const box = element("input", { type: "checkbox" });
    const set = (value) => {
      this.row[k] = box.checked ? NaN : value;
      slider.disabled = box.checked;
      text.textContent = box.checked ? "missing" : unitText(value, std);
    };
    slider.oninput = box.onchange = () => (set(Number(slider.value)), this.changed());
    this.setters.push((value) => ((box.checked = false), (slider.value = value), set(value)));
    const others = missing === "indicator" ? [element("label", { className: "missing" }, box, " missing")] : [];
    return this.line(k, slider, text, ...others);
  }

  list({ categories }, k) {
    const options = categories.map((it) => element("option", { value: it }, categoryText(it)));
    const list = element("select", {}, ...options);
    list.onchange = () => ((this.row[k] = list.value), this.changed());
    this.setters.push((value) => (this.row[k] = list.value = value));
    return this.line(k, list);
  }
}
