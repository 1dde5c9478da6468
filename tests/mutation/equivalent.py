"""Equivalent mutants: they behave like the code, each with the reason why no test can fail."""

# Keys are names without the line number.
EQUIVALENT = {
    **{
        f"torchnet/layers/{file}.py : if TYPE_CHECKING: from torchnet.replicas import Share -> pass": (
            "The name is for annotations, which mypy checks; nothing reads it at run time."
        )
        for file in ("layer", "training_step")
    },
    "torchnet/layers/layer.py Layer.backward: "
    "def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None: -> "
    "def backward(self, grad_output: Tensor, input_grad: bool = False) -> Tensor | None:": (
        "The default of an abstract method: every layer overrides it, so it is never called."
    ),
    "torchnet/layers/linear.py Linear._operand: "
    "self.matmul_dtype and tensor.dtype == torch.float32 -> (tensor.dtype == torch.float32)": (
        "tensor.to(None) returns the tensor itself, so the condition only makes this explicit."
    ),
    **{
        f"torchnet/layers/linear.py Linear.forward: {statement} -> pass": (
            "The bias is then added after the product: only rounding and speed differ."
        )
        for statement in (
            "if self.bias is not None and operand.dtype == self.weight.dtype: return torch.addmm(self.b...",
            "return torch.addmm(self.bias, rows, weight.T).view(shape)",
        )
    },
    "torchnet/layers/sequential.py Sequential.backward: list(self) -> self": (
        "reversed() accepts any sequence, such as nn.Sequential; list() only makes this explicit."
    ),
    "torchnet/layers/convolution.py _Convolution._operand: "
    "self.matmul_dtype and tensor.dtype == torch.float32 -> (tensor.dtype == torch.float32)": (
        "tensor.to(None) returns the tensor itself, so the condition only makes this explicit."
    ),
    **{
        f"torchnet/layers/patches.py Windows._padded: (0, 0) -> (0, {after})": (
            "Where the pixels are depends on the padding before the image only; the output size is given."
        )
        for after in (1, -1)
    },
    "torchnet/layers/convolution_kernels.py convolve_backward: (input_grad, True, False) -> (input_grad, True, True)": (
        "The gradient of the bias is computed and not used: only the speed differs."
    ),
    "torchnet/layers/attention.py MultiheadAttention.backward: torch.no_grad() -> torch.enable_grad()": (
        "The gradient arrives through out_proj.backward, which keeps no graph; what is remembered has none either."
    ),
    "torchnet/layers/attention.py MultiheadAttention._mask: "
    "torch.zeros_like(mask, dtype=scores.dtype) -> torch.ones_like(mask, dtype=scores.dtype)": (
        "All scores grow by 1, which softmax does not notice."
    ),
    "torchnet/layers/batch_norm_2d.py BatchNorm2d: _by_kernel = False -> _by_kernel = True": (
        "Before a forward pass, both kinds of backward refuse in the same sentence."
    ),
    "torchnet/layers/batch_norm_2d.py BatchNorm2d.backward: grad_input if input_grad else None -> grad_input": (
        "The kernel returns None for a gradient that is not wanted."
    ),
    "torchnet/layers/embedding.py Embedding.backward: "
    "def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None: -> "
    "def backward(self, grad_output: Tensor, input_grad: bool = False) -> Tensor | None:": (
        "It returns None in both cases."
    ),
    "torchnet/layers/embedding.py Embedding.backward: return None -> pass": "A function that ends returns None.",
    "torchnet/layers/embedding.py Embedding.backward: -1 -> -2": "No id is negative: -1 and -2 are no row of padding.",
    "torchnet/layers/max_pool.py _largest: ..., 0, : -> ..., -1, :": "Not read until a pixel was the largest.",
    "torchnet/layers/max_pool.py _largest: -1 -> -2": "Any negative index says that no pixel was the largest yet.",
    **{
        f"torchnet/layers/log_sigmoid.py : _THRESHOLD = 40 -> _THRESHOLD = {threshold}": (
            "log(1 + e³⁹) is 39 in float64, and log(1 + e⁴¹) is 41: from 37 on, e⁻ˣ is below half an ulp of x."
        )
        for threshold in (39, 41)
    },
    "torchnet/layers/normalization.py Normalization.scale_and_shift: "
    "self.weight is None or self.bias is None -> self.bias is None": "Without a weight there is no bias.",
    "torchnet/layers/normalization.py Normalization.scale_and_shift: self.bias.dim() > 1 -> self.bias.dim() > 2": (
        "With two dimensions, addcmul returns the memory format of x all the same."
    ),
    **{
        "torchnet/layers/batch_norm.py BatchNorm.track: self.running_mean is None or self.running_var is None or "
        f"self.num_batches_tracked is None -> {condition}": "Either all three buffers are None or none of them is."
        for condition in (
            "self.running_mean is None",
            "self.running_var is None",
            "self.num_batches_tracked is None",
            "self.running_mean is None and self.running_var is None and (self.num_batches_tracked is No...",
        )
    },
    "torchnet/layers/prelu.py PReLU.forward: x > 0 -> x >= 0": "At x = 0, x and a x are both 0.",
    **{
        "torchnet/layers/dropout.py Dropout.forward: 1 / (1 - self.p) if self.p < 1 else 0.0 -> "
        f"1 / (1 - self.p) if self.p < 1 else {scale}": "With p = 1 no element is kept: the scale multiplies zeros."
        for scale in (1.0, -1.0)
    },
    "torchnet/network/mlp.py _one_each: values * hidden if len(values) == 1 else values -> values * hidden": (
        "Of a longer list the first values are read, one for each hidden layer, and they are the same."
    ),
    "torchnet/network/from_options.py _own_network: torch.random.fork_rng(devices=()) -> torch.random.fork_rng()": (
        "The generators of GPUs are restored, too: they do not move either way."
    ),
    "torchnet/losses/softmax.py softmax: "
    "logits.amax(dim=1, keepdim=True).detach() -> logits.amax(dim=1, keepdim=True)": (
        "A shift does not change softmax, so the derivative by the maximum is zero: only autograd's rounding differs."
    ),
}
