"""Losses: functions (logits, targets) -> (loss, grad_logits) that return a value and its gradient."""

from torchnet.losses.cross_entropy import cross_entropy
from torchnet.losses.one_vs_rest import one_vs_rest_cross_entropy
from torchnet.losses.squared_error import mean_squared_error

LOSSES = {
    "cross_entropy": cross_entropy,
    "one_vs_rest_cross_entropy": one_vs_rest_cross_entropy,
    "mean_squared_error": mean_squared_error,
}

__all__ = ["LOSSES", "cross_entropy", "mean_squared_error", "one_vs_rest_cross_entropy"]
