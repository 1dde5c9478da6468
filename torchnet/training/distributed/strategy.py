"""Lightning's strategy for several processes: its devices, environments and launchers, and gradients that are summed.

Its own, DDP, wraps the network in what autograd tells that a gradient is there. It refuses a network without, and of
hand-written gradients it would sum none. Here nothing is wrapped: the engine sums the gradients as backward writes them
(torchnet/replicas.py).
"""

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry

from torchnet.replicas import Replicas
from torchnet.runs.errors import LostProcessError, UsageError
from torchnet.training.distributed.launcher import Launcher

_COME = "how many have come"  # a key in the store
_ATTEMPT = timedelta(seconds=2)  # the longest that one cannot interrupt
_LOOK_EVERY = 0.05  # seconds
_QUIET = 15.0  # seconds that one waits before one is told for whom
_TIME_TO_START = 60.0  # seconds that the others have at least
_NAME = "ddp"  # what Lightning chooses by itself where it is asked for more than one device


class ReplicaStrategy(DDPStrategy):
    """Run a replica of the network in each process, one a device."""

    def _configure_launcher(self) -> None:
        self._launcher = Launcher(cast(Any, self.cluster_environment), self.num_processes, self.num_nodes)

    def setup_distributed(self) -> None:
        """Connect the processes.

        Raises:
            LostProcessError: if they do not all show up in time.
        """
        self.set_world_ranks()
        environment, size = cast(Any, self.cluster_environment), self.num_nodes * self.num_processes
        timeout = cast(timedelta, self._timeout)
        if self.num_nodes == 1:
            _stay_within_the_machine()
        store = meet(
            environment.main_address,
            environment.main_port,
            self.global_rank,
            size,
            timeout,
            self.num_nodes == 1,
            cast(Launcher, self._launcher).has_lost_one,
        )
        device = None if self.root_device.type == "cpu" else self.root_device
        dist.init_process_group(
            self._get_process_group_backend(),
            store=store,
            rank=self.global_rank,
            world_size=size,
            timeout=timeout,
            device_id=device,
        )

    def on_exception(self, exception: BaseException) -> None:
        cast(Launcher, self._launcher).end_others()  # by now all is saved

    def configure_ddp(self) -> None:
        """Begin with the network of the first process, in place of a wrapper around it."""
        if cast(Any, self.lightning_module).automatic_optimization:
            raise UsageError("trainer.strategy: expected a module that sums its gradients itself, as torchnet's does")
        Replicas().copy_first(cast(Any, self.model).state_dict().values())


def use_replicas(timeout: timedelta) -> None:
    """Have Lightning take this strategy where it would take its own for several devices.

    Args:
        timeout: how long a process waits for the others.
    """
    StrategyRegistry.register(_NAME, ReplicaStrategy, "replicas of a network", override=True, timeout=timeout)


def meet(
    address: str,
    port: int,
    rank: int,
    size: int,
    timeout: timedelta,
    on_one_machine: bool,
    has_lost_one: Callable[[], bool],
) -> dist.Store:
    """Return the store through which processes find each other, once all of them have come to it.

    Torch's own wait for them cannot be interrupted.

    Args:
        address: of the first process.
        port: on which its store is, or that of torchrun.
        rank: of this process.
        size: how many are to come.
        timeout: how long to wait for them.
        on_one_machine: whether the store is for its own machine alone, and nothing listens on the network.
        has_lost_one: whether there is no use in waiting any longer.

    Raises:
        UsageError: if another program has the port.
        LostProcessError: if they do not all come in time.
    """
    is_host = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"  # else torchrun has one
    began, waits = time.monotonic(), max(timeout.total_seconds(), _TIME_TO_START)
    store: dist.Store | None = None
    come, has_come, has_said = 0, False, False
    while come < size:
        try:
            if store is None:
                store = _store(address, port, is_host, on_one_machine)
            come, has_come = store.add(_COME, 0 if has_come else 1), True
        except dist.DistError:  # process 0 is not there yet
            store = None
        if has_lost_one():
            raise LostProcessError("another process ended before all of them could begin", "nothing is saved yet")
        seconds = time.monotonic() - began
        if seconds > waits:
            raise LostProcessError(
                f"expected {size} processes to meet at {address}:{port} within {waits:g} seconds, of which {come} came",
                "start the same command for each of them; on several machines MASTER_ADDR and MASTER_PORT must be the "
                "same, and NODE_RANK another on each",
            )
        if seconds > _QUIET and come < size and not has_said:
            print(f"waiting at {address}:{port}: {come} of {size} processes have come", flush=True)
            has_said = True
        time.sleep(_LOOK_EVERY)
    assert store is not None
    store.set_timeout(timeout)
    return store


def _store(address: str, port: int, is_host: bool, on_one_machine: bool) -> dist.Store:
    try:
        listening = socket.create_server((address, port)).detach() if is_host and on_one_machine else None
        store = dist.TCPStore(
            address, port, is_master=is_host, timeout=_ATTEMPT, wait_for_workers=False, master_listen_fd=listening
        )
    except (OSError, dist.DistError) as error:
        if not is_host:
            raise
        raise UsageError(
            f"MASTER_PORT: expected a port that is free, but {address}:{port} cannot be used ({error})"
        ) from error
    return dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)


def _stay_within_the_machine() -> None:
    """Have gloo talk over the loopback interface, where nobody else can listen, unless another one is chosen."""
    for _, name in socket.if_nameindex():
        if name in ("lo", "lo0"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
