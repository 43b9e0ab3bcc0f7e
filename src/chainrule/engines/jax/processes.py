"""Several processes that train together: how one joins the others, and what they agree on.

All of them run the same program on the same table. JAX moves the numbers between them; what depends on a clock or on
one of them alone (how long a slice is, whether Ctrl-C was pressed) they have to agree on. JAX and NumPy are imported
where they are needed: commands import this module before they know what they are to do.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn

from chainrule.engines.jax.settings import need_jax
from chainrule.errors import ArgumentError, DataError, EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOST_SECONDS = 30
"""How long nothing is heard of a process before the others end."""

JOINING_SECONDS = 120
"""How long a process waits for the others at the start."""

CLUSTER = "cluster"
"""Says that the cluster's own environment tells how many processes there are, and which one this is."""


def join(how: str) -> None:
    """Become one of several processes. It comes before anything else is done with JAX.

    Args:
        how: ``"cluster"`` where JAX finds out by itself (Slurm, Open MPI, TPUs, Kubernetes); otherwise
            ``"HOST:PORT,NUMBER,PROCESSES"``: where process 0 listens, which process this is, counted from 0, and how
            many there are.

    Raises:
        ArgumentError: for another text, and outside a cluster.
        EngineError: without JAX, and if the others are not there in time.
    """
    arguments = {} if how == CLUSTER else _place(how)
    need_jax()
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would keep SIGTERM from ending the process
    failed: list[Exception] = []

    def initialize() -> None:
        try:
            jax.distributed.initialize(
                **arguments, initialization_timeout=2 * JOINING_SECONDS, heartbeat_timeout_seconds=LOST_SECONDS
            )
        except Exception as error:
            failed.append(error)

    # In a thread: JAX would not listen to Ctrl-C while it waits, and abort where others are missing.
    joining = Thread(target=initialize, daemon=True)
    joining.start()
    joining.join(JOINING_SECONDS)
    if joining.is_alive():
        raise EngineError(
            f"the other processes were not there within {JOINING_SECONDS} seconds: start all of them, and give an "
            "address of process 0 that all can reach"
        )
    for error in failed:
        what = str(error).splitlines()[0]
        if isinstance(error, ValueError):
            raise ArgumentError(
                f"JAX finds no cluster here ({what}): say where this process belongs with HOST:PORT,NUMBER,PROCESSES"
            ) from None
        if isinstance(error, RuntimeError):
            raise EngineError(
                f"this process cannot join the others ({what}): see that no other has its place, and its port is free"
            ) from None
        raise error


def _place(how: str) -> dict[str, Any]:
    """The arguments for JAX of ``HOST:PORT,NUMBER,PROCESSES``."""
    address, _, rest = how.partition(",")
    host, _, port = address.rpartition(":")
    numbers = [port, *rest.split(",")]
    if not host or len(numbers) != 3 or not all(n.isascii() and n.isdecimal() for n in numbers):
        raise ArgumentError(f"a process joins others by {CLUSTER} or HOST:PORT,NUMBER,PROCESSES, not {how!r}")
    if not 0 < int(port) < 1 << 16:
        raise ArgumentError(f"a port is a number from 1 to 65535, not {port}")
    number, processes = map(int, numbers[1:])
    if number >= processes:
        raise ArgumentError(f"of {processes} processes none has the number {number}: they are counted from 0")
    place = {"coordinator_address": address, "num_processes": processes, "process_id": number}
    return {**place, "cluster_detection_method": "deactivate"}


def several() -> bool:
    """Whether this is one of several processes; JAX is not imported to find out."""
    return _joined() and sys.modules["jax"].process_count() > 1


def _joined() -> bool:
    """Whether this process has begun to join others."""
    initialized = getattr(sys.modules.get("jax.distributed"), "is_initialized", None)
    return initialized is not None and initialized()


def first() -> bool:
    """Whether this process is the one that writes files and talks."""
    return not several() or sys.modules["jax"].process_index() == 0


def leave(code: int) -> NoReturn:
    """End this process, which has failed, with an exit code.

    One of several ends at once: JAX would wait for the others, and they wait for this one in the middle of a step.
    """
    if _joined():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def largest(*numbers: int) -> tuple[int, ...]:
    """The largest of each number that any of the processes has; all of them call it."""
    if not several():
        return numbers
    import numpy as np

    return tuple(gathered(np.array(numbers)).max(axis=0).tolist())


def of_first(values: Mapping[str, float]) -> dict[str, float]:
    """The values that process 0 has; all of them call it, with the same names."""
    if not several():
        return dict(values)
    import numpy as np

    return dict(zip(values, gathered(np.array([*values.values()], np.float64))[0].tolist(), strict=True))


def gathered(array: NDArray[Any]) -> NDArray[Any]:
    """The array of each process, in a row; bit for bit, whatever JAX makes of its type."""
    import numpy as np
    from jax.experimental.multihost_utils import process_allgather

    with reported_losses(ValueError):
        return np.asarray(process_allgather(array.view(np.uint8))).view(array.dtype)


def check_same(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise DataError unless all processes have the same arrays."""
    import numpy as np

    digest = 0
    for name, array in sorted(arrays.items()):
        digest = zlib.crc32(np.ascontiguousarray(array).tobytes(), zlib.crc32(name.encode(), digest))
    found = gathered(np.array([digest], np.uint32))[:, 0]
    different = [str(number) for number in range(len(found)) if found[number] != found[0]]
    if different:
        raise DataError(
            f"process {', '.join(different)} of {len(found)} has other rows or other starting values than process 0: "
            "all processes read the same table, with the same arguments"
        )


@contextmanager
def reported_losses(*also: type[Exception]) -> Iterator[None]:
    """Within the block, what JAX raises where a process does not answer becomes an EngineError."""
    if not several():
        yield
        return
    from jax.errors import JaxRuntimeError

    try:
        yield
    except (JaxRuntimeError, *also) as error:
        raise EngineError(
            f"training together with the other processes broke off: {str(error).splitlines()[0]:.200}; "
            "where checkpoints were kept, start all of them again with --resume"
        ) from None
