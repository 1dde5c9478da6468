// What was measured over the training steps, as charts. With a second network, its lines are dashed.

/** Return the color of layer k of n, from the first to the last. */
function depthColor(k, n) {
  const bytes = palettes.depth[n > 1 ? Math.round((k / (n - 1)) * (SHADES - 1)) : SHADES >> 1];
  return `rgb(${bytes & 255} ${(bytes >> 8) & 255} ${(bytes >> 16) & 255})`;
}

/** Return the lines of each experiment of the page; `of` returns those of one. */
const linesOfAll = ({ experiments, settings }, of) =>
  experiments.flatMap((experiment, k) =>
    of(experiment).map((line) => (k ? { ...line, name: `${line.name}, ${settings.compare}`, dashed: true } : line)),
  );

const lossLines = (state) =>
  linesOfAll(state, ({ evaluations: { records } }) => {
    const steps = records.map(({ step }) => step);
    return [
      { name: "train", steps, values: records.map(({ train }) => train.loss), color: colors.accent },
      { name: "test", steps, values: records.map(({ test }) => test.loss), color: colors.positive },
    ];
  });

/** Return a line for each Linear layer, of the numbers that the records have under a name. */
const layerLines = (state, key) =>
  linesOfAll(state, ({ history: { records }, linears }) => {
    const steps = records.map(({ step }) => step);
    return linears.map((_, l) => ({
      name: l < linears.length - 1 ? `layer ${l + 1}` : "output",
      steps,
      values: records.map((record) => record[key][l]),
      color: depthColor(l, linears.length),
    }));
  });

/** Return the charts of the page and their places. */
function makeCharts(state) {
  return [
    new LineChart(byId("losses"), {
      title: "Loss",
      text: "The mean over all samples, in evaluation mode.",
      lines: () => lossLines(state),
    }),
    new LineChart(byId("norms"), {
      title: "Gradient norm of each layer",
      text: "‖∂L/∂W‖ of each mini-batch, on a logarithmic scale.",
      lines: () => layerLines(state, "gradientNorms"),
      logarithmic: true,
    }),
    new LineChart(byId("ratios"), {
      title: "Update-to-weight ratio",
      text: "‖ΔW‖ / ‖W‖ of each step: how fast a layer learns.",
      lines: () => layerLines(state, "updateRatios"),
      logarithmic: true,
      band: { from: 1e-4, to: 1e-2, text: "usual" },
    }),
  ];
}
