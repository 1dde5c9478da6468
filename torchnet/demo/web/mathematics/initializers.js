// The initializers, as in torchnet/initializers.py: each draws one weight of a layer with I inputs and O outputs.

const INITIALIZERS = {
  he_normal: (random, I) => random.normal() * Math.sqrt(2 / I),
  xavier_normal: (random, I, O) => random.normal() * Math.sqrt(2 / (I + O)),
  xavier_uniform: (random, I, O) => random.between(-1, 1) * Math.sqrt(6 / (I + O)),
  lecun_normal: (random, I) => random.normal() * Math.sqrt(1 / I),
  zeros: () => 0,
};
