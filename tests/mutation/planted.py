"""Mutants written by hand: typical mistakes in backward passes, most of them more than a single operator.

Each has a name, the text to replace, which must occur exactly once in the file, and the replacement.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """One mistake in one file."""

    name: str
    path: str
    old: str
    new: str


def _in(path: str, *slips: tuple[str, str, str]) -> tuple[Planted, ...]:
    return tuple(Planted(name, f"torchnet/{path}", old, new) for name, old, new in slips)


_PRODUCT = "product = (rows @ weight.T).view(shape)"
_ROUNDED = "y = product.to(self.weight.dtype)"
_SUM = "y + self.bias"
_W_GRAD = "self.weight.grad = (grad.T @ x).to(dtype)"
_B_GRAD = "self.bias.grad = grad_output.sum(dim=0)"
_G_W = "(grad @ self._operand(self.weight)).to(input_dtype).view(*shape[:-1], -1) if"
_OPERAND = "if self.matmul_dtype and tensor.dtype == torch.float32 else tensor"
_SQUARE = "if len(self.weight) == len(self.weight.T) else"
_D_SIGMOID = "torch.ops.aten.sigmoid_backward(grad_output, y)"
_D_TANH = "torch.ops.aten.tanh_backward(grad_output, y)"
_D_RELU = "torch.ops.aten.threshold_backward(grad_output, y, 0)"
_D_LEAKY = "torch.ops.aten.leaky_relu_backward(grad_output, x, self.negative_slope, False)"
_WHERE_LEAKY = "torch.where(x > 0, grad_output, self.negative_slope * grad_output)"
_D_ELU = "torch.ops.aten.elu_backward(grad_output, self.alpha, 1, 1, False, x)"
_WHERE_ELU = "torch.where(x > 0, grad_output, self.alpha * grad_output * torch.exp(x))"
_D_SILU = "grad_output * torch.addcmul(s, y, 1 - s)"
_SOFTPLUS = "slope = -torch.expm1(-self.beta * y)"
_D_SOFTPLUS = "torch.where(self.beta * x > self.threshold, grad_output, grad_output * slope)"
_D_HARDTANH = "torch.ops.aten.hardtanh_backward(grad_output, x, self.min_val, self.max_val)"
_D_HARDSWISH = "grad_output * (x / 3 + 0.5).masked_fill(x <= -3, 0).masked_fill(x >= 3, 1)"
_D_MISH = "torch.addcmul(t, x * torch.sigmoid(x), 1 - t * t)"
_D_CELU = "torch.ops.aten.elu_backward(grad_output, self.alpha, 1, 1 / self.alpha, False, x)"
_D_SELU = "torch.ops.aten.elu_backward(grad_output, ALPHA, SCALE, 1, False, x)"
_SLOPES_GRAD = "products = grad * x.clamp(max=0)"
_SOFTMAX = "y * (grad_output - (grad_output * y).sum(self.dim, keepdim=True))"
_LOG_SOFTMAX = "grad_output - y.exp() * grad_output.sum(self.dim, keepdim=True)"
_EMBEDDING = "torch.ops.aten.embedding_dense_backward(grad_output, x, self.num_embeddings, padding, False)"
_GRAD_S = "grad_s = p * (grad_p - (grad_p * p).sum(dim=-1, keepdim=True)) / math.sqrt(q.shape[-1])"
_GRAD_QK = "grad_q, grad_k = grad_s @ k, grad_s.mT @ q"
_CDF = "cdf = 0.5 * torch.erfc(-math.sqrt(0.5) * x)"
_SLOPE = "slope = torch.addcmul(cdf, x, torch.exp(-0.5 * x * x), value=_DENSITY_AT_0)"
_BELL = "slope = torch.add(cdf, torch.addcmul(bell, bell * x, x, value=3 * _CUBIC), alpha=_SLOPE_AT_0)"
_D_GELU = "grad_output * slope"
_RSTD = "rstd = (var + self.eps).rsqrt()"
_VAR = "var = (centered * centered).mean(others)"
_TRACK = "self.track(mean, var * (m / (m - 1)))"
_OF_WEIGHT = "(grad_output * normalized).sum(others)"
_BATCH_VARIANCE_PATH = "grad = torch.addcmul(grad_output, normalized, of_weight.view(shape), value=-1 / m)"
_D_BATCH_NORM = "(grad - mean.view(shape)) * self.scale(rstd).view(shape)"
_SUMS = "of_bias, of_weight = map(self.share.sum, (of_bias, of_weight)) if self.share else (of_bias, of_weight)"
_KERNEL_MASK = "wanted = (input_grad, self.weight is not None, self.bias is not None)"
_LAYER_VARIANCE_PATH = (
    "grad = torch.addcmul(grad, normalized, (grad * normalized).mean(dim=self.dims, keepdim=True), value=-1)"
)
_D_LAYER_NORM = "(grad - grad.mean(dim=self.dims, keepdim=True)) * rstd"
_WEIGHT_SUM = "(grad_output * normalized).reshape(rows).sum(dim=0)"
_D_RMS_NORM = "(grad - normalized * (grad * normalized).mean(dim=self.dims, keepdim=True)) * rrms"
_GROUP_VARIANCE_PATH = "grad = torch.addcmul(grad, normalized, (grad * normalized).mean(dims, keepdim=True), value=-1)"
_D_GROUP_NORM = "((grad - grad.mean(dims, keepdim=True)) * rstd)"
_MASK = ">= self.p).to(x.dtype) * scale"
_SKIP = "return grad_output + cast(Tensor, grad) if input_grad else None"
_UNIFORM = ">> 9).to(torch.float32) * 2.0**-23 + (0.5 + 2.0**-24)"
_LOSS = "loss = (targets * log_probs).sum() / -n"
_GRAD = "grad_logits = (probs * targets.sum(dim=1, keepdim=True)).sub_(targets).div_(n)"
_CLASS_SUM = "log_likelihood = log_probs_there.sum()"
_CLASS_LOSS = "loss = log_likelihood / -n"
_CLASS_GRAD = 'grad_logits = probs.detach().scatter_(1, targets, label_smoothing - 1, reduce="add")'
_CLASS_MEAN = "grad_logits.div_(n)"
_EVEN_LOSS = "(1 - label_smoothing) * log_likelihood + label_smoothing / classes * log_probs.sum()"
_EVEN_GRAD = "grad_logits.sub_(label_smoothing / classes)"
_SHIFT = "shifted = logits - logits.amax(dim=1, keepdim=True).detach()"
_LOG_SUM = "shifted - total.log(), exponentials / total"
_CLASSES = "targets.long().unsqueeze(1)"
_SMOOTHED = "targets = (1 - label_smoothing) * targets + label_smoothing / classes"
_WEIGHTED = "targets = targets * weight.to(logits.dtype)"
_THERE = "weights_there = weights.take(targets)"
_MEAN = "n = weights_there.sum()"
_PARTS = "there, everywhere = (1 - label_smoothing) * weights_there / n, label_smoothing / classes * weights / n"
_PARTS_LOSS = "loss = -(there * log_probs_there).sum() - (everywhere * log_probs).sum()"
_PARTS_GRAD = "torch.addcmul(-everywhere, probs, there + everywhere.sum()).scatter_add_(1, targets, -there)"
_MSE_GRAD = "grad_logits = differences * (2 / numbers)"
_MSE_LOSS = "loss = differences.square().sum() / numbers"
_SCALE = "scale = (max_norm / (norm + 1e-6)).clamp(max=1)"
_NORM = "norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))"
_CLAMP = "grad.clamp_(-max_value, max_value)"
_PART = "part = torch.full_like(self.updates, 1 - self.decay, dtype=torch.float64).masked_fill_(self.updates == 0, 1)"
_LERP = "torch._foreach_lerp_(moved, values, [part] * len(moved))"
_REVERSED = "reversed(list(self))"
_PROPAGATE = "            grad = layer.backward("
_DECAY = 'grads = torch._foreach_add(grads, weights, alpha=group["weight_decay"])'
_VELOCITY = "torch._foreach_add_(velocities, added, alpha=1 - dampening)"
_NESTEROV = "grads = torch._foreach_add(grads, torch._foreach_mul(velocities, momentum))"
_STEP = "torch._foreach_sub_(weights, grads, alpha=lr)"
_TENSOR_STEP = "torch._foreach_addcmul_(weights, grads, [lr] * len(weights), value=-1)"
_GPU_STEP = "torch._foreach_sub_(weights, torch._foreach_mul(grads, lr))"
_CONV = '"gok,ngkp->ngop", self._grouped(weight)'
_CONV_B_GRAD = "flatten(2).sum(dim=(0, 2), dtype=dtype)"
_CONV_GEOMETRY = "where.stride, where.padding_before, where.dilation"
_CONV_SAME = "(total // 2, total - total // 2)"
_DIVISOR = "where.inside(device, self.count_include_pad).sum(dim=0)"

PLANTED: tuple[Planted, ...] = (
    *_in(
        "layers/layer.py",
        ("remembers in evaluation mode", "if self.training:", "if True:"),
        ("recall does not consume", "= self._remembered, None", "= self._remembered, self._remembered"),
        ("remembers in float32", "value.detach()", "value.detach().float().to(value.dtype)"),
        ("remembers the first tensor for ever", "if self.training:", "if self.training and self._remembered is None:"),
    ),
    *_in(
        "layers/convolution.py",
        (
            "forward: transposed kernel",
            _CONV,
            _CONV.replace("(weight)", "(weight.transpose(-1, -2).reshape_as(weight))"),
        ),
        ("forward: flipped kernel", _CONV, _CONV.replace("(weight)", "(weight.flip(-1))")),
        ("grad_input: flipped kernel", "self._grouped(weight), G)", "self._grouped(weight.flip(-1)), G)"),
        ("weight.grad: flipped kernel", "G, X).reshape_as(weight)", "G, X).reshape_as(weight).flip(-1)"),
        ("weight.grad: a mean over the batch", "grad_weight.to(dtype)", "grad_weight.to(dtype) / len(batch)"),
        ("bias.grad: a mean over the positions", _CONV_B_GRAD, "flatten(2).mean(dim=2).sum(dim=0)"),
        ("bias.grad: a mean over the batch", _CONV_B_GRAD, "flatten(2).sum(dim=2).mean(dim=0)"),
        ("bias.grad: of the rounded gradient", f"grad_output.{_CONV_B_GRAD}", f"grad.{_CONV_B_GRAD}"),
        ("bfloat16: bias.grad summed in it", f"grad_output.{_CONV_B_GRAD}", "grad.flatten(2).sum((0, 2)).to(dtype)"),
        ("bfloat16: the output in the dtype of the input", "return y.reshape(", "return y.to(x.dtype).reshape("),
        ("bfloat16: grad_input left in it", "grad_x.to(input_dtype)", "grad_x"),
        ("bfloat16: grad_input in the dtype of the weights", "grad_x.to(input_dtype)", "grad_x.to(dtype)"),
        (
            "groups: interleaved channels",
            "(1, (self.groups, -1)).flatten",
            "(1, (-1, self.groups)).transpose(1, 2).flatten",
        ),
    ),
    *_in(
        "layers/convolution_kernels.py",
        ("stride and dilation swapped", _CONV_GEOMETRY, "where.dilation, where.padding_before, where.stride"),
        ("groups ignored", "len(where.stride), groups", "len(where.stride), 1"),
        ("same: more zeros before the image", "(0, size)", "(size, 0)"),
        ("same: rows and columns swapped", "reversed(excess)", "excess"),
        ("same: the gradient of the zeros returned", "_pad_end(grad_x, where, -1)", "grad_x"),
        ("weight.grad: in the memory format of x", ".contiguous(memory_format=memory_format(weight))", ""),
    ),
    *_in(
        "layers/convolution_arguments.py",
        ("same: more zeros before the image", _CONV_SAME, "(total - total // 2, total // 2)"),
        ("same: dilation ignored", "d * (k - 1) for", "(k - 1) for"),
        ("same: one too many", "d * (k - 1) for", "d * k for"),
    ),
    *_in(
        "layers/patches.py",
        ("padding off by one", "* position - self.padding[i][0]", "* position - self.padding[i][0] + 1"),
        ("stride taken for dilation", "self.dilation[i] * place", "self.stride[i] * place"),
        ("dilation taken for stride", "self.stride[i] * position", "self.dilation[i] * position"),
        ("columns before rows", "self.image_size[i + 1 :]", "self.image_size[:i]"),
        ("a pixel beyond the image", "0 <= q + k < size", "0 <= q + k <= size"),
        (
            "padding: that of the image only",
            "size + before + after for size, (before, after) in zip(self.",
            "size for size, (before, after) in zip(self.",
        ),
        ("fold: the last patch wins", "index_add_", "index_copy_"),
        (
            "fold: padding added to the first pixel",
            "= patches.masked_fill(~self.inside(patches.device), 0)",
            "= patches",
        ),
        (
            "unfold: the first pixel for padding",
            "return patches.masked_fill(~self.inside(x.device), 0)",
            "return patches",
        ),
        ("ceil_mode: a window in the padding", "steps * s >= size + before:", "steps * s >= size + before + after:"),
        ("ceil_mode: always", "if ceil_mode else left // s", "if True else left // s"),
        ("dilation: one too many", "(d * (k - 1) + 1)  #", "d * k  #"),
    ),
    *_in(
        "layers/max_pool.py",
        ("a tie to the last", "patch > value", "patch >= value"),
        ("no NaN", " | patch.isnan()", ""),
        ("the padding is zero", "larger = present & (", "larger = ("),
        ("the last window wins", "scatter_add_", "scatter_"),
        (
            "stride and dilation swapped",
            "self._stride, self._padding, self._dilation",
            "self._dilation, self._padding, self._stride",
        ),
        ("remembers the image", "self.remember(indices, x.shape,", "self.remember(indices, x,"),
    ),
    *_in(
        "layers/avg_pool.py",
        ("divisor: the size of the window", _DIVISOR, "math.prod(self._kernel)"),
        ("divisor: without padding", "(device, self.count_include_pad)", "(device)"),
        ("divisor: with padding", "(device, self.count_include_pad)", "(device, True)"),
        ("grad_input: not divided", " / self._divisor(where, grad_output.device)", ""),
        ("a sum", " / self._divisor(where, x.device)", ""),
        ("adaptive: divided by the height", "(shape[-2] * shape[-1])", "(shape[-2] * shape[-2])"),
        ("adaptive: not divided", "(grad_output / (shape[-2] * shape[-1]))", "grad_output"),
    ),
    *_in(
        "layers/flatten.py",
        ("in another order", "y = x.flatten(start, end)", "y = x.flip(end).flatten(start, end)"),
        ("the gradient in the order of memory", ".clone(memory_format=layout)", ".clone()"),
        ("a view of grad_output", ".clone(memory_format=layout)", ""),
    ),
    *_in(
        "layers/linear.py",
        (
            "forward: no transpose if square",
            "rows @ weight.T",
            f"rows @ (weight {_SQUARE} weight.T)",
        ),
        (
            "weight.grad: transposed if square",
            _W_GRAD,
            f"{_W_GRAD}; self.weight.grad = x.T @ grad {_SQUARE} grad.T @ x",
        ),
        ("grad_input: transposed if square", _G_W, f"grad @ (self.weight.T {_SQUARE} self.weight) if"),
        ("weight.grad: a mean over the batch", _W_GRAD, f"{_W_GRAD} / len(x)"),
        ("weight.grad: in float32", _W_GRAD, "self.weight.grad = (grad.float().T @ x.float()).to(dtype)"),
        ("weight.grad: added up", _W_GRAD, f"{_W_GRAD} + (0 if self.weight.grad is None else self.weight.grad)"),
        ("bias.grad: added up", _B_GRAD, f"{_B_GRAD} + (0 if self.bias.grad is None else self.bias.grad)"),
        ("bias.grad: wrong axis if square", "sum(dim=0)", "sum(dim=int(len(x) == self.out_features))"),
        ("bias.grad: of the last sample", "grad_output.sum(dim=0)", "grad_output[-1]"),
        ("bias.grad: a view of grad_output", _B_GRAD, f"{_B_GRAD} if len(x) > 1 else grad_output[0]"),
        ("grad_input: through the new weights", f"return {_G_W}", f"self.weight.sub_(self.weight.grad); return {_G_W}"),
        ("grad_input: without the bias", _G_W, "(grad_output - self.bias) @ self.weight if"),
        (
            "grad_output scaled in place",
            "input_dtype = self.recall()",
            "input_dtype = self.recall(); grad_output.mul_(1.5)",
        ),
        (
            "input centered in place",
            "self.remember(operand, x.dtype)",
            "self.remember(operand, x.dtype); x.sub_(x.mean(0))",
        ),
        ("bfloat16: rounded although the weights are float64", _OPERAND, "if self.matmul_dtype else tensor"),
        ("bfloat16: no operand rounded", _OPERAND, "if False else tensor"),
        (
            "bfloat16: the input not rounded",
            "operand, weight = self._operand(x), self._operand(",
            "operand, weight = x, (",
        ),
        ("bfloat16: the output left in it", _SUM, "product.add_(self.bias)"),
        ("bfloat16: the output left in it, without a bias", _ROUNDED, "y = product"),
        ("no bias added to unrounded products", "torch.addmm(self.bias, rows, weight.T)", "(rows @ weight.T)"),
        ("no bias added to rounded products", "y if self.bias is None else y + self.bias", "y"),
        (
            "forward: no transpose within the sum if square",
            "rows, weight.T)",
            f"rows, weight {_SQUARE} weight.T)",
        ),
        ("bias=False leaves out the weight", "requires_grad=False) if bias else None", "requires_grad=not bias)"),
        (
            "bfloat16: the bias added in it",
            _SUM,
            "product.add_(self.bias).to(self.bias)",
        ),
        (
            "bfloat16: the bias rounded",
            _SUM,
            _SUM.replace("self.bias", "self._operand(self.bias)"),
        ),
        (
            "bfloat16: the weight itself rounded",
            _PRODUCT,
            _PRODUCT.replace("weight.T", "self.weight.copy_(weight).to(weight.dtype).T"),
        ),
        ("bfloat16: bias.grad of the rounded gradient", _B_GRAD, "self.bias.grad = grad.to(dtype).sum(dim=0)"),
        ("bfloat16: bias.grad summed in it", _B_GRAD, "self.bias.grad = grad.sum(dim=0).to(dtype)"),
        (
            "bfloat16: weight.grad of the gradient before it was rounded",
            "(grad.T @ x)",
            "(grad_output.T @ x.to(dtype))",
        ),
        (
            "bfloat16: grad_input of the gradient before it was rounded",
            _G_W,
            "(grad_output @ self._operand(self.weight).to(dtype)).to(dtype) if",
        ),
        (
            "bfloat16: grad_input of the weight before it was rounded",
            _G_W,
            "(grad.to(dtype) @ self.weight).to(dtype) if",
        ),
        (
            "bfloat16: the product summed in float32",
            _PRODUCT,
            "product = (operand.float() @ weight.float().T).to(self.weight)",
        ),
        ("bfloat16: grad_input in the dtype of the weights", _G_W, _G_W.replace("input_dtype", "dtype")),
        ("bfloat16: grad_input left in it", _G_W, _G_W.replace(".to(input_dtype)", "")),
        (
            "bfloat16: grad_output rounded in place",
            "grad, dtype = self._operand(grad_output)",
            "grad, dtype = self._operand(grad_output.copy_(self._operand(grad_output)))",
        ),
    ),
    *_in(
        "layers/sigmoid.py",
        ("derivative at y as if it were x", _D_SIGMOID, "grad_output * torch.sigmoid(y) * torch.sigmoid(-y)"),
        ("derivative without (1 - y)", _D_SIGMOID, "grad_output * y"),
        ("derivative of tanh", _D_SIGMOID, _D_TANH),
        ("remembers x for y", "self.remember(y)", "self.remember(x)"),
        ("overflows", "torch.sigmoid(x)", "torch.exp(x) / (1 + torch.exp(x))"),
        ("overwrites its input", "torch.sigmoid(x)", "torch.sigmoid_(x.detach())"),
        ("overwrites its output", _D_SIGMOID, "y.mul_(1 - y) * grad_output"),
        ("overwrites grad_output", _D_SIGMOID, "grad_output.mul_(y * (1 - y))"),
    ),
    *_in(
        "layers/tanh.py",
        ("derivative at y as if it were x", _D_TANH, "grad_output * (1 - torch.tanh(y) ** 2)"),
        ("derivative of sigmoid", _D_TANH, _D_SIGMOID),
        ("derivative without the square", _D_TANH, "grad_output * (1 - y)"),
        ("remembers x for y", "self.remember(y)", "self.remember(x)"),
        ("overwrites its input", "torch.tanh(x)", "torch.tanh_(x.detach())"),
        ("overwrites its output", _D_TANH, "y.square_().neg_().add_(1) * grad_output"),
        ("overwrites grad_output", _D_TANH, "grad_output.mul_(1 - y * y)"),
    ),
    *_in(
        "layers/relu.py",
        ("mask >= where y is 0", _D_RELU, "torch.where(y >= 0, grad_output, 0)"),
        ("threshold 1", _D_RELU, _D_RELU.replace("0)", "1)")),
        ("half a gradient at the kink", _D_RELU, "grad_output * (y.sign() + 1) / 2"),
        ("mask of the gradient", _D_RELU, "torch.where(grad_output > 0, grad_output, 0)"),
        ("y for its mask", _D_RELU, "grad_output * y"),
        ("leaks", "torch.relu(x)", "torch.nn.functional.leaky_relu(x, 1e-3)"),
        ("overwrites its input", "torch.relu(x)", "torch.relu_(x.detach())"),
        ("overwrites its output", _D_RELU, "y.sign_() * grad_output"),
        ("overwrites grad_output", _D_RELU, "grad_output.mul_(y > 0)"),
    ),
    *_in(
        "layers/leaky_relu.py",
        ("slope at the kink of the right side", _D_LEAKY, _WHERE_LEAKY.replace("x > 0", "x >= 0")),
        ("mask of the gradient", _D_LEAKY, _WHERE_LEAKY.replace("x > 0", "grad_output > 0")),
        ("no leak in the gradient", _D_LEAKY, "torch.where(x > 0, grad_output, 0)"),
        ("the leak of the default", _D_LEAKY, _D_LEAKY.replace("self.negative_slope", "0.01")),
        ("the leak squared", _D_LEAKY, _D_LEAKY.replace("self.negative_slope", "self.negative_slope**2")),
        ("sign of the output for that of x", "self.remember(x)", "self.remember(functional.leaky_relu(x, -0.5))"),
        ("overwrites grad_output", _D_LEAKY, "grad_output.mul_((x > 0) + self.negative_slope * (x <= 0))"),
    ),
    *_in(
        "layers/elu.py",
        ("slope at the kink of the right side", _D_ELU, _WHERE_ELU.replace("x > 0", "x >= 0")),
        ("slope without alpha", _D_ELU, _D_ELU.replace("self.alpha", "1")),
        ("the value for the slope", _D_ELU, _WHERE_ELU.replace("torch.exp(x)", "torch.expm1(x)")),
        ("the slope at y", "self.remember(x)", "self.remember(functional.elu(x, self.alpha))"),
        ("the slope as y + 1", _D_ELU, _WHERE_ELU.replace("torch.exp(x)", "(torch.expm1(x) + 1)")),
        ("not a number where exp overflows", _D_ELU, "grad_output * ((x > 0) + self.alpha * torch.exp(x) * (x <= 0))"),
        ("alpha in the exponent", "functional.elu(x, self.alpha)", "functional.elu(x * self.alpha)"),
    ),
    *_in(
        "layers/silu.py",
        ("derivative without the product rule", _D_SILU, "grad_output * y * (1 - s)"),
        ("derivative of the sigmoid alone", _D_SILU, "grad_output * s * (1 - s)"),
        ("x held constant", _D_SILU, "grad_output * s"),
        ("y (1 - y) for y (1 - s)", _D_SILU, "grad_output * (s + y * (1 - y))"),
        ("remembers x for y", "self.remember(s, y)", "self.remember(s, x)"),
        ("overwrites its output", _D_SILU, "grad_output * y.mul_(1 - s).add_(s)"),
        ("overwrites grad_output", _D_SILU, "grad_output.mul_(s + y * (1 - s))"),
    ),
    *_in(
        "layers/softplus.py",
        ("slope of the other sign of x", _SOFTPLUS, "slope = torch.exp(-self.beta * y)"),
        ("slope without beta", _SOFTPLUS, "slope = -torch.expm1(-y)"),
        ("slope times beta", _SOFTPLUS, _SOFTPLUS.replace("-torch", "-self.beta * torch")),
        ("slope without its digits", _SOFTPLUS, "slope = 1 - torch.exp(-self.beta * y)"),
        ("sigmoid without beta", _SOFTPLUS, "slope = torch.sigmoid(x)"),
        ("no threshold in the slope", _D_SOFTPLUS, "grad_output * slope"),
        ("threshold on x", _D_SOFTPLUS, _D_SOFTPLUS.replace("self.beta * x", "x")),
        ("threshold on y", _D_SOFTPLUS, _D_SOFTPLUS.replace("self.beta * x", "self.beta * y")),
        (
            "threshold of the default",
            "functional.softplus(x, self.beta, self.threshold)",
            "functional.softplus(x, self.beta)",
        ),
        ("without its division by beta", "y = functional.softplus(x,", "y = self.beta * functional.softplus(x,"),
    ),
    *_in(
        "layers/gelu.py",
        ("x held constant", _D_GELU, "grad_output * cdf"),
        ("density without x", _SLOPE, _SLOPE.replace("cdf, x,", "cdf, torch.ones_like(x),")),
        ("density not normed", _SLOPE, _SLOPE.replace("_DENSITY_AT_0", "1")),
        ("density of a normal of variance 1/2", _SLOPE, _SLOPE.replace("-0.5 *", "-")),
        ("erf of x for erf of x / √2", _CDF, "cdf = 0.5 * torch.erfc(-x)"),
        ("1 - Φ for Φ", _CDF, "cdf = 0.5 * torch.erfc(math.sqrt(0.5) * x)"),
        ("1 + erf, which cancels", _CDF, "cdf = 0.5 * (1 + torch.erf(math.sqrt(0.5) * x))"),
        ("approximation: v' without its square term", _BELL, "slope = cdf + _SLOPE_AT_0 * bell"),
        ("approximation: v' without the factor 3", _BELL, _BELL.replace("3 * ", "")),
        ("approximation: x² first", _BELL, _BELL.replace("bell * x, x", "x * x, bell")),
        ("approximation: the slope of tanh's argument", _BELL, _BELL.replace("_SLOPE_AT_0", "_SLOPE_AT_0 / 2")),
        (
            "approximation: the exact density",
            'if self.approximate == "none":\n            slope',
            "if True:\n            slope",
        ),
        (
            "approximation: the sigmoid of 1.702 x",
            "torch.sigmoid(_SLOPE_AT_0 * torch.addcmul(x, x * x, x, value=_CUBIC))",
            "torch.sigmoid(1.702 * x)",
        ),
        ("overwrites grad_output", _D_GELU, "grad_output.mul_(slope)"),
    ),
    *_in(
        "layers/hardtanh.py",
        ("a gradient at the kinks", _D_HARDTANH, "grad_output * ((x >= self.min_val) & (x <= self.max_val))"),
        ("the ends of the default", _D_HARDTANH, "torch.ops.aten.hardtanh_backward(grad_output, x, -1, 1)"),
        ("the slope of tanh", _D_HARDTANH, "grad_output * (1 - x.clamp(self.min_val, self.max_val) ** 2)"),
        ("overwrites grad_output", _D_HARDTANH, "grad_output.mul_((x > self.min_val) & (x < self.max_val))"),
    ),
    *_in(
        "layers/relu6.py",
        ("a symmetric ReLU6", "super().__init__(0.0, 6.0, inplace)", "super().__init__(-6.0, 6.0, inplace)"),
    ),
    *_in(
        "layers/hardswish.py",
        ("h held for the slope", _D_HARDSWISH, "grad_output * (functional.hardtanh(x + 3, 0, 6) / 6)"),
        (
            "the slope of the middle piece at the kinks",
            _D_HARDSWISH,
            "grad_output * torch.where(x.abs() <= 3, x / 3 + 0.5, (x > 3).to(x.dtype))",
        ),
        ("overflows", "x * (functional.hardtanh(x + 3, 0, 6) / 6)", "x * functional.hardtanh(x + 3, 0, 6) / 6"),
        ("the slope of SiLU", _D_HARDSWISH, "grad_output * torch.sigmoid(x) * (1 + x * torch.sigmoid(-x))"),
    ),
    *_in(
        "layers/mish.py",
        ("x held constant", _D_MISH, "t"),
        ("without the slope of softplus", _D_MISH, "torch.addcmul(t, x, 1 - t * t)"),
        ("without the square", _D_MISH, _D_MISH.replace("t * t", "t")),
        ("overwrites grad_output", f"grad_output * {_D_MISH}", f"grad_output.mul_({_D_MISH})"),
    ),
    *_in(
        "layers/celu.py",
        ("slope without 1 / alpha", _D_CELU, _D_CELU.replace("1 / self.alpha", "1")),
        ("the slope of ELU", _D_CELU, "torch.ops.aten.elu_backward(grad_output, self.alpha, 1, 1, False, x)"),
        ("ELU forward", "torch.ops.aten.elu(x, self.alpha, 1, 1 / self.alpha)", "torch.ops.aten.elu(x, self.alpha)"),
    ),
    *_in(
        "layers/selu.py",
        ("slope without its scale", _D_SELU, _D_SELU.replace("SCALE", "1")),
        ("slope without alpha", _D_SELU, _D_SELU.replace("ALPHA", "1")),
        ("a constant of few digits", "ALPHA = 1.6732632423543772848170429916717", "ALPHA = 1.6732632"),
    ),
    *_in(
        "layers/softsign.py",
        ("one division", "grad_output / d / d", "grad_output / d"),
        ("the square overflows", "grad_output / d / d", "grad_output / (d * d)"),
        ("the sign of x", "grad_output / d / d", "grad_output / d / d * torch.sign(d - 1)"),
    ),
    *_in(
        "layers/log_sigmoid.py",
        ("the logarithm of the sigmoid", "-functional.softplus(-x, threshold=_THRESHOLD)", "torch.sigmoid(x).log()"),
        ("the threshold of softplus", ", threshold=_THRESHOLD", ""),
        ("the sigmoid for its complement", "-torch.expm1(y)", "torch.exp(y)"),
        ("slope without its digits", "-torch.expm1(y)", "(1 - torch.exp(y))"),
    ),
    *_in(
        "layers/prelu.py",
        ("slopes: of positive inputs, too", _SLOPES_GRAD, "products = grad * x"),
        ("slopes: of positive inputs only", _SLOPES_GRAD, "products = grad * x.clamp(min=0)"),
        ("slopes: a mean", _SLOPES_GRAD, "products = grad * x.clamp(max=0) / len(x)"),
        ("slopes along the last dimension", "-1 if dim == 1 else 1", "-1 if dim == x.dim() - 1 else 1"),
        (
            "the slope of the right side at the kink",
            "torch.where(x > 0, grad,",
            "torch.where(x >= 0, grad,",
        ),
        ("bfloat16: slopes summed in it", "grad_output.to(self.weight.dtype)", "grad_output"),
    ),
    *_in(
        "layers/softmax.py",
        ("the diagonal of the Jacobian only", _SOFTMAX, "y * (1 - y) * grad_output"),
        ("the sum without y", _SOFTMAX, _SOFTMAX.replace("(grad_output * y)", "grad_output")),
        ("the sum along the last dimension", _SOFTMAX, _SOFTMAX.replace("self.dim", "-1")),
        ("logarithm: a mean for the sum", _LOG_SOFTMAX, _LOG_SOFTMAX.replace(".sum(", ".mean(")),
        ("logarithm: y for its exponential", _LOG_SOFTMAX, _LOG_SOFTMAX.replace("y.exp()", "y")),
        ("logarithm of an underflow", "torch.log_softmax(x, self.dim)", "torch.softmax(x, self.dim).log()"),
    ),
    *_in(
        "layers/embedding.py",
        (
            "the last position of an id, not the sum",
            _EMBEDDING,
            "torch.zeros_like(self.weight).index_copy_(0, x.flatten().long(), "
            "grad_output.reshape(-1, self.embedding_dim))",
        ),
        ("divided by the number of positions", _EMBEDDING, _EMBEDDING.replace("False)", "True)")),
        ("a gradient of the padding", _EMBEDDING, _EMBEDDING.replace("padding", "-1")),
        ("the padding drawn", "weight[self.padding_idx] = 0", "pass"),
    ),
    *_in(
        "layers/attention.py",
        ("scores not scaled in backward", _GRAD_S, _GRAD_S.replace(" / math.sqrt(q.shape[-1])", "")),
        ("scaled by E for d", "s = q @ k.mT / math.sqrt(q.shape[-1])", "s = q @ k.mT / math.sqrt(self.embed_dim)"),
        ("softmax along the columns in backward", _GRAD_S, _GRAD_S.replace("dim=-1", "dim=-2")),
        (
            "softmax held constant",
            _GRAD_S,
            _GRAD_S.replace("(grad_p - (grad_p * p).sum(dim=-1, keepdim=True))", "grad_p"),
        ),
        ("q and k exchanged", _GRAD_QK, "grad_k, grad_q = grad_s @ k, grad_s.mT @ q"),
        ("no transpose in the gradient of k", _GRAD_QK, "grad_q, grad_k = grad_s @ k, grad_s @ q"),
        ("heads of neighbors mixed", "(self.num_heads, -1)).transpose(1, 2)", "(-1, self.num_heads)).movedim(-1, 1)"),
    ),
    *_in(
        "layers/identity.py",
        ("a view of grad_output", "grad_output.clone()", "grad_output[:]"),
        ("the input for the gradient", "grad_output.clone()", "x.clone()"),
        ("no gradient", "grad_output.clone()", "torch.zeros_like(x)"),
    ),
    *_in(
        "layers/normalization.py",
        ("a bias without a weight", "if weight and bias else None", "if bias else None"),
        (
            "a weight that is switched off",
            "nn.Parameter(ones, requires_grad=False) if weight",
            "nn.Parameter(ones, False) if True",
        ),
        ("a bias that is switched off", "if weight and bias else None", "if weight else None"),
        (
            "the bias left out",
            "torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))",
            "self.scale(x, shape)",
        ),
        (
            "the bias multiplied by the weight",
            "torch.addcmul(self.bias.view(shape), x, ",
            "torch.mul(self.bias.view(shape) + x, ",
        ),
        ("the memory format of the bias", "if self.bias.dim() > 1:", "if False:"),
        ("weights along the last dimension", "return (-1, *[1] * (x.dim() - 2))", "return (-1,)"),
        ("statistics of each sample", "return (0, *range(2, x.dim()))", "return (0,)"),
        (
            "any number of dimensions",
            "if not fits or x.shape[1] != channels:",
            "if x.dim() < 2 or x.shape[1] != channels:",
        ),
    ),
    *_in(
        "layers/batch_norm.py",
        ("running variance biased", _TRACK, "self.track(mean, var)"),
        ("running variance corrected the wrong way", _TRACK, "self.track(mean, var * ((m - 1) / m))"),
        ("running variance corrected by samples", _TRACK, "self.track(mean, var * (len(x) / max(1, len(x) - 1)))"),
        (
            "running statistics: momentum on the wrong side",
            "self.momentum is None else self.momentum",
            "self.momentum is None else 1 - self.momentum",
        ),
        ("running mean never moved", "        self.running_mean.lerp_(mean, rate)\n", ""),
        ("running mean in another tensor", "self.running_mean.lerp_(", "self.running_mean = self.running_mean.lerp("),
        (
            "count in another tensor",
            "self.num_batches_tracked.add_(1)",
            "self.num_batches_tracked = self.num_batches_tracked + 1",
        ),
        (
            "cumulative average in float32",
            "self.num_batches_tracked.to(mean.dtype).reciprocal()",
            "self.num_batches_tracked.reciprocal().to(mean)",
        ),
        (
            "cumulative average counts from zero",
            "self.num_batches_tracked.to(mean.dtype)",
            "(self.num_batches_tracked - 1).to(mean.dtype)",
        ),
        (
            "tracked in evaluation mode",
            "        else:\n            centered, var",
            "        else:\n            self.track(x.mean(others), x.var(others))\n            centered, var",
        ),
        (
            "normalized by the running statistics in training",
            _RSTD,
            "rstd = ((var if self.running_var is None else self.running_var) + self.eps).rsqrt()",
        ),
        (
            "normalized by the batch in evaluation",
            "if self.training or self.running_mean is None or",
            "if len(x) > 1 or self.running_mean is None or",
        ),
        (
            "no statistics without running ones in evaluation",
            "(self.training or self.running_mean is None) and",
            "self.training and",
        ),
        ("variance unbiased", _VAR, "var = (centered * centered).sum(others) / (m - 1)"),
        ("variance of the squares", _VAR, "var = (x * x).mean(others)"),
        (
            "variance of the first pixel",
            _VAR,
            "var = (centered * centered).flatten(2)[:, :, 0].mean(0) if x.dim() > 2 else (centered * centered).mean(0)",
        ),
        ("mean over the samples, then the positions last", "mean = x.mean(others)", "mean = x.sum(others) / len(x)"),
        ("eps outside of the root", _RSTD, "rstd = 1 / (var.sqrt() + self.eps)"),
        ("eps left out", _RSTD, "rstd = var.rsqrt()"),
        ("variance for its root", _RSTD, "rstd = 1 / (var + self.eps)"),
        ("weight on x", "self.scale_and_shift(normalized, shape)", "self.scale_and_shift(x, shape)"),
        ("weight.grad of x", _OF_WEIGHT, "(grad_output * normalized / rstd.view(shape)).sum(others)"),
        ("weight.grad: a mean", _OF_WEIGHT, "(grad_output * normalized).mean(others)"),
        ("statistics as if they were constants", _D_BATCH_NORM, "grad_output * self.scale(rstd).view(shape)"),
        ("grad_input: path through the mean missing", _D_BATCH_NORM, "grad * self.scale(rstd).view(shape)"),
        ("grad_input: path through the variance missing", _BATCH_VARIANCE_PATH, "grad = grad_output"),
        (
            "grad_input: path through the variance added",
            _BATCH_VARIANCE_PATH,
            _BATCH_VARIANCE_PATH.replace("-1 /", "1 /"),
        ),
        (
            "grad_input: path through the variance of x",
            _BATCH_VARIANCE_PATH,
            _BATCH_VARIANCE_PATH.replace("normalized,", "normalized / rstd.view(shape),"),
        ),
        ("grad_input: mean of grad_output alone", "mean = grad.mean(others)", "mean = grad_output.mean(others)"),
        ("grad_input: M - 1", _BATCH_VARIANCE_PATH, _BATCH_VARIANCE_PATH.replace("/ m", "/ (m - 1)")),
        ("grad_input: without 1/M", _BATCH_VARIANCE_PATH, _BATCH_VARIANCE_PATH.replace(" / m", "")),
        ("grad_input: N for M", _BATCH_VARIANCE_PATH, _BATCH_VARIANCE_PATH.replace("/ m", "/ len(normalized)")),
        ("grad_input: without the weight", _D_BATCH_NORM, "(grad - mean.view(shape)) * rstd.view(shape)"),
        ("grad_input: without rstd", _D_BATCH_NORM, "self.scale(grad - mean.view(shape), shape)"),
        (
            "grad_input: rstd of the wrong axis if square",
            _D_BATCH_NORM,
            "(grad - mean.view(shape)) * self.scale(rstd).view((-1, 1) if grad.shape == (len(mean),) * 2 else shape)",
        ),
        (
            "grad_output overwritten",
            _BATCH_VARIANCE_PATH,
            _BATCH_VARIANCE_PATH.replace("torch.addcmul(grad_output, ", "grad_output.addcmul_("),
        ),
        ("single values let through", ") < 2:", ") < 1:"),
        ("single samples refused", ") < 2:", ") < 2 * x.shape[2:].numel():"),
        ("share: statistics of its own rows", "mean, var = self.share.pool(mean, var)", "self.share.pool(mean, var)"),
        (
            "share: centered by its own mean",
            "                centered = x - mean.view(shape)\n            self",
            "            self",
        ),
        ("share: rows for values", "* x.shape[2:].numel()", "* (x.shape[2:].numel() if self.share is None else 1)"),
        ("share: M of its own rows", "(len(x) if self.share is None else self.share.samples)", "len(x)"),
        ("share: sums of its own rows", "self.share.sum(sums) /", "sums /"),
        ("share: a little of a mean left", "of_grad - of_normalized * of_product", "of_grad"),
        (
            "share: sums for gradients",
            "        self.write(of_weight, of_bias)\n",
            f"        {_SUMS}\n        self.write(of_weight, of_bias)\n",
        ),
    ),
    *_in(
        "layers/batch_norm_2d.py",
        (
            "kernel: tracked in evaluation mode",
            "        if of_batch:\n            self.track(",
            "        if True:\n            self.track(",
        ),
        ("kernel: never tracked", "            self.track(*statistics)", "            pass"),
        (
            "kernel: into the running statistics",
            "zeros if of_batch else (",
            "(",
        ),
        ("kernel: half of the statistics", "of_batch, 1, self.eps", "of_batch, 0.5, self.eps"),
        ("kernel: the batch in evaluation", "of_batch = self.training or self.running_mean is None", "of_batch = True"),
        (
            "kernel: running statistics although there are none",
            "of_batch = self.training or self.running_mean is None",
            "of_batch = self.training",
        ),
        ("kernel: another eps forward", "of_batch, 1, self.eps", "of_batch, 1, 1e-5"),
        (
            "kernel: statistics as if they were constants",
            "mean, rstd, True, self.eps, wanted",
            "mean, rstd, False, self.eps, wanted",
        ),
        ("kernel: never", "fast = True", "fast = False"),
        ("kernel: also for the rows of one process", "self.fast and self.share is None and", "self.fast and"),
        ("kernel: also for complex numbers", " and not x.is_complex()", ""),
        ("kernel: gradients the wrong way round", "self.write(*grads)", "self.write(*grads[::-1])"),
        ("kernel: without a weight", "self.weight, None, None, mean", "None, None, None, mean"),
        ("kernel: no check of the gradient's shape", "        expect_shape(", "        (lambda *ignored: None)("),
    ),
    *_in(
        "layers/layer_norm.py",
        ("mean of the batch", "x.mean(dim=self.dims, keepdim=True)", "x.mean(dim=0)"),
        ("mean of the last dimension", "x.mean(dim=self.dims, keepdim=True)", "x.mean(dim=-1, keepdim=True)"),
        (
            "variance of the batch",
            "(centered * centered).mean(dim=self.dims, keepdim=True)",
            "(centered * centered).mean(dim=0)",
        ),
        (
            "variance of the last dimension",
            "(centered * centered).mean(dim=self.dims, keepdim=True)",
            "(centered * centered).mean(dim=-1, keepdim=True)",
        ),
        (
            "variance unbiased",
            _RSTD,
            "i = self.normalized_shape[-1]; rstd = (var * (i / max(1, i - 1)) + self.eps).rsqrt()",
        ),
        ("eps outside of the root", _RSTD, "rstd = 1 / (var.sqrt() + self.eps)"),
        ("eps left out", _RSTD, "rstd = var.rsqrt()"),
        ("statistics as if they were constants", _D_LAYER_NORM, "self.scale(grad_output) * rstd"),
        ("grad_input: path through the mean missing", _D_LAYER_NORM, "grad * rstd"),
        ("grad_input: path through the variance missing", _LAYER_VARIANCE_PATH, "pass"),
        (
            "grad_input: path through the variance added",
            _LAYER_VARIANCE_PATH,
            _LAYER_VARIANCE_PATH.replace("=-1", "=1"),
        ),
        (
            "grad_input: mean of grad_output alone",
            _LAYER_VARIANCE_PATH,
            f"mean = grad.mean(dim=self.dims, keepdim=True); {_LAYER_VARIANCE_PATH}; return (grad - mean) * rstd",
        ),
        ("grad_input: weight outside of the means", "grad = self.scale(grad_output)", "grad = grad_output"),
        ("grad_input: weight twice", _D_LAYER_NORM, f"self.scale({_D_LAYER_NORM})"),
        (
            "grad_input: means over the batch",
            "(grad * normalized).mean(dim=self.dims, keepdim=True)",
            "(grad * normalized).mean(dim=0, keepdim=True)",
        ),
        (
            "grad_input: rstd of the wrong axis if square",
            _D_LAYER_NORM,
            _D_LAYER_NORM.replace("rstd", "(rstd.T if grad.dim() == 2 and len(grad) == len(grad.T) else rstd)"),
        ),
        (
            "weight.grad through the weight",
            _WEIGHT_SUM,
            _WEIGHT_SUM.replace("(grad_output", "(self.scale(grad_output)"),
        ),
        (
            "bias.grad of what is normalized",
            "grad_output.reshape(rows).sum(dim=0))",
            "self.scale(grad_output).reshape(rows).sum(dim=0))",
        ),
        ("weight.grad: over the first dimension only", _WEIGHT_SUM, "(grad_output * normalized).sum(dim=0)"),
        (
            "weight.grad: over all dimensions of one sample",
            _WEIGHT_SUM,
            "(grad_output * normalized).sum(dim=tuple(range(grad_output.dim() - len(self.dims))))",
        ),
        ("dimensions counted from the first", "tuple(range(-len(shape), 0))", "tuple(range(1, len(shape) + 1))"),
    ),
    *_in(
        "layers/rms_norm.py",
        ("centered", "normalized = x * rrms", "normalized = (x - x.mean(dim=self.dims, keepdim=True)) * rrms"),
        ("mean of the batch", "(x * x).mean(dim=self.dims, keepdim=True)", "(x * x).mean(dim=0, keepdim=True)"),
        (
            "mean of the last dimension",
            "(x * x).mean(dim=self.dims, keepdim=True)",
            "(x * x).mean(dim=-1, keepdim=True)",
        ),
        ("sum of the squares", "(x * x).mean(dim=self.dims, keepdim=True)", "(x * x).sum(dim=self.dims, keepdim=True)"),
        ("eps of another type", "torch.finfo(x.dtype).eps", "torch.finfo(torch.float32).eps"),
        ("eps always that of the type", "if self.eps is None else self.eps", "if True else self.eps"),
        ("size as if it were constant", _D_RMS_NORM, "grad * rrms"),
        ("grad_input: centered", _D_RMS_NORM, f"(lambda g: g - g.mean(dim=self.dims, keepdim=True))({_D_RMS_NORM})"),
        ("grad_input: of the other sign", _D_RMS_NORM, _D_RMS_NORM.replace("grad -", "grad +")),
        ("grad_input: weight outside of the mean", "grad = self.scale(grad_output)", "grad = grad_output"),
        (
            "weight.grad: over the first dimension only",
            ".reshape(-1, *self.normalized_shape).sum(dim=0)",
            ".sum(dim=0)",
        ),
    ),
    *_in(
        "layers/group_norm.py",
        ("statistics of one group", "x.unflatten(1, (self.num_groups, -1))", "x.unflatten(1, (1, -1))"),
        (
            "groups of every k-th channel",
            "x.unflatten(1, (self.num_groups, -1))",
            "x.unflatten(1, (-1, self.num_groups)).transpose(1, 2)",
        ),
        ("statistics of each channel", "tuple(range(2, x.dim() + 1))", "tuple(range(3, x.dim() + 1)) or (2,)"),
        ("statistics of each position", "tuple(range(2, x.dim() + 1))", "(2,)"),
        ("statistics of the batch", "tuple(range(2, x.dim() + 1))", "(0, *range(2, x.dim() + 1))"),
        ("eps outside of the root", _RSTD, "rstd = 1 / (var.sqrt() + self.eps)"),
        ("variance of the squares", "var = (centered * centered)", "var = (groups * groups)"),
        ("grad_input: path through the mean missing", _D_GROUP_NORM, "(grad * rstd)"),
        ("grad_input: path through the variance missing", _GROUP_VARIANCE_PATH, "pass"),
        (
            "grad_input: path through the variance added",
            _GROUP_VARIANCE_PATH,
            _GROUP_VARIANCE_PATH.replace("=-1", "=1"),
        ),
        (
            "grad_input: weight outside of the means",
            "self._in_groups(self.scale(grad_output, per_channel(grad_output)))",
            "self._in_groups(grad_output)",
        ),
        (
            "weight.grad: of the first position",
            "(grad_output * normalized.flatten(1, 2)).sum(others)",
            "(grad_output * normalized.flatten(1, 2)).flatten(2).sum((0, 2)) / max(1, grad_output.dim() - 2)",
        ),
        ("bias.grad: a mean", "grad_output.sum(others)", "grad_output.mean(others)"),
        ("unequal groups", "num_channels % num_groups != 0", "num_groups > num_channels"),
    ),
    *_in(
        "layers/dropout.py",
        ("mask not scaled", _MASK, _MASK.removesuffix(" * scale")),
        ("scaled by p", "1 / (1 - self.p)", "1 / max(self.p, 1e-9)"),
        ("scaled by 1 - p, not its inverse", "1 / (1 - self.p)", "(1 - self.p)"),
        ("kept with probability p", _MASK, "< self.p).to(x.dtype) * scale"),
        ("scaled in float32", _MASK, ">= self.p).float().mul(scale).to(x.dtype)"),
        ("dropped in evaluation", "if not self.training:", "if False:"),
        ("another mask in backward", "return grad_output * mask if", "return grad_output * mask.flip(0) if"),
        ("no mask in backward", "return grad_output * mask if", "return grad_output if"),
        (
            "a step ends with forward",
            "        self.remember(mask.expand_as(x))\n",
            "        self.remember(mask.expand_as(x))\n        self.step.add_(1)\n",
        ),
        ("a step never ends", "self.step.add_(1)", "pass"),
        ("a step ends twice", "if self.step_counter is None:\n            self", "if True:\n            self"),
        ("the counter of steps ignored", "self.step if self.step_counter is None else self.step_counter", "self.step"),
        ("step in another tensor", "self.step.add_(1)", "self.step = self.step + 1"),
        ("step in the state", ", persistent=False", ""),
        ("seed ignored", "self.seed, self.stream, step,", "0, self.stream, step,"),
        ("stream ignored", "self.seed, self.stream, step,", "self.seed, 0, step,"),
        (
            "mask of a generator",
            "uniform(self.mask_shape(x), self.seed, self.stream, step, start)",
            "torch.rand(self.mask_shape(x))",
        ),
        ("2d: single pixels", "return (*x.shape[:2], *[1] * (x.dim() - 2))", "return tuple(x.shape)"),
        ("2d: rows of pixels", "return (*x.shape[:2], *[1] * (x.dim() - 2))", "return (*x.shape[:-1], 1)"),
        (
            "2d: the same channels of all samples",
            "return (*x.shape[:2], *[1] * (x.dim() - 2))",
            "return (1, x.shape[1], *[1] * (x.dim() - 2))",
        ),
        ("2d: whole samples", "return (*x.shape[:2], *[1] * (x.dim() - 2))", "return (len(x), *[1] * (x.dim() - 1))"),
        ("2d: the shape of the mask for that of the images", "self.remember(mask.expand_as(x))", "self.remember(mask)"),
        ("2d: other shapes taken", "if x.dim() not in (3, 4):", "if x.dim() < 2:"),
        ("share: the mask of the first rows", "0 if self.share is None else self.share.start", "0"),
        (
            "set_step: of the first only",
            "            module.step.fill_(step)",
            "            module.step.fill_(step); return",
        ),
        ("set_step: in another tensor", "module.step.fill_(step)", "module.step = torch.tensor(step)"),
    ),
    *_in(
        "layers/residual.py",
        ("skip path left out of forward", "return x + y", "return y"),
        ("skip path left out of backward", _SKIP, _SKIP.replace("grad_output + ", "")),
        ("skip path twice in backward", _SKIP, _SKIP.replace("grad_output + ", "2 * grad_output + ")),
        ("layers left out of backward", _SKIP, _SKIP.replace("grad_output + cast(Tensor, grad)", "grad_output")),
        ("skip path of the wrong sign", _SKIP, _SKIP.replace("grad_output +", "grad_output -")),
        ("shapes may broadcast", "if y.shape != x.shape:", "if len(y) != len(x):"),
        ("input added in place", "return x + y", "return y.add_(x)"),
        (
            "gradient added in place",
            _SKIP,
            _SKIP.replace("grad_output + cast", "grad_output.add_(cast").replace("grad) if", "grad)) if"),
        ),
        (
            "no gradients inside without input_grad",
            "        grad = super().backward(",
            "        if not input_grad:\n            return None\n        grad = super().backward(",
        ),
    ),
    *_in(
        "randomness.py",
        ("stream ignored", 'f"{seed} {stream}"', 'f"{seed}"'),
        ("seed and stream run together", 'f"{seed} {stream}"', 'f"{seed}{stream}"'),
        ("sum of seed and stream", 'f"{seed} {stream}"', 'f"{seed + stream}"'),
        ("step ignored", "words ^ step)", "words ^ 0 * step)"),
        ("the sign shifted in", "(x >> 16 & 0xFFFF)", "(x >> 16)"),
        ("0 among the numbers", _UNIFORM, ">> 9).to(torch.float32) * 2.0**-23 + 0.5"),
        ("every part begins at its place in the columns", "range(columns)]", "range(start, start + columns)]"),
        ("every part begins at its place in the first dimension", "start * math.prod(leading[1:])", "start"),
        (
            "all streams with the keys of the first",
            "torch.full((length,), i)",
            "torch.full((length,), i % 2)",
        ),
        ("fewer bits", _UNIFORM, _UNIFORM.replace(">> 9", ">> 20 << 11")),
    ),
    *_in(
        "losses/cross_entropy.py",
        ("gradient: without 1/n", _GRAD, _GRAD.removesuffix(".div_(n)")),
        ("gradient: 1/n twice", _GRAD, f"{_GRAD}.div_(n)"),
        ("gradient: last partial batch over its own n", _GRAD, _GRAD.replace("div_(n)", "div_(len(logits))")),
        ("gradient: a mean over all elements", _GRAD, _GRAD.replace("div_(n)", "div_(targets.numel())")),
        ("gradient: of the other sign", _GRAD, f"{_GRAD}; grad_logits = -grad_logits"),
        ("gradient: softmax's Jacobian diagonal only", _GRAD, "grad_logits = -targets * (1 - probs) / n"),
        ("gradient: as if targets summed to one", _GRAD, "grad_logits = (probs - targets) / n"),
        ("gradient: softmax twice", _GRAD, _GRAD.replace("probs", "probs.softmax(dim=1)")),
        ("gradient: in float32", _GRAD, f"{_GRAD}; grad_logits = grad_logits.float().to(logits.dtype)"),
        ("loss: softmax twice", _LOSS, "loss = -(targets * softmax(probs)[0]).sum() / n"),
        ("loss: 1/n twice", _LOSS, f"{_LOSS} / n"),
        ("loss: without 1/n", _LOSS, _LOSS.replace("/ -n", "* -1")),
        ("loss: of the other sign", _LOSS, _LOSS.replace("-", "")),
        ("loss: last partial batch over its own n", _LOSS, _LOSS.replace("/ -n", "/ -len(logits)")),
        ("classes, gradient: without 1/n", _CLASS_MEAN, "grad_logits"),
        ("classes, gradient: 1/n twice", _CLASS_MEAN, f"{_CLASS_MEAN}.div_(n)"),
        ("classes, gradient: last partial batch over its own n", _CLASS_MEAN, "grad_logits.div_(len(probs))"),
        ("classes, gradient: p + 1 at the class", _CLASS_GRAD, _CLASS_GRAD.replace("label_smoothing - 1", "1")),
        ("classes, gradient: p - 1 with smoothing too", _CLASS_GRAD, _CLASS_GRAD.replace("label_smoothing - 1", "-1")),
        ("classes, gradient: -1 in place of p - 1", _CLASS_GRAD, _CLASS_GRAD.replace(', reduce="add"', "")),
        ("classes, gradient: -p at the class", _CLASS_GRAD, _CLASS_GRAD.replace('"add"', '"multiply"')),
        (
            "classes, gradient: -1 at the most probable class",
            _CLASS_GRAD,
            _CLASS_GRAD.replace("targets", "probs.argmax(dim=1, keepdim=True)"),
        ),
        ("classes, gradient: -1 at the next class", _CLASS_GRAD, _CLASS_GRAD.replace("targets", "targets - 1")),
        (
            "classes, gradient: -1 at the wrong class of the last sample",
            _CLASS_GRAD,
            _CLASS_GRAD.replace("targets", "torch.cat([targets[:-1], targets[:1]])"),
        ),
        (
            "classes, gradient: -1 at the class of the first sample",
            _CLASS_GRAD,
            "targets = targets[:1].expand_as(targets); " + _CLASS_GRAD,
        ),
        (
            "classes, gradient: in float32",
            _CLASS_GRAD,
            f"{_CLASS_GRAD}; grad_logits = grad_logits.float().to(logits.dtype)",
        ),
        ("classes, loss: of the other sign", _CLASS_LOSS, _CLASS_LOSS.replace("-", "")),
        ("classes, loss: without 1/n", _CLASS_LOSS, _CLASS_LOSS.replace("/ -n", "* -1")),
        ("classes, loss: 1/n twice", _CLASS_LOSS, f"{_CLASS_LOSS} / n"),
        ("classes, loss: last partial batch over its own n", _CLASS_LOSS, _CLASS_LOSS.replace("-n", "-len(probs)")),
        ("classes, loss: of all classes", _CLASS_SUM, "log_likelihood = log_probs.sum()"),
        ("classes, loss: of p, and log(0)", _CLASS_SUM, "log_likelihood = probs.gather(1, targets).log().sum()"),
        ("classes, even part: over the other classes", _EVEN_LOSS, _EVEN_LOSS.replace("classes *", "(classes - 1) *")),
        ("classes, even part: added to the whole", _EVEN_LOSS, _EVEN_LOSS.replace("(1 - label_smoothing) * ", "")),
        ("classes, even part: not in the gradient", _EVEN_GRAD, "pass"),
        (
            "classes, even part: over the other classes in the gradient",
            _EVEN_GRAD,
            _EVEN_GRAD.replace("es)", "es - 1)"),
        ),
        ("smoothing: not scaled down", _SMOOTHED, "targets = targets + label_smoothing / classes"),
        ("smoothing: over the other classes", _SMOOTHED, _SMOOTHED.replace("/ classes", "/ max(1, classes - 1)")),
        ("smoothing: not spread", _SMOOTHED, _SMOOTHED.replace(" / classes", "")),
        (
            "smoothing: of the other part",
            _SMOOTHED,
            "targets = label_smoothing * targets + (1 - label_smoothing) / classes",
        ),
        ("smoothing: in place", _SMOOTHED, "targets.mul_(1 - label_smoothing).add_(label_smoothing / classes)"),
        ("weights: ignored", f"        if weight is not None:\n            {_WEIGHTED}\n", ""),
        ("weights: not of the even part", _SMOOTHED, f"{_SMOOTHED} / (1 if weight is None else weight)"),
        ("weights: a weighted mean of rows", _WEIGHTED, f"{_WEIGHTED}; n = targets.sum() if divisor is None else n"),
        ("weights: normalized", _WEIGHTED, f"{_WEIGHTED} / weight.mean()"),
        ("weights: of the sample", _WEIGHTED, "targets = targets * weight.to(logits.dtype).roll(1)"),
        ("weights: in place", _WEIGHTED, "targets = targets.mul_(weight)"),
        (
            "classes, weights: of the most probable class",
            _THERE,
            "weights_there = weights.take(probs.argmax(dim=1, keepdim=True))",
        ),
        (
            "classes, weights: of the first sample",
            _THERE,
            "weights_there = weights.take(targets[:1].expand_as(targets))",
        ),
        ("classes, mean: over all weights", _MEAN, "n = weights.sum()"),
        ("classes, mean: over the samples", _MEAN, "n = samples"),
        ("classes, mean: in spite of a divisor", "    if divisor is None:", "    if True:"),
        ("classes, smoothing: over the other classes", _PARTS, _PARTS.replace("/ classes", "/ max(1, classes - 1)")),
        (
            "classes, smoothing: unweighted",
            _PARTS,
            _PARTS.replace("classes * weights", "classes * torch.ones_like(weights)"),
        ),
        (
            "classes, smoothing: as the class is weighted",
            _PARTS,
            _PARTS.replace("classes * weights", "classes * weights_there"),
        ),
        ("classes, smoothing: 1/n twice", _PARTS, f"{_PARTS} / n"),
        (
            "classes, smoothing: not at the class",
            _PARTS_LOSS,
            f"there = there - everywhere.take(targets); {_PARTS_LOSS}",
        ),
        (
            "classes, gradient: as if rows summed to one",
            _PARTS_GRAD,
            _PARTS_GRAD.replace("there + everywhere.sum()", "1 / n * torch.ones_like(there)"),
        ),
        (
            "classes, gradient: without the even part",
            _PARTS_GRAD,
            _PARTS_GRAD.replace("there + everywhere.sum()", "there"),
        ),
        ("classes, gradient: p for p - 1", _PARTS_GRAD, _PARTS_GRAD.replace(".scatter_add_(1, targets, -there)", "")),
        ("classes, gradient: replaced at the class", _PARTS_GRAD, _PARTS_GRAD.replace("scatter_add_", "scatter_")),
        (
            "classes, gradient: overwrites p",
            _PARTS_GRAD,
            "probs.mul_(there + everywhere.sum()).sub_(everywhere).scatter_add_(1, targets, there)",
        ),
    ),
    *_in(
        "losses/softmax.py",
        ("log of softmax, and log(0)", _LOG_SUM, "(exponentials / total).log(), exponentials / total"),
        ("no shift", _SHIFT, "shifted = logits"),
        ("shift by the maximum of the batch", _SHIFT, "shifted = logits - logits.amax()"),
        ("shift in place", _SHIFT, "shifted = logits.sub_(logits.amax(dim=1, keepdim=True))"),
    ),
    *_in(
        "losses/targets.py",
        ("labels one too high", _CLASSES, f"({_CLASSES} + 1) % logits.shape[1]"),
        ("labels in reverse order", _CLASSES, f"{_CLASSES}.flip(0)"),
        ("one-hot rows by column", "zeros_like(logits).scatter_(1,", "zeros_like(logits).scatter_(0,"),
        ("one-hot rows as the logits", "torch.zeros_like(logits)", "logits.clone()"),
    ),
    *_in(
        "losses/one_vs_rest.py",
        (
            "one-vs-rest: p_m's 1 - p rounded to 0",
            "log_rest_of_top, torch.log1p(-probs)",
            "*2 * (torch.log1p(-probs),)",
        ),
        ("one-vs-rest: the target's term only", " + (1 - rows) * log_rest)", ")"),
        ("one-vs-rest: the term of v forgotten", "            + v\n", ""),
    ),
    *_in(
        "losses/squared_error.py",
        ("gradient: without the 2", _MSE_GRAD, _MSE_GRAD.replace("2 /", "1 /")),
        ("gradient: over the samples alone", _MSE_GRAD, "grad_logits = differences * (2 / n)"),
        ("gradient: last partial batch over its own n", _MSE_GRAD, "grad_logits = differences * (2 / logits.numel())"),
        ("gradient: of the other sign", _MSE_GRAD, _MSE_GRAD.replace("(2", "(-2")),
        ("gradient: that of the absolute error", _MSE_GRAD, "grad_logits = differences.sign() / numbers"),
        ("gradient: through a softmax", _MSE_GRAD, f"differences = logits.softmax(dim=1) - targets; {_MSE_GRAD}"),
        ("gradient: in float32", _MSE_GRAD, "grad_logits = (differences.float() * (2 / numbers)).to(logits.dtype)"),
        ("loss: half of it", _MSE_LOSS, f"{_MSE_LOSS} / 2"),
        ("loss: over the samples alone", _MSE_LOSS, _MSE_LOSS.replace("numbers", "n")),
        ("loss: a norm", _MSE_LOSS, "loss = differences.square().sum().sqrt() / numbers"),
        ("loss: last partial batch over its own n", _MSE_LOSS, "loss = differences.square().mean()"),
        (
            "overwrites the logits",
            "differences = logits - as_rows(logits, targets)",
            "differences = logits.detach().sub_(as_rows(logits, targets))",
        ),
    ),
    *_in(
        "clipping.py",
        (
            "norm: each weight by itself",
            "grad.mul_(scale)",
            "grad.mul_(max_norm / (torch.linalg.vector_norm(grad) + 1e-6))",
        ),
        ("norm: lifted up to max_norm", _SCALE, _SCALE.replace(".clamp(max=1)", "")),
        (
            "norm: the sum of norms",
            _NORM,
            "norm = torch.stack([torch.linalg.vector_norm(grad) for grad in grads]).sum()",
        ),
        ("norm: the largest of all", _NORM, "norm = torch.stack([grad.abs().max() for grad in grads]).max()"),
        ("norm: squared", _SCALE, _SCALE.replace("norm +", "norm**2 +")),
        ("norm: root of the mean", _NORM, f"{_NORM} / len(grads)"),
        ("norm: no 1e-6", _SCALE, _SCALE.replace("(norm + 1e-6)", "norm")),
        ("norm: that after clipping", "    return norm\n", "    return norm * scale\n"),
        (
            "norm: scaled but for the first",
            "for grad in grads:\n        grad.mul_",
            "for grad in grads[1:]:\n        grad.mul_",
        ),
        ("norm: new tensors", "grad.mul_(scale)", "grad = grad * scale"),
        ("value: from above only", _CLAMP, "grad.clamp_(max=max_value)"),
        ("value: from below only", _CLAMP, "grad.clamp_(min=-max_value)"),
        ("value: to positive ones", _CLAMP, "grad.clamp_(0, max_value)"),
        ("value: new tensors", _CLAMP, "grad.clamp(-max_value, max_value)"),
    ),
    *_in(
        "averaging.py",
        ("the parts the other way round", _PART, _PART.replace("1 - self.decay", "self.decay")),
        ("starts at the copy", _PART, _PART.replace(".masked_fill_(self.updates == 0, 1)", "")),
        ("copies for ever", "        self.updates.add_(1)\n", ""),
        ("a mean of all updates", _PART, "part = 1 / (self.updates + 1).double()"),
        ("decays without adding", _LERP, "torch._foreach_mul_(moved, 1 - part)"),
        ("the part in float32", _LERP, _LERP.replace("[part]", "[part.float()]")),
        ("buffers left out", "net.named_parameters(), net.named_buffers()", "net.named_parameters()"),
        ("weights left out", "net.named_parameters(), net.named_buffers()", "net.named_buffers()"),
        ("the network changed for the average", _LERP, "torch._foreach_lerp_(values, moved, [1 - part] * len(moved))"),
        ("the network itself for a copy", "copy.deepcopy(net)", "net"),
        (
            "a new tensor for the average",
            _LERP,
            "[setattr(self.net, name, averages[name].lerp(current[name], part)) for name in numbers]",
        ),
    ),
    *_in(
        "layers/sequential.py",
        ("backward skips the first layer", _REVERSED, "reversed(list(self)[1:])"),
        ("backward skips the last layer", _REVERSED, "reversed(list(self)[:-1])"),
        ("backward skips activations", _REVERSED, "reversed(list(self)[::2])"),
        ("backward in the order of forward", _REVERSED, "list(self)"),
        ("the first layer only", "x = layer(x)", "x = self[0](x)"),
        ("nothing handed from layer to layer", _PROPAGATE, "            layer.backward("),
        ("layers step on their own", _PROPAGATE, f"            [w.sub_(1) for w in layer.parameters()]\n{_PROPAGATE}"),
        ("grad_output overwritten", "= grad_output\n", "= grad_output.mul_(2.5)\n"),
        ("an activation after the last layer", "return x\n", "return x.sigmoid()\n"),
    ),
    *_in(
        "network/network.py",
        ("the batch in one row", "x.flatten(1)", "x.reshape(1, -1)"),
        ("pixels read as channels", "x.movedim(-1, 1)", "x.reshape(len(x), *shape)"),
        ("height and width exchanged", "x.movedim(-1, 1)", "x.transpose(1, -1)"),
        ("the gradient in another layout than the samples", "grad.movedim(1, -1)", "grad.reshape(given)"),
    ),
    *_in(
        "network/convnet.py",
        ("biases that batch norm cancels", "bias=False, **options", "**options"),
        (
            "no activation behind a block",
            "conv(width, width), norm(width)), act()]",
            "conv(width, width), norm(width))]",
        ),
        ("a stage without batch norm", "[first, norm(width), act()]", "[first, act()]"),
        ("the first kernel in every stage", "5 if stage == 0 else 3", "5"),
        ("a stride and a pooling", '2 if pooling == "stride" else 1)', "2)"),
        ("a stride that drops an odd pixel", '(size + 1) // 2 if pooling == "stride" else size // 2', "size // 2"),
        (
            "a pooling that keeps an odd pixel",
            '(size + 1) // 2 if pooling == "stride" else size // 2',
            "(size + 1) // 2",
        ),
        ("the seed of the dropout left out", "Dropout(dropout, seed=seed)", "Dropout(dropout)"),
    ),
    *_in(
        "network/mlp.py",
        (
            "one activation for all layers",
            "part.append(activations[i]().to(dtype=dtype))",
            "part.append(self[1] if len(self) > 1 else activations[i]().to(dtype=dtype))",
        ),
        ("the first activation for all layers", "activations[i]", "activations[0]"),
        ("the first dropout for all layers", "Dropout(dropouts[i]", "Dropout(dropouts[0]"),
        ("one mask for all layers", "stream=i)", "stream=0)"),
        ("the seed of the dropout left out", ", seed=seed, stream=i)", ", stream=i)"),
        ("dropout before the activation", "part.append(Dropout(", "part.insert(-1, Dropout("),
        (
            "normalization before the logits",
            "part = [] if normalize is None",
            "part = [] if normalize is None or i == 0",
        ),
        ("a bias before every normalization", "normalize is not BatchNorm1d", "True"),
        ("no bias before any normalization", "normalize is not BatchNorm1d", "normalize is None"),
        ("the first hidden layer is a block", "0 < i < hidden and", "i < hidden and"),
        ("the logits are a block", "0 < i < hidden and", "0 < i and"),
        ("blocks whether asked for or not", "residual and 0", "0"),
        ("the bias of the logits left out", "i == hidden or normalize", "normalize"),
        ("matmul_dtype handed to no layer", "            matmul_dtype=matmul_dtype,\n", ""),
        (
            "matmul_dtype for the first layer only",
            "part.append(linear(",
            "part.append((linear if i == 0 else partial(linear, matmul_dtype=None))(",
        ),
        ("matmul_dtype for dtype", "            dtype=dtype,\n", "            dtype=matmul_dtype,\n"),
    ),
    *_in(
        "optimizers.py",
        ("momentum of the other sign", "mul_(velocities, momentum)", "mul_(velocities, -momentum)"),
        ("dampening ignored", _VELOCITY, "torch._foreach_add_(velocities, added)"),
        ("dampening at the first step too", "grad.clone()", "grad * (1 - dampening)"),
        ("velocity a running mean", _VELOCITY, "torch._foreach_add_(velocities, added, alpha=1 - momentum)"),
        ("velocity is the gradient's own tensor", "grad.clone()", "grad"),
        ("velocity starts at zero", "grad.clone()", "torch.zeros_like(grad)"),
        ("velocity not found again", "self.state[weight].get(", "self.state[tuple(weight.shape)].get("),
        ("weight decay doubled", _DECAY, _DECAY.replace("alpha=", "alpha=2 * ")),
        ("weight decay of the other sign", _DECAY, _DECAY.replace("alpha=", "alpha=-")),
        ("weight decay decoupled", _DECAY, 'torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])'),
        ("gradient changed in place", _DECAY, 'torch._foreach_add_(grads, weights, alpha=group["weight_decay"])'),
        ("gradient set to zero", _STEP, f"{_STEP}; weights[0].grad.zero_()"),
        ("step uphill", _STEP, "torch._foreach_add_(weights, grads, alpha=lr)"),
        ("learning rate squared", _STEP, "torch._foreach_sub_(weights, grads, alpha=lr**2)"),
        ("learning rate of the first group for all", _STEP, _STEP.replace("=lr", '=self.param_groups[0]["lr"]')),
        ("lr tensor: step uphill", _TENSOR_STEP, _TENSOR_STEP.replace("-1", "1")),
        ("lr tensor: without the gradient", _TENSOR_STEP, "torch._foreach_sub_(weights, [lr] * len(weights))"),
        ("lr tensor: without itself", _TENSOR_STEP, "torch._foreach_sub_(weights, grads)"),
        ("lr tensor: squared", _TENSOR_STEP, _TENSOR_STEP.replace("[lr]", "[lr**2]")),
        ("lr tensor: in float32", _TENSOR_STEP, "torch._foreach_sub_(weights, [grad * lr.float() for grad in grads])"),
        (
            "lr tensor: of the first group for all",
            _TENSOR_STEP,
            _TENSOR_STEP.replace("lr", 'self.param_groups[0]["lr"]'),
        ),
        (
            "lr tensor: its first number for ever",
            _TENSOR_STEP,
            'torch._foreach_sub_(weights, grads, alpha=self.__dict__.setdefault("first", lr.item()))',
        ),
        ("lr tensor: used up", _TENSOR_STEP, f"{_TENSOR_STEP}; lr.mul_(0.5)"),
        (
            "lr tensor: the gradient scaled in place",
            _TENSOR_STEP,
            "torch._foreach_mul_(grads, lr); torch._foreach_sub_(weights, grads)",
        ),
        ("lr tensor on a GPU: step uphill", _GPU_STEP, _GPU_STEP.replace("sub_", "add_")),
        ("lr tensor on a GPU: the gradient scaled in place", _GPU_STEP, _GPU_STEP.replace("mul", "mul_")),
        ("nesterov: no look ahead", _NESTEROV, "grads = torch._foreach_add(grads, velocities)"),
        ("nesterov: momentum on both", _NESTEROV, f"{_NESTEROV}; grads = torch._foreach_mul(grads, momentum)"),
        ("nesterov: velocity changed", _NESTEROV, "torch._foreach_mul_(velocities, momentum); grads = velocities"),
    ),
)
