// What the units compute over the plane, as tiles.

const UNIT_RESOLUTION = 20;
