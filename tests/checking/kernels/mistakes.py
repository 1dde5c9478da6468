"""The planted mistakes, and the sizes that make them visible."""

from typing import Literal

import torch

Mistake = Literal["missing term", "tail dropped", "bfloat16 sum"] | None

BLOCK = 16  # elements of a row, or keys, that are read at once; no length in the tests is a multiple of it
QUERIES = 64  # queries that are read at once


def sum_dtype(mistake: Mistake) -> torch.dtype:
    return torch.bfloat16 if mistake == "bfloat16 sum" else torch.float32


def end(length: int, mistake: Mistake, block: int = BLOCK) -> int:
    """Return where a loop over blocks ends: at the last whole block if the tail is dropped."""
    return length // block * block if mistake == "tail dropped" else length
