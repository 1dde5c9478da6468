"""A step as a CUDA graph."""

from collections.abc import Callable
from typing import Any

import torch


class Graph:
    """The operations of a step as a CUDA graph: the GPU goes through them without being told each one.

    Args:
        step: takes the step, of which everything is on the GPU. It must have been taken before, so that the libraries
            that it uses are set up.
    """

    @torch.no_grad()
    def __init__(self, step: Callable[[], Any]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            step()  # noted down, not done
        self.graph.replay()

    def replay(self) -> None:
        """Take the step again, on the numbers that its tensors hold by now."""
        self.graph.replay()
