"""The rectified linear activation that stops at 6: y = min(max(x, 0), 6)."""

from torchnet.layers.hardtanh import Hardtanh


class ReLU6(Hardtanh):
    """Clip each element to [0, 6], like torch.nn.ReLU6: Hardtanh with a = 0 and b = 6.

    Its forward and backward passes are those of Hardtanh:

        y = min(max(x, 0), 6)        ∂L/∂x = G ⊙ [0 < x < 6],    G = ∂L/∂y

    Args:
        inplace: only False.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return ""
