// The convolution, as in torchnet/layers/convolution.py: a product of W with the patches of the image.
//
// The columns of the matrix P are the patches of one image: it has A columns, one for each output pixel.

class Conv2d extends Layer {
  /** Return I, the size of an input image; O and A, the channels and pixels of an output; K, the width of W, (O, K). */
  get sizes() {
    const [O, ...outSize] = this.out_shape;
    return { I: sizeOf(this.in_shape), O, A: sizeOf(outSize), K: this.weight.length / O };
  }

  /** Return the groups of output channels, from `first` to `end`, with the place in P of the rows that they multiply. */
  get channelGroups() {
    const { O, A, K } = this.sizes;
    const width = O / this.groups;
    return Array.from({ length: this.groups }, (_, g) => ({ first: g * width, end: (g + 1) * width, p: g * K * A }));
  }

  /** Y = W P + b, for each sample and group */
  forward(x) {
    const { weight, bias, channelGroups } = this;
    const { I, O, A, K } = this.sizes;
    const y = new Float64Array((x.length / I) * O * A);
    if (bias) for (let k = 0; k < y.length; k++) y[k] = bias[Math.floor(k / A) % O];
    for (let n = 0; n * I < x.length; n++) {
      const P = this.patches(x.subarray(n * I, (n + 1) * I));
      const Y = y.subarray(n * O * A, (n + 1) * O * A);
      for (const { first, end, p } of channelGroups) {
        for (let o = first; o < end; o++) addRows(Y, o * A, A, { weight, start: o * K, step: 1, count: K }, P, p);
      }
    }
    return y;
  }

  /** ∂L/∂W = G Pᵀ, ∂L/∂b = Σ G, ∂L/∂P = Wᵀ G; a pixel is in several patches, and ∂L/∂x adds up its gradients in them */
  backward(grad) {
    const { weight, input: x, channelGroups } = this;
    const { I, O, A, K } = this.sizes;
    const gradWeight = this.grads.weight.fill(0);
    const gradInput = new Float64Array(x.length);
    for (let n = 0; n * I < x.length; n++) {
      const P = this.patches(x.subarray(n * I, (n + 1) * I));
      const gradP = new Float64Array(P.length);
      const G = grad.subarray(n * O * A, (n + 1) * O * A);
      for (const { first, end, p } of channelGroups) {
        for (let o = first; o < end; o++) addProducts(gradWeight, o * K, K, G, o * A, A, P, p);
        for (let k = 0; k < K; k++) {
          addRows(gradP, p + k * A, A, { weight, start: first * K + k, step: K, count: end - first }, G, first * A);
        }
      }
      this.addPatches(gradP, gradInput.subarray(n * I, (n + 1) * I));
    }
    if (this.bias) sumOverSamples(grad, this.grads.bias, A);
    return gradInput;
  }

  /** Return P of one sample. Where a patch reaches over the edge of the image, it is 0. */
  patches(x) {
    const { A, K } = this.sizes;
    const P = new Float64Array(K * this.groups * A);
    const step = this.stride[1];
    this.eachRun((p, k, end) => {
      for (; p < end; p++, k += step) P[p] = x[k];
    });
    return P;
  }

  /** Add each number of ∂L/∂P to the gradient of its pixel. */
  addPatches(gradP, gradInput) {
    const step = this.stride[1];
    this.eachRun((p, k, end) => {
      for (; p < end; p++, k += step) gradInput[k] += gradP[p];
    });
  }

  /** Call a function for each run of numbers in P, from place p to end, that come from one row of the image. */
  eachRun(action) {
    const { in_shape: [I, H, W], out_shape: [, rows, columns], kernel_size, stride, padding, dilation } = this;
    let p = 0;
    for (let i = 0; i < I; i++) {
      for (let u = 0; u < kernel_size[0]; u++) {
        for (let v = 0; v < kernel_size[1]; v++) {
          const left = v * dilation[1] - padding[1]; // the column of the image for column 0 of the output
          const first = Math.max(0, Math.ceil(-left / stride[1]));
          const end = Math.min(columns, Math.ceil((W - left) / stride[1]));
          for (let r = 0; r < rows; r++, p += columns) {
            const row = r * stride[0] + u * dilation[0] - padding[0];
            if (row >= 0 && row < H) action(p + first, (i * H + row) * W + left + first * stride[1], p + end);
          }
        }
      }
    }
  }
}

/**
 * Add rows of a matrix, each times its weight, to the A numbers of y from k on; the first row begins at m.
 *
 * Four rows at a time, since y takes as long to read and to write as a product takes to compute.
 */
function addRows(y, k, A, { weight, start: w, step, count }, matrix, m) {
  let left = count;
  for (; left >= 4; left -= 4, w += 4 * step, m += 4 * A) {
    const [w0, w1, w2, w3] = [weight[w], weight[w + step], weight[w + 2 * step], weight[w + 3 * step]];
    for (let a = 0; a < A; a++) {
      y[k + a] += w0 * matrix[m + a] + w1 * matrix[m + A + a] + w2 * matrix[m + 2 * A + a] + w3 * matrix[m + 3 * A + a];
    }
  }
  for (; left > 0; left--, w += step, m += A) {
    for (let a = 0; a < A; a++) y[k + a] += weight[w] * matrix[m + a];
  }
}

/**
 * Add the products of the A numbers of x from j on with rows of a matrix to `count` numbers of y from k on.
 *
 * Four rows at a time, since each sum has to wait for its last addition.
 */
function addProducts(y, k, count, x, j, A, matrix, m) {
  const end = k + count;
  for (; k + 4 <= end; k += 4, m += 4 * A) {
    let [y0, y1, y2, y3] = [0, 0, 0, 0];
    for (let a = 0; a < A; a++) {
      y0 += x[j + a] * matrix[m + a];
      y1 += x[j + a] * matrix[m + A + a];
      y2 += x[j + a] * matrix[m + 2 * A + a];
      y3 += x[j + a] * matrix[m + 3 * A + a];
    }
    [y0, y1, y2, y3].forEach((sum, i) => (y[k + i] += sum));
  }
  for (; k < end; k++, m += A) {
    for (let a = 0; a < A; a++) y[k] += x[j + a] * matrix[m + a];
  }
}
