// What the network and each of its units compute over the inputs, as small images.

// Grids of points: how many products they may cost, and how many points they have in each direction.
const GRIDS = {
  units: { products: 2e6, low: 10, high: 20 },
  running: { products: 2e6, low: 16, high: 32 },
  paused: { products: 2e7, low: 24, high: 80 },
};

/** Return the number of points in each direction for one of the grids: fewer for a large network. */
function resolutionOf({ linears }, { products, low, high }) {
  const weights = linears.reduce((total, { weight }) => total + weight.length, 0);
  return Math.round(Math.min(high, Math.max(low, Math.sqrt(products / weights))));
}

/**
 * The units of an experiment as tiles. For images, a unit of the first layer is shown by its weights, and the others by
 * one color each: their output for the selected sample.
 */
class Surfaces {
  constructor(state, columns) {
    Object.assign(this, { state, columns });
    this.places = columns.map(({ layers }) => state.experiment.layers.indexOf(layers.at(-1)));
    const { in_features } = state.experiment.data;
    this.hasGrid = in_features <= 2;
    this.resolution = resolutionOf(state.experiment, GRIDS.units);
    const tilesOf = (column, units) => Array.from({ length: units }, () => this.tile(column, in_features));
    this.tiles = columns.map(({ units }, column) => tilesOf(column, units));
    this.inputs = this.inputTiles();
  }

  tile(column, in_features) {
    if (this.hasGrid) return new Tile(this.resolution, in_features === 1 ? 1 : this.resolution);
    return new Tile(column === 0 ? Math.sqrt(in_features) : 1);
  }

  inputTiles() {
    const { in_features } = this.state.experiment.data;
    if (!this.hasGrid) return [new Tile(Math.sqrt(in_features))];
    const { resolution } = this;
    const across = (k) => (2 * (k % resolution)) / (resolution - 1) - 1;
    const down = (k) => 1 - (2 * Math.floor(k / resolution)) / (resolution - 1);
    return [across, down].slice(0, in_features).map((coordinate) => {
      const tile = this.tile(0, in_features);
      return tile.paintSigned(Array.from({ length: tile.pixels.length }, (_, k) => coordinate(k)), 1);
    });
  }

  /** Paint all units again. The colors of a column share a scale. */
  update() {
    const { experiment } = this.state;
    if (!this.hasGrid) this.inputs[0].paint(experiment.sample(this.state.sample).input, palettes.gray, 1, 0);
    this.columns.forEach(({ units }, column) => {
      const values = Array.from({ length: units }, (_, unit) => this.valuesOf(column, unit));
      const limit = Math.max(...values.map(largestOf));
      values.forEach((row, unit) => this.tiles[column][unit].paintSigned(row, limit));
    });
  }

  /** Return the outputs of a unit on the grid; for images, its weights or its output. */
  valuesOf(column, unit) {
    const { experiment, pass } = this.state;
    if (this.hasGrid) return experiment.unitSurface(this.places[column], unit, this.resolution);
    const { weight, in_features: I } = this.columns[0].linear;
    if (column === 0) return weight.subarray(unit * I, (unit + 1) * I);
    return [[...pass.network.everyLayer()][this.places[column]].output[unit]];
  }
}
