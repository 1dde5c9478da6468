"""The embedding: y = the row of a weight matrix that an id names."""

import torch
from torch import Tensor, nn

from torchnet.initializers import Initializer, standard_normal
from torchnet.layers.layer import Layer, expect_counts, expect_shape, expect_values, refuse


class Embedding(Layer):
    """Look up a row of a weight matrix for each id, with the names and layouts of torch.nn.Embedding.

    Args:
        num_embeddings: V, the number of ids, which are 0..V-1.
        embedding_dim: D, the width of a row.
        padding_idx: an id whose row starts at zero, and has a gradient of zero; negative ones count from the end.
        max_norm: only None.
        norm_type: of max_norm, so it has no effect.
        scale_grad_by_freq: only False.
        sparse: only False.
        _weight: the initial weight; drawn if None.
        _freeze: only False.
        device: the device of the weight; that of the generator if None.
        dtype: the dtype of the weight; torch's default if None.
        initializer: draws the weight; as in torch.nn, a normal of variance 1.
        generator: the random number generator; torch's global one if None.

    Raises:
        ValueError: if a size is not a whole number from 1 up, padding_idx is not an id, _weight has another shape, or
            for an argument that is refused.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        initializer: Initializer = standard_normal,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        expect_counts(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        refuse(max_norm=max_norm, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse, _freeze=_freeze)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx: expected an id within 0..{num_embeddings - 1}, got {padding_idx}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        if _weight is None:
            weight = initializer((num_embeddings, embedding_dim), generator, dtype).to(device)
            if self.padding_idx is not None:
                weight[self.padding_idx] = 0
        else:
            expect_shape("_weight", _weight, (num_embeddings, embedding_dim), "one row for each id")
            weight = _weight.to(device, dtype)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return y = W[x], the row of each id.

        Shape:
            x: (*), int64 or int32, with at least one id; returns: (*, D).

        Raises:
            ValueError: if x is not of integers, or has ids outside 0..V-1.
        """
        expect_values(x, torch.int64, torch.int32)
        self.remember(x)
        try:
            return self.weight.index_select(0, x.flatten()).view(*x.shape, -1)
        except IndexError as error:
            raise ValueError(
                f"expected ids within 0..{self.num_embeddings - 1}, got {x.min().item()}..{x.max().item()}: the weight "
                f"has {self.num_embeddings} rows"
            ) from error

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradient of the weight; return None: an id is no number that could change a little.

        Element by element, y_pd = W_vd with v = x_p, the id at position p. A weight W_vd reaches the loss through every
        position with the id v, over which its gradient is summed; rows whose id does not occur have a gradient of zero.
        With G = ∂L/∂y, and the matrix X of one-hot rows, X_pv = [x_p = v]:

            ∂L/∂W_vd = Σ_p G_pd [x_p = v]
            y = X W,  ∂L/∂W = Xᵀ G        (V, P)(P, D) -> (V, D)

        The row of padding_idx has a gradient of zero.

        Shape:
            grad_output: (*, D).
            returns: None.
        """
        x = self.recall()
        shape = (*x.shape, self.embedding_dim)
        expect_shape("grad_output", grad_output, shape, "pass the gradient of this layer's output")
        padding = -1 if self.padding_idx is None else self.padding_idx
        # zeros_like(weight).index_add_(0, x, grad_output), in the same order each time on a GPU, too
        self.weight.grad = torch.ops.aten.embedding_dense_backward(grad_output, x, self.num_embeddings, padding, False)
        return None

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
