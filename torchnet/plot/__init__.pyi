"""The public names and the files that define them; __init__.py reads this file and imports a name on first use."""

from .flow import gradient_flow
from .histograms import activations
from .pictures import images, weights
from .run_figures import confusion_matrix, gradient_norms, loss_curve, score_curve
from .surface import decision_surface

__all__ = [
    "activations",
    "confusion_matrix",
    "decision_surface",
    "gradient_flow",
    "gradient_norms",
    "images",
    "loss_curve",
    "score_curve",
    "weights",
]
