"""Stand-ins for what a machine may not have."""

from typing import Any

import pytest
import torch
from torch import Tensor

from torchnet.engine.tape import Tape, _Recorder, _tensors


class _Graph(Tape):
    """A CUDA graph on the processor."""

    def __init__(self) -> None:
        self.calls, self.allocating = [], set()


class _graph(_Recorder):  # noqa: N801 - it stands in for torch.cuda.graph, a class with that name
    """Note operations down as `torch.cuda.graph` does: none of them is done, and no result has numbers in it."""

    def __init__(self, graph: _Graph) -> None:
        super().__init__(graph)
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.is_mutable:
            for tensor in _tensors((args, kwargs)):
                self.before.setdefault(tensor.data_ptr(), (tensor.detach(), tensor.clone()))
        return super().__torch_dispatch__(func, types, args, kwargs)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for tensor, numbers in self.before.values():
            tensor.copy_(numbers)
        for buffer in self.buffers.values():
            buffer.zero_()


def pretend_cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph)
    monkeypatch.setattr(torch.cuda, "graph", _graph)
