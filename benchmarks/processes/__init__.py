"""Training in two processes: measured step times, and a model that predicts them and those of many GPUs."""
