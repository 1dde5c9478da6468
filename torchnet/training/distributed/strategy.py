"""Lightning's strategy for several processes: one replica of the network per device, gradients summed by the engine.

Lightning's own strategy, DDP, wraps the network to learn from autograd when a gradient is ready. It rejects a network
without autograd, and would not sum gradients that are written by hand. Here nothing is wrapped: the engine sums the
gradients while backward writes them (torchnet/replicas.py).
"""

import os
import socket
import time
from datetime import timedelta
from typing import Any, cast

import torch.distributed as dist
from pytorch_lightning.strategies import StrategyRegistry

from torchnet.replicas import Replicas, connection_expected
from torchnet.runs.errors import LostProcessError, UsageError
from torchnet.training.distributed.launcher import Launcher
from torchnet.training.lightning_internals import OwnLauncherStrategy

_ARRIVED = "arrived processes"  # a key in the store
_ATTEMPT = timedelta(seconds=2)  # the longest wait that cannot be interrupted
_POLL_SECONDS = 0.05
_QUIET_SECONDS = 15.0  # after this time a message says for which processes the program waits
_MIN_WAIT_SECONDS = 60.0  # the other processes have at least this time to start
_NAME = "ddp"  # what Lightning chooses by itself for more than one device


class ReplicaStrategy(OwnLauncherStrategy):
    """Run a replica of the network in each process, one process per device."""

    def make_launcher(self) -> Launcher:
        return Launcher(cast(Any, self.cluster_environment), self.num_processes, self.num_nodes)

    def setup_distributed(self) -> None:
        """Connect the processes."""
        self.set_world_ranks()
        if self.num_nodes == 1:
            _use_loopback_interface()
        size = self.num_nodes * self.num_processes
        dist.init_process_group(
            self.backend,
            store=self._meet(size),
            rank=self.global_rank,
            world_size=size,
            timeout=self.timeout,
            device_id=None if self.root_device.type == "cpu" else self.root_device,
        )

    def _meet(self, size: int) -> dist.Store:
        """Return the store through which the processes find each other, once all of them have arrived.

        Torch's own wait for them cannot be interrupted.
        """
        environment = cast(Any, self.cluster_environment)
        address, port = environment.main_address, environment.main_port
        # With torchrun the store is in its own process.
        is_host = self.global_rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        began, wait = time.monotonic(), max(self.timeout.total_seconds(), _MIN_WAIT_SECONDS)
        store: dist.Store | None = None
        arrived, is_counted, has_reported = 0, False, False
        while arrived < size:
            try:
                if store is None:
                    store = _store(address, port, is_host, self.num_nodes == 1)
                arrived, is_counted = store.add(_ARRIVED, 0 if is_counted else 1), True
            except dist.DistError:  # process 0 has not arrived yet
                store = None
            if cast(Launcher, self.launcher).has_lost_process():
                raise LostProcessError("another process ended before all processes had started", "nothing is saved yet")
            seconds = time.monotonic() - began
            if seconds > wait:
                raise LostProcessError(
                    f"expected {size} processes to meet at {address}:{port} within {wait:g} seconds, got {arrived}",
                    "start the same command for each of them; on several machines MASTER_ADDR and MASTER_PORT must be "
                    "the same, and NODE_RANK different on each",
                )
            if seconds > _QUIET_SECONDS and arrived < size and not has_reported:
                print(f"waiting at {address}:{port}: {arrived} of {size} processes have arrived", flush=True)
                has_reported = True
            time.sleep(_POLL_SECONDS)
        assert store is not None
        store.set_timeout(self.timeout)
        return store

    def on_exception(self, exception: BaseException) -> None:
        cast(Launcher, self.launcher).end_others()  # everything is saved by now

    def configure_ddp(self) -> None:
        """Start with the network of the first process; wrap nothing."""
        if cast(Any, self.lightning_module).automatic_optimization:
            raise UsageError("trainer.strategy: expected a module that sums its gradients itself, as torchnet's does")
        Replicas().copy_first(cast(Any, self.model).state_dict().values())

    # What Lightning itself sends to other processes.
    barrier = connection_expected()(OwnLauncherStrategy.barrier)
    broadcast = connection_expected()(OwnLauncherStrategy.broadcast)
    reduce = connection_expected()(OwnLauncherStrategy.reduce)
    all_gather = connection_expected()(OwnLauncherStrategy.all_gather)


def use_replicas(timeout: timedelta) -> None:
    """Make Lightning use this strategy where it would use its own for several devices."""
    StrategyRegistry.register(_NAME, ReplicaStrategy, "replicas of a network", override=True, timeout=timeout)


def stop_together(trainer: Any) -> None:
    """Stop if a callback in any process asks to stop; otherwise the other processes would wait for this one."""
    if trainer.world_size > 1:
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(trainer.should_stop, all=False)


def _store(address: str, port: int, is_host: bool, is_one_machine: bool) -> dist.Store:
    """Return the store; that of one machine does not listen on the network."""
    try:
        listening = socket.create_server((address, port)).detach() if is_host and is_one_machine else None
        store = dist.TCPStore(
            address, port, is_master=is_host, timeout=_ATTEMPT, wait_for_workers=False, master_listen_fd=listening
        )
    except (OSError, dist.DistError) as error:
        if not is_host:
            raise
        raise UsageError(f"MASTER_PORT: expected a free port, but {address}:{port} cannot be used ({error})") from error
    return dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)


def _use_loopback_interface() -> None:
    """Make gloo use the loopback interface, which other machines cannot reach, unless another one is chosen."""
    for _, name in socket.if_nameindex():
        if name in ("lo", "lo0"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
