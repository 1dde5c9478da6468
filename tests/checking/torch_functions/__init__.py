"""Functions of PyTorch whose backward pass is autograd: `check` passes them, and fails them with one element off.

`python -m tests.checking.torch_functions` checks all of them and prints the false alarms and misses.
"""
