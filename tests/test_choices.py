"""Suggestions for unknown names."""

import pytest

import torchnet
from torchnet.choices import did_you_mean, expect_one_of, nearest
from torchnet.layers import ACTIVATIONS

OPTIONS = ["trainer.max_epochs", "trainer.min_epochs", "checkpoints.every_n_epochs", "loss_line.every_n_epochs"]
OPTIONS += ["model.lr", "model.loss", "data.batch_size", "data.block_size", "data.source"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("trainer.max_epoch", ["trainer.max_epochs"]),
        ("epochs", ["trainer.max_epochs", "trainer.min_epochs"]),  # equally similar: in the given order
        ("lr", ["model.lr"]),
        ("modle.lr", ["model.lr"]),
        ("trainer.batch_size", ["data.batch_size"]),  # an exact match of the last part excludes similar ones
        ("loss_line.every_n_epoch", ["loss_line.every_n_epochs", "checkpoints.every_n_epochs"]),
        ("trainer.learning_rate", []),  # an equal section alone is not enough
        ("", []),
        ("Batch_Size", ["data.batch_size"]),
        ("bs", ["data.batch_size", "data.block_size"]),  # their initials
    ],
)
def test_the_last_part_of_a_name_counts_first(word, near):
    assert nearest(word, OPTIONS) == near


def test_at_most_three_are_named():
    assert nearest("abcd", ["abce", "abcf", "abcg", "abch"]) == ["abce", "abcf", "abcg"]
    assert nearest("abcd", []) == []


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], ": did you mean a?"),
        (["a", "b"], ": did you mean a or b?"),
        (["a", "b", "c"], ": did you mean a, b or c?"),
    ],
)
def test_did_you_mean_names_them(names, text):
    assert did_you_mean(names) == text


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_without_one_letter_is_recognized(name):
    for i in range(len(name)):
        assert name in nearest(name[:i] + name[i + 1 :], ACTIVATIONS) or name[:i] + name[i + 1 :] in ACTIVATIONS


def test_an_unknown_name_is_refused_with_a_suggestion():
    expect_one_of("activation", "tanh", ACTIVATIONS)
    with pytest.raises(
        ValueError, match=r"activation: expected one of sigmoid, .*, got 'sigmod': did you mean sigmoid"
    ):
        expect_one_of("activation", "sigmod", ACTIVATIONS)
    with pytest.raises(ValueError, match=r"matmul_dtype: expected one of tf32, None, got 'int8'$"):
        expect_one_of("matmul_dtype", "int8", ("tf32", None))


def test_a_public_name_that_there_is_not_names_the_one_that_may_be_meant():
    with pytest.raises(AttributeError, match=r"module 'torchnet' has no attribute 'mlp': did you mean MLP\?"):
        _ = torchnet.mlp
