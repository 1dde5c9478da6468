"""Lightning callbacks and loggers of a run."""
