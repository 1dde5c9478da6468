"""Mutants that mean the same as the code, each with the reason why no test can tell them apart."""

EQUIVALENT: dict[str, str] = {}
