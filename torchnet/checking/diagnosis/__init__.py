"""Name the mistake in a wrong gradient, or the place where it is wrong."""
