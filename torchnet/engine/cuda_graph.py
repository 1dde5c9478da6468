"""A step as a CUDA graph."""

from collections.abc import Callable
from typing import Any

import torch


class Graph:
    """The operations of a step as a CUDA graph: the GPU runs all of them after a single launch.

    Everything that the step uses must be on the GPU. It must have run before, so that its libraries are initialized.
    """

    @torch.no_grad()
    def __init__(self, step: Callable[[], Any]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            step()  # recorded, not run
        self.graph.replay()

    def replay(self) -> None:
        """Run the step again on the current values of its tensors."""
        self.graph.replay()
