"""The callbacks and loggers of Lightning that work with torchnet, by the name that a config.yaml has for them.

This is plain data: nothing that it names is imported. Each class comes with the arguments of its constructor that are
plain values and act on nothing outside of the run, so that they may be taken from the configuration of somebody else's
run. Left out are paths, names of files and folders, callables, and what chooses where data are sent.

A config.yaml holds arguments that a constructor takes as **kwargs under `dict_kwargs`, all others under `init_args`;
the names here are those of both.
"""

_EARLY_STOPPING = (
    "monitor",
    "min_delta",
    "patience",
    "verbose",
    "mode",
    "strict",
    "check_finite",
    "stopping_threshold",
    "divergence_threshold",
    "check_on_train_epoch_end",
    "log_rank_zero_only",
)

CALLBACKS: dict[str, frozenset[str]] = {
    "pytorch_lightning.callbacks.EarlyStopping": frozenset(_EARLY_STOPPING),
    "pytorch_lightning.callbacks.LearningRateMonitor": frozenset(
        ("logging_interval", "log_momentum", "log_weight_decay")
    ),
    "pytorch_lightning.callbacks.Timer": frozenset(("duration", "interval", "verbose")),
    "pytorch_lightning.callbacks.DeviceStatsMonitor": frozenset(("cpu_stats",)),
    "pytorch_lightning.callbacks.ModelSummary": frozenset(("max_depth",)),
    "pytorch_lightning.callbacks.RichModelSummary": frozenset(("max_depth",)),
}

LOGGERS: dict[str, frozenset[str]] = {
    "pytorch_lightning.loggers.CSVLogger": frozenset(("prefix", "flush_logs_every_n_steps")),
    "pytorch_lightning.loggers.TensorBoardLogger": frozenset(
        ("prefix", "log_graph", "default_hp_metric", "max_queue", "flush_secs")
    ),
    "pytorch_lightning.loggers.WandbLogger": frozenset(
        ("name", "offline", "prefix", "tags", "group", "job_type", "notes")
    ),
}

REQUIRED: dict[str, dict[str, object]] = {  # values without which a class would send data to a server
    "pytorch_lightning.loggers.WandbLogger": {"offline": True},
}
