// Numbers in rows and columns, with their name above them. Some can be changed.

/** Return { node, update } for N rows of numbers; `values` returns the array, whose elements are changed in place. */
function numberTable(name, values, { rows = 1, changed }) {
  const columns = values().length / rows;
  const label = (k) => `${name}, ${rows > 1 ? `row ${Math.floor(k / columns) + 1}, ` : ""}number ${(k % columns) + 1}`;
  const cells = Array.from(values(), (value, k) =>
    changed
      ? numberField(label(k), value, (number) => ((values()[k] = number), changed()))
      : element("output", { className: "number", "aria-label": label(k) }),
  );
  const grid = element("div", { className: "cells" }, ...cells);
  grid.style.setProperty("--columns", columns);
  const update = () => {
    if (!changed) cells.forEach((cell, k) => (cell.textContent = numberText(values()[k])));
  };
  return { node: element("figure", { className: "numbers" }, element("figcaption", {}, name), grid), update };
}

/** Return a field for a number; text that is no number changes nothing. */
function numberField(label, value, changed) {
  const field = element("input", { type: "number", step: "any", "aria-label": label });
  field.value = Number(value.toPrecision(3));
  field.oninput = () => Number.isFinite(field.valueAsNumber) && changed(field.valueAsNumber);
  return field;
}

/** Return a pass: its title and equations, and below them what it computes, from left to right. */
function passSection(title, equations, parts) {
  return element(
    "section",
    { "aria-label": title },
    element("h3", {}, title),
    element("div", { className: "equations" }, ...equations.map(equationLine)),
    element("div", { className: "parts" }, ...parts.map((part) => part.node)),
  );
}

/** Show the sections; tell a page around this one how high it is. */
function showWidget(...sections) {
  byId("widget").append(...sections);
  const tell = () => parent.postMessage({ widgetHeight: document.documentElement.offsetHeight }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}
