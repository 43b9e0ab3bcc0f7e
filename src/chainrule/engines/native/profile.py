"""Where the time of a training step goes, phase by phase, against the peak of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from chainrule.engines.native.cost import phase_cost
from chainrule.engines.native.peak import peak_flops
from chainrule.engines.native.run import NativeRun
from chainrule.engines.native.unrolled import UnrolledRun, fits
from chainrule.engines.protocol import Run, Steps
from chainrule.passes.cost import cost
from chainrule.shapes import show_shape
from chainrule.show.numbers import counted

SLICE_SECONDS = 0.004


@dataclass(frozen=True)
class PhaseTime:
    """One phase of a step: how long it takes, and what it does in that time.

    Attributes:
        name: of the value that it makes.
        space: the elements that it goes through.
        seconds: on average of a step and of the threads.
        waiting: seconds before it in which threads wait for each other.
        flops: operations.
        bytes: read and written, wherever they lie: mostly in caches.
    """

    name: str
    space: str
    seconds: float
    waiting: float
    flops: int
    bytes: int


@dataclass(frozen=True)
class Profile:
    """Where the time of a training step goes; print it to read it.

    Attributes:
        phases: in the order in which they run.
        seconds: of a step, all in all.
        flops: operations of a step.
        rows: of its batch.
        threads: that ran it.
        peak: operations a second that this machine reaches at best with so many threads, measured.
    """

    phases: tuple[PhaseTime, ...]
    seconds: float
    flops: int
    rows: int
    threads: int
    peak: float

    @property
    def share_of_peak(self) -> float:
        """The operations of a step, as a share of what the machine could do in that time."""
        return self.flops / self.seconds / self.peak

    def to_json(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return {
            "rows": self.rows,
            "threads": self.threads,
            "seconds": self.seconds,
            "flops": self.flops,
            "peak_flops": self.peak,
            "share_of_peak": self.share_of_peak,
            "phases": [vars(p) for p in self.phases],
        }

    def __str__(self) -> str:
        rows = [
            f"A step of {counted(self.rows, 'row')} takes {_time(self.seconds)} on {counted(self.threads, 'thread')}: "
            f"{self.flops / self.seconds / 1e9:.1f} GFLOP/s, {self.share_of_peak:.0%} of the peak "
            f"of {self.peak / 1e9:.0f} GFLOP/s.",
            "",
            f"{'phase':<16} {'space':<14} {'time':>10} {'share':>6} {'GFLOP/s':>8} {'of peak':>8} {'GB/s':>6}",
        ]
        for p in self.phases:
            speed, traffic = p.flops / max(p.seconds, 1e-12), p.bytes / max(p.seconds, 1e-12)
            rows.append(
                f"{p.name:<16} {p.space:<14} {_time(p.seconds):>10} {p.seconds / self.seconds:>6.1%} "
                f"{speed / 1e9:>8.1f} {speed / self.peak:>8.0%} {traffic / 1e9:>6.1f}"
            )
        waiting = sum(p.waiting for p in self.phases)
        rows.append(f"{'threads waiting':<31} {_time(waiting):>10} {waiting / self.seconds:>6.1%}")
        rows += ["", "GB/s: bytes that a phase moves, those in caches included."]
        return "\n".join(rows) + "\n"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def profile_step(steps: Steps, constants: Mapping[str, float], seconds: float = 0.3) -> Profile:
    """Run training steps for some time, count the cycles of each phase, and leave no trace.

    A step that is unrolled is one phase.
    """
    if fits(steps.program, steps.batch_size):
        return _unrolled(steps, constants, seconds)
    threads = _fastest(steps, constants, seconds / 3)
    run = _native(steps, threads=threads, timed=True)
    made, _ = _run(run, steps, constants, seconds / 3)
    run.ticks[:] = 0
    more, spent = _run(run, steps, constants, seconds, first=made)
    ticks = run.ticks[:threads].sum(axis=0) / threads
    schedule = run.code.schedule
    scale = spent / max(1.0, float(ticks.sum()))  # cycles to seconds; what lies between phases is spread over them
    phases = []
    for phase, (busy, waiting) in zip(schedule.phases, ticks / more, strict=True):
        own = phase_cost(phase, schedule.form, steps.batch_size)
        times = (float(busy) * scale, float(waiting) * scale)
        phases.append(PhaseTime(phase.name, show_shape(phase.body.space), *times, own.flops, own.bytes))
    flops, peak = sum(p.flops for p in phases), peak_flops(steps.precision, threads)
    return Profile(tuple(phases), spent / more, flops, steps.batch_size, threads, peak)


def _native(steps: Steps, **settings: Any) -> NativeRun:
    arguments = (steps.program, steps.precision, steps.data, steps.state)
    return NativeRun(*arguments, batch_size=steps.batch_size, **settings)


def _unrolled(steps: Steps, constants: Mapping[str, float], seconds: float) -> Profile:
    run = UnrolledRun(steps.program, steps.precision, steps.data, steps.state)
    made, _ = _run(run, steps, constants, seconds / 3)
    more, spent = _run(run, steps, constants, seconds, first=made)
    flops = cost(steps.program, {"B": steps.batch_size, "N": steps.rows}, steps.precision).flops
    phase = PhaseTime("unrolled step", show_shape(("B",)), spent / more, 0.0, flops, 0)
    return Profile((phase,), spent / more, flops, steps.batch_size, 1, peak_flops(steps.precision))


def _fastest(steps: Steps, constants: Mapping[str, float], seconds: float) -> int:
    """The number of threads that a run settles on."""
    run, made = _native(steps), 0
    while not run.pace.settled:
        made += _run(run, steps, constants, seconds / 10, first=made)[0]
    return run.pace.best


def _run(run: Run, steps: Steps, constants: Mapping[str, float], seconds: float, first: int = 0) -> tuple[int, float]:
    """Steps made in about ``seconds``, in slices of a few milliseconds, and how long they took."""
    batch_size = steps.batch_size
    order = np.random.default_rng(0).permutation(steps.rows)[: steps.rows // batch_size * batch_size]
    done, size = 0, 1
    start = perf_counter()
    while (before := perf_counter()) - start < seconds:
        part = order[: size * batch_size]
        run.advance(part, batch_size, first + done, constants)
        made = len(part) // batch_size
        done += made
        fitting = int(SLICE_SECONDS * made / (perf_counter() - before))
        size = max(1, min(2 * size, len(order) // batch_size, fitting))
    return done, perf_counter() - start
