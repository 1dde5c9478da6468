"""Self-attention: each position of a sequence takes a mean of all positions, with weights that depend on both."""

import math
from typing import cast

import torch
from torch import Tensor, nn

from torchnet.initializers import Initializer, xavier_uniform
from torchnet.layers.layer import Layer, expect_counts, expect_features, expect_shape, input_dtypes, refuse
from torchnet.layers.linear import Linear


class MultiheadAttention(Layer):
    """Let every position attend to every other, with the names and layouts of torch.nn.MultiheadAttention.

    It has one input, which is query, key and value of torch.nn's, and returns the output only.

    Args:
        embed_dim: E, the width of a position.
        num_heads: H, the number of means that a position takes, each of E/H features.
        bias: whether the projections add biases.
        dropout, add_bias_kv, add_zero_attn, kdim, vdim: only the defaults.
        batch_first: whether x is (N, L, E), not (L, N, E).
        device, dtype: of the weights; by default those of the generator and of torch.
        initializer: draws the weights; biases start at zero. torch.nn draws that of out_proj from another uniform.
        generator: the random number generator; torch's global one if None.

    Raises:
        ValueError: if num_heads does not divide embed_dim, or for an argument that is refused.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        initializer: Initializer = xavier_uniform,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        refuse(dropout=dropout, add_bias_kv=add_bias_kv, add_zero_attn=add_zero_attn)
        refuse(kdim=None if kdim == embed_dim else kdim, vdim=None if vdim == embed_dim else vdim)
        expect_counts(embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"num_heads: expected a divisor of embed_dim {embed_dim}, got {num_heads}")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        weight = initializer((3 * embed_dim, embed_dim), generator, dtype).to(device)
        self.in_proj_weight = nn.Parameter(weight, requires_grad=False)
        self.in_proj_bias = nn.Parameter(weight.new_zeros(3 * embed_dim), requires_grad=False) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype, initializer=initializer, generator=generator)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, value: None = None) -> Tensor:
        """Return y = softmax(Q Kᵀ / √d + M) V W_outᵀ + b_out with [Q K V] = x W_inᵀ + b_in and d = E/H.

        Each head does this with its own d columns of Q, K and V; their results are the columns of one matrix.

        Args:
            attn_mask: M: numbers to add, or booleans, True where a position (row) may not attend to another (column).
            value: only None.

        Shape:
            x: (L, N, E); (N, L, E) if batch_first; or (L, E). returns: the same.
            attn_mask: (L, L), or (N·H, L, L).

        Raises:
            ValueError: if x or the mask has the wrong shape or dtype, or a row of the mask forbids every position.
        """
        if value is not None:
            raise TypeError("expected one input, which is query, key and value: call attention(x, attn_mask=mask)")
        expect_features(x, (self.embed_dim,), *input_dtypes(self.in_proj_weight.dtype))
        dtype, x = x.dtype, x.to(self.in_proj_weight.dtype)
        if x.dim() not in (2, 3):
            raise ValueError(f"expected input of shape (L, N, E), (N, L, E) or (L, E), got {tuple(x.shape)}")
        projected = nn.functional.linear(self._batch_first(x), self.in_proj_weight, self.in_proj_bias)
        q, k, v = (self._split_heads(part) for part in projected.chunk(3, dim=-1))
        s = q @ k.mT / math.sqrt(q.shape[-1])
        p = torch.softmax(s if attn_mask is None else s + self._mask(attn_mask, s), dim=-1)
        self.remember(x, q, k, v, p)
        return self._in_layout_of(self.out_proj(self._merge_heads(p @ v)), x).to(dtype)

    @torch.no_grad()
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write the gradients of the projections; return the gradient of the input.

        Both projections are Linear layers. Between them, for one head and one sample, let S = Q Kᵀ / √d + M,
        P = softmax(S) row by row, Y = P V and G = ∂L/∂Y. The two products are as in Linear, softmax as in Softmax:

            ∂L/∂V = Pᵀ G                           (L, L)(L, d) -> (L, d)
            ∂L/∂P = G Vᵀ                           (L, d)(d, L) -> (L, L)
            ∂L/∂S = P ⊙ (∂L/∂P - Σ ∂L/∂P ⊙ P)      the sum over each row
            ∂L/∂Q = ∂L/∂S K / √d                   (L, L)(L, d) -> (L, d)
            ∂L/∂K = ∂L/∂Sᵀ Q / √d                  (L, L)(L, d) -> (L, d)

        Where the mask is -∞, P and ∂L/∂S are 0. Several heads and samples are a batch of such matrices. x reaches the
        loss through Q, K and V: with D = [∂L/∂Q ∂L/∂K ∂L/∂V], of all samples and positions as rows,

            ∂L/∂W_in = Dᵀ x        ∂L/∂b_in = Σ D        ∂L/∂x = D W_in
        """
        x, q, k, v, p = self.recall()
        expect_shape("grad_output", grad_output, x.shape, "pass the gradient of this layer's output")
        grad = self._split_heads(cast(Tensor, self.out_proj.backward(self._batch_first(grad_output.to(x.dtype)))))
        grad_v, grad_p = p.mT @ grad, grad @ v.mT
        grad_s = p * (grad_p - (grad_p * p).sum(dim=-1, keepdim=True)) / math.sqrt(q.shape[-1])
        grad_q, grad_k = grad_s @ k, grad_s.mT @ q
        grads = torch.cat([self._merge_heads(it) for it in (grad_q, grad_k, grad_v)], dim=-1)  # (N, L, 3E)
        self.in_proj_weight.grad = grads.flatten(0, 1).T @ self._batch_first(x).flatten(0, 1)
        if self.in_proj_bias is not None:
            self.in_proj_bias.grad = grads.sum(dim=(0, 1))
        return self._in_layout_of(grads @ self.in_proj_weight, x).to(grad_output.dtype) if input_grad else None

    def _batch_first(self, x: Tensor) -> Tensor:
        """Return (N, L, E), with N = 1 for a sequence without a batch."""
        return x.unsqueeze(0) if x.dim() == 2 else x if self.batch_first else x.transpose(0, 1)

    def _in_layout_of(self, y: Tensor, x: Tensor) -> Tensor:
        """Return (N, L, E) in the layout of x."""
        return y.squeeze(0) if x.dim() == 2 else y if self.batch_first else y.transpose(0, 1)

    def _split_heads(self, rows: Tensor) -> Tensor:
        """Return (N, L, E) as (N, H, L, d)."""
        return rows.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _merge_heads(self, heads: Tensor) -> Tensor:
        """Return (N, H, L, d) as (N, L, E)."""
        return heads.transpose(1, 2).flatten(2)

    def _mask(self, mask: Tensor, scores: Tensor) -> Tensor:
        """Return the mask as numbers, (L, L) or (N, H, L, L)."""
        if mask.shape not in (shapes := (scores.shape[2:], scores.flatten(0, 1).shape)):
            raise ValueError(f"expected attn_mask of shape {(*shapes[0],)} or {(*shapes[1],)}, got {(*mask.shape,)}")
        if mask.dtype == torch.bool:
            mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask, -math.inf)
        elif not mask.is_floating_point():
            raise ValueError(f"expected attn_mask of booleans or floats, got {mask.dtype}: True forbids a position")
        mask = mask.to(scores.dtype)
        if (mask == -math.inf).all(dim=-1).any():
            raise ValueError("expected attn_mask to allow a position in each row, got a row that forbids all")
        return mask if mask.dim() == 2 else mask.view(scores.shape)
