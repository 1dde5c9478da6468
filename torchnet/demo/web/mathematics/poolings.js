// Poolings, as in torchnet/layers/max_pool.py and avg_pool.py: each output pixel comes from a window of its channel.

/** Return the windows of one direction, such as { start: 2, end: 4 }, without what is outside of the image. */
function poolingWindows({ in_shape, out_shape, kernel_size, stride, padding, dilation = [1, 1] }, direction) {
  const [size, count] = [in_shape[1 + direction], out_shape[1 + direction]];
  return Array.from({ length: count }, (_, k) => {
    const start = k * stride[direction] - padding[direction];
    const step = dilation[direction];
    const end = start + step * (kernel_size[direction] - 1) + 1;
    const padded = Math.min(end, size + padding[direction]) - start; // the length with the padding
    return { start: start < 0 ? start + step * Math.ceil(-start / step) : start, end: Math.min(end, size), step, padded };
  });
}

class Pooling extends Layer {
  /** Call a function with the place of each output pixel, that of its channel, and its windows of rows and columns. */
  eachWindow(outputs, action) {
    const [, H, W] = this.in_shape;
    const [rows, columns] = [this.windows(0), this.windows(1)];
    for (let k = 0, channel = 0; k < outputs; channel += H * W) {
      for (const row of rows) for (const column of columns) action(k++, channel, row, column);
    }
  }

  windows(direction) {
    return poolingWindows(this, direction);
  }

  get sizes() {
    return { I: sizeOf(this.in_shape), O: sizeOf(this.out_shape), W: this.in_shape[2] };
  }
}

class MaxPool2d extends Pooling {
  /** y = max of the window, the first of equal ones */
  forward(x) {
    const { I, O, W } = this.sizes;
    const y = new Float64Array((x.length / I) * O);
    this.places = new Int32Array(y.length);
    this.eachWindow(y.length, (k, channel, row, column) => {
      let best = channel + row.start * W + column.start;
      for (let r = row.start; r < row.end; r += row.step) {
        for (let c = column.start; c < column.end; c += column.step) {
          const place = channel + r * W + c;
          if (x[place] > x[best] || Number.isNaN(x[place])) best = place;
        }
      }
      this.places[k] = best;
      y[k] = x[best];
    });
    return y;
  }

  /** ∂L/∂x = the sum of G over the windows of which x is the maximum */
  backward(grad) {
    const gradInput = new Float64Array(this.input.length);
    for (let k = 0; k < grad.length; k++) gradInput[this.places[k]] += grad[k];
    return gradInput;
  }
}

class AvgPool2d extends Pooling {
  /** y = mean of the window */
  forward(x) {
    const { I, O, W } = this.sizes;
    const y = new Float64Array((x.length / I) * O);
    this.eachWindow(y.length, (k, channel, row, column) => {
      let total = 0;
      for (let r = row.start; r < row.end; r++) {
        for (let c = column.start; c < column.end; c++) total += x[channel + r * W + c];
      }
      y[k] = total / this.divisor(row, column);
    });
    return y;
  }

  /** ∂L/∂x = the sum of G / size over the windows that x is in */
  backward(grad) {
    const { W } = this.sizes;
    const gradInput = new Float64Array(this.input.length);
    this.eachWindow(grad.length, (k, channel, row, column) => {
      const share = grad[k] / this.divisor(row, column);
      for (let r = row.start; r < row.end; r++) {
        for (let c = column.start; c < column.end; c++) gradInput[channel + r * W + c] += share;
      }
    });
    return gradInput;
  }

  /** Return the size of a window; the zeros of the padding count, too, unless the layer says otherwise. */
  divisor(row, column) {
    if (this.divisor_override) return this.divisor_override;
    if (this.count_include_pad) return row.padded * column.padded;
    return (row.end - row.start) * (column.end - column.start);
  }
}

/** The window is the whole image, so that a channel becomes one number. */
class AdaptiveAvgPool2d extends AvgPool2d {
  windows(direction) {
    return [{ start: 0, end: this.in_shape[1 + direction] }];
  }
}
