"""Exercises that grade themselves: write a forward, a backward or an update by hand, and get hints, not answers."""

from torchnet.exercises.catalog import exercise
from torchnet.exercises.result import ExerciseError, Result

__all__ = ["ExerciseError", "Result", "exercise"]
