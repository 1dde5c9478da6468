// A small generator of random numbers, so that a seed gives the same numbers in every browser.

class Random {
  /** @param stream a whole number for each use of a seed: other streams draw other numbers. */
  constructor(seed, stream = 0) {
    this.state = (seed ^ Math.imul(stream, 0x9e3779b9)) >>> 0;
  }

  /** Return a number, uniform on [0, 1). Source: Tommy Ettinger's Mulberry32. */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let bits = this.state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Return a number, uniform between two others. */
  between(low, high) {
    return low + (high - low) * this.uniform();
  }

  /** Return a number from the normal distribution of mean 0 and variance 1, by the method of Box and Muller. */
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Return 0, 1, ..., count - 1 in a random order. */
  permutation(count) {
    const order = Int32Array.from({ length: count }, (_, k) => k);
    for (let k = count - 1; k > 0; k--) {
      const other = Math.floor((k + 1) * this.uniform());
      [order[k], order[other]] = [order[other], order[k]];
    }
    return order;
  }
}
