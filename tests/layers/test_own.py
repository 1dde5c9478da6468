"""The names of layers that are not torchnet's."""

import pytest

from torchnet.layers.own import dotted_names


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", []), ("mylayers.SiLU", ["mylayers.SiLU"]), (["relu", "a.B", 3, None], ["a.B"]), (None, [])],
)
def test_a_name_with_a_dot_is_that_of_a_class(activation, expected):
    assert dotted_names(activation) == expected
