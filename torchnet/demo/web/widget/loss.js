// A loss at work: logits and a target to change, the loss, and the gradient of the logits.

const { loss } = JSON.parse(byId("data").textContent);
const { forward, backward } = LOSS_EQUATIONS[loss];
const z = Float64Array.of(2, -1, 0.5, 1);
const state = { target: 1, loss: 0, gradLogits: z };

const target = element("select", { "aria-label": "Correct class", onchange: update });
target.append(...Array.from(z, (_, k) => element("option", { value: k }, `class ${k}`)));
target.value = state.target;
const value = element("output", { className: "number", id: "loss" });
const oneHot = () => Float64Array.from(z, (_, k) => Number(k === state.target));
const tables = [
  numberTable("z", () => z, { changed: update }),
  ...(loss === "mean_squared_error" ? [] : [numberTable("p = softmax(z)", () => softmax(z).probs, {})]),
  numberTable("t", oneHot, {}),
];
const gradient = numberTable("∂L/∂z", () => state.gradLogits, {});

function update() {
  state.target = Number(target.value);
  Object.assign(state, LOSSES[loss](z, state.target));
  value.textContent = numberText(state.loss);
  for (const table of [...tables, gradient]) table.update();
}

const line = (...parts) => ({ node: element("p", { className: "line" }, ...parts) });
showWidget(
  passSection("Forward", forward, [...tables, line("Correct class: ", target), line("L = ", value)]),
  passSection("Backward", backward, [gradient]),
);
update();

/** The numbers of this page, for use in the console. */
window.torchnet = { z, state };
