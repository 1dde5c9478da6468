// Numbers of one sample, readable: a table with a column per unit, or pictures if there are many units; and matrices.

const MOST_CELLS = 16;

/** Return rows of numbers, one column per unit, as { node, update }. A row is { name, values: a function }. */
function cells(rows, count, unitName = "unit") {
  if (count > MOST_CELLS) return pictureRows(rows, count);
  const heads = Array.from({ length: count }, (_, k) => element("th", { scope: "col" }, String(k)));
  const lines = rows.map(({ name, values }) => {
    const numbers = Array.from({ length: count }, () => element("td"));
    const unit = element("small");
    const row = element("tr", {}, element("th", { scope: "row" }, name, unit), ...numbers);
    return { values, numbers, unit, row };
  });
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "row" }, unitName), ...heads));
  const body = element("tbody", {}, ...lines.map(({ row }) => row));
  const node = element("div", { className: "cells", tabIndex: 0 }, element("table", {}, head, body));
  const update = () => lines.forEach(({ values, numbers, unit }) => fillCells(numbers, unit, values()));
  return { node, update };
}

/** Write numbers into cells, in units of a power of ten, with a tint for sign and size relative to the largest. */
function fillCells(cells, unit, values) {
  const limit = largestOf(values);
  const power = limit > 0 && Number.isFinite(limit) ? Math.floor(Math.log10(limit)) : 0;
  const shift = power < -1 || power > 2 ? power : 0;
  unit.textContent = shift ? ` ·${powerText(shift)}` : "";
  cells.forEach((cell, k) => {
    const share = limit > 0 ? Math.round((45 * Math.abs(values[k])) / limit) : 0;
    const color = `var(--${values[k] < 0 ? "negative" : "positive"})`;
    cell.style.background = `color-mix(in srgb, ${color} ${share}%, var(--surface))`;
    cell.textContent = (values[k] / 10 ** shift).toFixed(3).replace("-", MINUS);
    cell.title = values[k];
  });
}

function pictureRows(rows, count) {
  const columns = Number.isInteger(Math.sqrt(count)) ? Math.sqrt(count) : undefined;
  const pictures = rows.map(
    ({ name, values, signed = true }) => new Picture({ count, columns, caption: name, values, signed }),
  );
  const node = element("div", { className: "cells pictures" }, ...pictures.map((picture) => picture.node));
  return { node, update: () => pictures.forEach((picture) => picture.update()) };
}

/** Return pictures of matrices of one shape, and a line that says the numbers at the place that is pointed at.
 *
 * @param of functions that return the matrices, by name.
 * @param text a function from a row and a column to that line.
 */
function matrices(of, columns, text, hint) {
  const pictures = Object.entries(of).map(([caption, values]) => {
    const picture = new Picture({ count: values().length, columns, caption, values, signed: true, size: "large" });
    picture.canvas.addEventListener("pointermove", (event) => point(event, picture.canvas));
    picture.canvas.addEventListener("pointerdown", (event) => point(event, picture.canvas));
    return picture;
  });
  const readout = element("p", { className: "readout number" }, hint);
  let place = null;
  const say = () => place && (readout.textContent = text(...place));
  const point = (event, canvas) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - top) / height) * canvas.height);
    const column = Math.floor(((event.clientX - left) / width) * canvas.width);
    if (row >= 0 && row < canvas.height && column >= 0 && column < canvas.width) place = [row, column];
    say();
  };
  const list = element("div", { className: "pictures" }, ...pictures.map((picture) => picture.node));
  const update = () => (pictures.forEach((picture) => picture.update()), say());
  return { node: element("div", { className: "matrices" }, list, readout), update };
}
