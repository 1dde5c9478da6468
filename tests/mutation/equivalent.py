"""Mutants that mean the same as the code, each with the reason why no test can tell them apart."""

# Keys are names without the line number.
EQUIVALENT = {
    "torchnet/layers/layer.py Layer.backward: "
    "def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None: -> "
    "def backward(self, grad_output: Tensor, input_grad: bool = False) -> Tensor | None:": (
        "The default of an abstract method: each layer has its own, and nothing ever calls this one."
    ),
    "torchnet/layers/linear.py Linear._operand: "
    "self.matmul_dtype and tensor.dtype == torch.float32 -> (tensor.dtype == torch.float32)": (
        "tensor.to(None) is the tensor itself: the condition says to the reader what torch does anyway."
    ),
    "torchnet/network.py MLP.backward: list(self) -> self": (
        "reversed() walks anything with a length and items, as nn.Sequential has; list() says the same to the reader."
    ),
    "torchnet/layers/residual.py Residual.backward: list(self) -> self": (
        "reversed() walks anything with a length and items, as nn.Sequential has; list() says the same to the reader."
    ),
    **{
        "torchnet/layers/dropout.py Dropout.forward: 1 / (1 - self.p) if self.p < 1 else 0.0 -> "
        f"1 / (1 - self.p) if self.p < 1 else {scale}": "With p = 1 no element is kept: any scale is that of zeros."
        for scale in (1.0, -1.0)
    },
    "torchnet/randomness.py _bits: step.to(torch.int32) -> step": (
        "A mix keeps to the lower 32 bits what they are in int64, too, and they are what goes into the rows' int32."
    ),
    "torchnet/losses/softmax.py softmax: "
    "logits.amax(dim=1, keepdim=True).detach() -> logits.amax(dim=1, keepdim=True)": (
        "Softmax does not see the shift, so its derivative by the maximum is zero: only autograd's rounding differs."
    ),
}
