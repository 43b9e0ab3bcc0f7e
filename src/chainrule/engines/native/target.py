"""What this machine is: its processor, its widest vectors, the cores that this process may use."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from chainrule.errors import ArgumentError, EngineError, require, whole_number

MOST_THREADS = 1024
"""More than any machine has cores."""

WIDTHS = (64, 32, 16)
"""Bytes of a vector register: AVX-512; AVX2; SSE and NEON."""


@dataclass(frozen=True)
class Target:
    """A machine that code is generated for.

    Args:
        triple: architecture, vendor and system, as LLVM names them.
        cpu: the processor's name for LLVM.
        features: what the processor can do: ``+avx2,-avx512f,...``.
        vector_bytes: 64, 32 or 16.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int


@cache
def binding() -> Any:
    """``llvmlite.binding``, loaded when first wanted and ready to generate code for this machine.

    Raises:
        EngineError: where llvmlite is not installed, or the system forbids code made at run time.
    """
    try:
        llvm = import_module("llvmlite.binding")
    except ImportError as error:
        raise EngineError(
            f"the native engine needs llvmlite ({error}): pip install llvmlite, or choose engine='numpy'"
        ) from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        llvm.check_jit_execution()
    except OSError as error:
        raise EngineError(f"this system forbids code made at run time ({error}): choose engine='numpy'") from error
    return llvm


def host(vector_bytes: int | None = None) -> Target:
    """This machine, with vectors of the width asked for, or of ``CHAINRULE_VECTOR_BYTES``, or the widest.

    Args:
        vector_bytes: 64, 32 or 16, not above what the processor has. The processor stays the same otherwise.

    Raises:
        ArgumentError: for a width that is not one of these, or that this processor does not have.
        EngineError: where llvmlite is not installed.
    """
    triple, cpu, features, widest = _processor()
    name, given = "vector_bytes", repr(vector_bytes)
    if vector_bytes is None:
        text = os.environ.get("CHAINRULE_VECTOR_BYTES", "").strip()
        if not text:
            return Target(triple, cpu, features, widest)
        name, given = "CHAINRULE_VECTOR_BYTES", repr(text)
        vector_bytes = int(text) if text.isdecimal() else -1
    possible = [width for width in WIDTHS if width <= widest]
    if vector_bytes not in possible:
        known = " or ".join(str(width) for width in possible)
        raise ArgumentError(f"{name} must be {known} on this machine ({cpu}), not {given}")
    return Target(triple, cpu, features, vector_bytes)


@cache
def _processor() -> tuple[str, str, str, int]:
    """Triple, name and features of this processor, and the bytes of its widest vectors."""
    llvm = binding()
    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell on this system: the name alone decides
        features = {}
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), _flat(features), widest_vectors(features)


def _flat(features: dict[str, bool]) -> str:
    return ",".join(f"{'+' if features[name] else '-'}{name}" for name in sorted(features))


def widest_vectors(features: dict[str, bool]) -> int:
    """Bytes of the widest vectors that these features of a processor allow."""
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") and features.get("fma") else 16


def cores() -> int:
    """How many threads can compute side by side in this process: the number in ``CHAINRULE_THREADS``, or of its cores.

    Counted are the cores that the process may run on, and no more than its container's share of time on them, or than
    ``OMP_NUM_THREADS`` says, by which joblib, Dask and Ray share the cores among their workers. Two threads of one core
    count once: they would share its arithmetic.

    Raises:
        ArgumentError: if ``CHAINRULE_THREADS`` is not a whole number from 1 to 1024.
    """
    text = os.environ.get("CHAINRULE_THREADS", "").strip()
    if text:
        number = whole_number("CHAINRULE_THREADS", int(text) if text.isdecimal() else text, least=1)
        require(number <= MOST_THREADS, f"CHAINRULE_THREADS must be at most {MOST_THREADS}, not {number}")
        return number
    return max(1, min(_own_cores(), _share_of_time(), _share_of_workers()))


def _share_of_workers() -> int:
    """The number in ``OMP_NUM_THREADS``, the first one where it lists several."""
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(text) if text.isdecimal() and int(text) else sys.maxsize


def _own_cores() -> int:
    """Cores that this process may run on."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(number) for number in os.sched_getaffinity(0)})


@cache
def _siblings(number: int) -> str:
    """The threads of the core that thread ``number`` belongs to; itself if the system does not say."""
    return _read(Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")) or str(number)


@cache
def _share_of_time(root: Path = Path("/")) -> int:
    """Whole cores in the quota of the control group of this process and of those above it."""
    shares = [sys.maxsize]
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, names = root / "sys/fs/cgroup", ["cpu.max"]
        elif "cpu" in controllers.split(","):
            base, names = root / "sys/fs/cgroup/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        group = base / path.lstrip("/")
        for folder in [group, *group.parents]:
            shares += _quota(" ".join(_read(folder / name) for name in names))
            if folder == base:
                break
    return min(shares)


def _quota(text: str) -> list[int]:
    """Whole cores in "quota period", in microseconds; nothing where there is no limit."""
    numbers = text.split()
    if len(numbers) != 2 or not all(n.isdecimal() for n in numbers) or int(numbers[1]) == 0:
        return []
    return [int(numbers[0]) // int(numbers[1])]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
