"""A checkpoint holds what was put into it."""

import torch

from torchnet.storage import read_checkpoint, write_checkpoint

from .examples import CONTENTS, expect_same


def test_what_was_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "a.ckpt", CONTENTS)
    expect_same(read_checkpoint(tmp_path / "a.ckpt"), CONTENTS)


def test_torch_reads_it_too(tmp_path):
    write_checkpoint(tmp_path / "a.ckpt", CONTENTS)
    expect_same(torch.load(tmp_path / "a.ckpt", weights_only=True), CONTENTS)
