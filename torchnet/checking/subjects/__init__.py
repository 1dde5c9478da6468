"""Everything that can be checked, in one form: a forward over named tensors and its hand-written backward."""
