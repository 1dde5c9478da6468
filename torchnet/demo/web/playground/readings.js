// What the network answers: the picture of its output, and its losses.

/** Write a text into an element, unless it is there: screen readers read each change. */
function write(id, text) {
  const node = byId(id);
  if (node.textContent !== text) node.textContent = text;
}

function drawFit() {
  if (!state.fit || !fitSheet.width) return;
  state.refresh();
  state.fit.draw(fitSheet);
  write("fit-title", state.unit ? unitName(state) : "Output");
  write("fit-text", state.unit ? state.fit.unitText : state.fit.text);
  write("sample-text", `${state.fit.describe(state)}\nloss ${steadyText(state.pass.loss)}`);
  if (document.activeElement !== byId("sample")) byId("sample").value = state.sample; // nobody types into it
}

function unitName({ unit: { column, unit }, surfaces: { columns } }) {
  const name = layerName(column, columns.length);
  return name === "output" ? `Output ${unit}` : `Unit ${unit} of ${name}`;
}

const STATS = { step: "Step", train: "Train loss", test: "Test loss", accuracy: "Test accuracy" };

/** Measure the networks, and show the loss of the one that is shown. */
function drawStats() {
  const { step, train, test } = state.experiments.map((experiment) => experiment.evaluate())[state.shown];
  write("stat-step", countText(step));
  write("stat-train", steadyText(train.loss));
  write("stat-test", steadyText(test.loss));
  write("stat-accuracy", test.accuracy === null ? "–" : percentText(test.accuracy));
}

function makeStats() {
  for (const [name, label] of Object.entries(STATS)) {
    byId("stats").append(element("div", {}, element("dt", {}, label), element("dd", { id: `stat-${name}` })));
  }
}
