// Rows of a table as the input of the network, as in torchnet/data/inputs.py.

const ENCODERS = {
  /** (value - mean) / std. A missing value, NaN, becomes the mean; with an indicator, a second input says so. */
  numeric({ mean, std, missing }, value) {
    const isMissing = Number.isNaN(value);
    return [isMissing ? 0 : (value - mean) / std, ...(missing === "indicator" ? [Number(isMissing)] : [])];
  },

  /** 1 for the category of the row, 0 for the others. */
  categorical: ({ categories }, value) => categories.map((category) => Number(category === value)),
};

/** Return the input of the network for a row, which has one value per column. */
const encodeRow = (columns, row) =>
  Float64Array.from(columns.flatMap((column, k) => ENCODERS[column.kind](column, row[k])));

/** Return a name for each input that a column becomes. */
function inputNames(column) {
  if (column.kind === "categorical") return column.categories.map((it) => `${column.name} = ${categoryText(it)}`);
  return column.missing === "indicator" ? [column.name, `${column.name} is missing`] : [column.name];
}

/** The empty text stands for a missing category. */
const categoryText = (category) => (category === "" ? "(missing)" : category);

const firstCategory = ({ categories }) => categories.find((category) => category !== "") ?? "";

/** Return a row with the mean, or the first category, of each column. */
const meanRow = (columns) => columns.map((it) => (it.kind === "numeric" ? it.mean : firstCategory(it)));
