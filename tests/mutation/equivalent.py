"""Equivalent mutants: they behave like the code, each with the reason why no test can fail."""

# Keys are names without the line number.
EQUIVALENT = {
    "torchnet/layers/layer.py : if TYPE_CHECKING: from torchnet.replicas import Share -> pass": (
        "The name is for annotations, which mypy checks; nothing reads it at run time."
    ),
    "torchnet/layers/layer.py Layer.backward: "
    "def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None: -> "
    "def backward(self, grad_output: Tensor, input_grad: bool = False) -> Tensor | None:": (
        "The default of an abstract method: every layer overrides it, so it is never called."
    ),
    "torchnet/layers/linear.py Linear._operand: "
    "self.matmul_dtype and tensor.dtype == torch.float32 -> (tensor.dtype == torch.float32)": (
        "tensor.to(None) returns the tensor itself, so the condition only makes this explicit."
    ),
    "torchnet/layers/sequential.py Sequential.backward: list(self) -> self": (
        "reversed() accepts any sequence, such as nn.Sequential; list() only makes this explicit."
    ),
    "torchnet/layers/prelu.py PReLU.forward: x > 0 -> x >= 0": "At x = 0, x and a x are both 0.",
    **{
        "torchnet/layers/dropout.py Dropout.forward: 1 / (1 - self.p) if self.p < 1 else 0.0 -> "
        f"1 / (1 - self.p) if self.p < 1 else {scale}": "With p = 1 no element is kept: the scale multiplies zeros."
        for scale in (1.0, -1.0)
    },
    "torchnet/losses/softmax.py softmax: "
    "logits.amax(dim=1, keepdim=True).detach() -> logits.amax(dim=1, keepdim=True)": (
        "A shift does not change softmax, so the derivative by the maximum is zero: only autograd's rounding differs."
    ),
}
