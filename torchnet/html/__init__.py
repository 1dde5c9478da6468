"""Networks and optimizers as HTML tables, which notebooks show in place of `repr`."""
