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
from torchnet.training.errors import LostProcessError
from torchnet.training.launcher import Launcher

_COME = "how many have come"  # a key in the store
_ATTEMPT = timedelta(seconds=2)  # the longest that one cannot interrupt
_LOOK_EVERY = 0.05  # seconds
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

    def configure_ddp(self) -> None:
        """Begin with the network of the first process, in place of a wrapper around it."""
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
        LostProcessError: if they do not all come in time.
    """
    is_host = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"  # else torchrun has one
    listening = socket.create_server((address, port)).detach() if is_host and on_one_machine else None
    deadline = time.monotonic() + timeout.total_seconds()
    store: dist.Store | None = None
    come = 0
    while come < size:
        try:
            if store is None:
                store = dist.TCPStore(
                    address,
                    port,
                    is_master=is_host,
                    timeout=_ATTEMPT,
                    wait_for_workers=False,
                    master_listen_fd=listening,
                )
                store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
                come = store.add(_COME, 1)
            come = store.add(_COME, 0)
        except dist.DistError:  # the first process is not there yet
            store = None
        if has_lost_one():
            raise LostProcessError(
                "a process that was started to train with this one ended before it could", "see above"
            )
        if time.monotonic() > deadline:
            raise LostProcessError(
                f"expected {size} processes to meet at {address}:{port} within {timeout.total_seconds():g} seconds, "
                f"{come or 'none'} came",
                "start the same command for each of them; on several machines MASTER_ADDR and MASTER_PORT must be the "
                "same, and NODE_RANK another on each",
            )
        time.sleep(_LOOK_EVERY)
    assert store is not None
    store.set_timeout(timeout)
    return store


def _stay_within_the_machine() -> None:
    """Have gloo talk over the loopback interface, where nobody else can listen, unless another one is chosen."""
    for _, name in socket.if_nameindex():
        if name in ("lo", "lo0"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
