"""What a training step costs on several machines: computing, moving, and adding up gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, isfinite, log2
from typing import Any

LARGEST_BATCH = 1 << 24
"""Rows of a batch beyond which nobody looks."""


@dataclass(frozen=True)
class Machine:
    """The constants of the model, in seconds and in units per second.

    Attributes:
        flops: floating-point operations a second in products of matrices.
        bytes: of results of elementwise operations a second; many of them never reach memory, since XLA makes several
            operations in one pass.
        step: seconds that a step takes however small it is.
        latency: seconds of an all-reduce of a few bytes between two processes.
        bandwidth: bytes a second that an all-reduce moves.
    """

    flops: float
    bytes: float
    step: float
    latency: float
    bandwidth: float

    def to_json(self) -> dict[str, Any]:
        """The constants by name; JSON knows no infinite bandwidth, which a lone process has: ``None`` stands for it."""
        return {name: value if isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Machine:
        """What :meth:`to_json` described."""
        return cls(**{name: inf if value is None else value for name, value in described.items()})


@dataclass(frozen=True)
class Work:
    """What a step of a network does, apart for each row and for each step.

    Attributes:
        row_flops: operations for each row of the batch.
        row_bytes: bytes of results for each row.
        fixed_flops: operations whatever the batch, such as the optimiser's.
        fixed_bytes: bytes of results whatever the batch.
        gradient: bytes of the gradient.
    """

    row_flops: float
    row_bytes: float
    fixed_flops: float
    fixed_bytes: float
    gradient: float


def step_seconds(machine: Machine, work: Work, batch: int, machines: int = 1) -> float:
    """Seconds of a step of ``batch`` rows, divided among machines that all keep every weight.

    t = step + (f0 + f r) / flops + (m0 + m r) / bytes + 2 log2(D) latency + 2 (D - 1) / D gradient / bandwidth

    with r = ceil(batch / D) rows on each of D machines; f, m are operations and bytes of a row, f0 and m0 those that
    every machine does. The last two terms are those of a tree and of a ring, of which libraries take the better parts.

    >>> machine = Machine(flops=1e12, bytes=1e11, step=1e-5, latency=1e-5, bandwidth=1e10)
    >>> work = Work(row_flops=1e8, row_bytes=0, fixed_flops=0, fixed_bytes=0, gradient=1e7)
    >>> [round(1e3 * step_seconds(machine, work, 1024, machines), 1) for machines in (1, 2, 4)]
    [102.4, 52.2, 27.2]
    """
    rows = -(-batch // machines)
    computing = (work.fixed_flops + work.row_flops * rows) / machine.flops
    moving = (work.fixed_bytes + work.row_bytes * rows) / machine.bytes
    adding = 2 * log2(machines) * machine.latency + 2 * (machines - 1) / machines * work.gradient / machine.bandwidth
    return machine.step + computing + moving + adding


def pays_from(machine: Machine, work: Work, machines: int = 2) -> int | None:
    """The smallest batch, a power of 2, from which a step is shorter on so many machines; ``None``: there is none.

    >>> machine = Machine(flops=1e12, bytes=1e11, step=1e-5, latency=1e-5, bandwidth=1e10)
    >>> pays_from(machine, Work(row_flops=1e8, row_bytes=0, fixed_flops=0, fixed_bytes=0, gradient=1e7))
    32
    """
    batch = machines
    while batch <= LARGEST_BATCH:
        if step_seconds(machine, work, batch, machines) < step_seconds(machine, work, batch):
            return batch
        batch *= 2
    return None
