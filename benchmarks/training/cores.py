"""The cores that this process may use."""

from __future__ import annotations

import os


def cores() -> int:
    """How many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hold(threads: int) -> None:
    """Keep this process, and every thread that it starts from now on, on the last ``threads`` cores.

    A library that asks how many cores there are, as most do, is told this number. Where the system cannot do it
    (macOS, Windows), the environment of :func:`environment` has to do.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def environment(threads: int) -> dict[str, str]:
    """The variables by which libraries are told the number of threads; they read them when they are loaded."""
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    names = ("CHAINRULE_THREADS", *(f"{library}_NUM_THREADS" for library in libraries))
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return {**dict.fromkeys(names, str(threads)), **flags}
