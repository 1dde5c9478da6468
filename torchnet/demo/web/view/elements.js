// HTML elements, and numbers as text.

const byId = (id) => document.getElementById(id);

/** Return a new element with properties or attributes ("aria-...", "for", "role") and children. */
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const MINUS = "\u2212";
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** Format a number with three digits: 0.0123, −4.56, 7.89·10⁻¹⁰. */
function numberText(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value).replace("-", MINUS);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -3 && exponent < 5) return Number(value.toPrecision(3)).toString().replace("-", MINUS);
  const [digits, power] = value.toExponential(2).split("e");
  return `${digits.replace("-", MINUS)}·${powerText(Number(power))}`;
}

/** Format a power of ten: 10⁻¹⁰. */
const powerText = (power) => `10${[...String(power)].map((character) => RAISED[character]).join("")}`;

const countText = (count) => count.toLocaleString("en-US");
const percentText = (share) => `${(100 * share).toFixed(1)} %`;
