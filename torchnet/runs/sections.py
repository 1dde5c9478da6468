"""The sections of a configuration: one group of options each, with the title that the help text gives it."""

SECTIONS = {
    "model": "network and optimizer",
    "data": "data set and mini-batches",
    "checkpoints": "when checkpoints are saved, in addition to best.ckpt",
    "loss_line": "the notebook's loss on the whole training and test sets",
    "gradient_check": "comparison of gradients with autograd during training",
    "gradient_health": "norms, update ratios and saturation of each layer, logged",
    "together": "training in several processes",
    "trainer": "length, device and logs: Lightning's Trainer (all its options: --print_config)",
}
