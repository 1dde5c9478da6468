"""Independent ways to compute the true gradient."""
