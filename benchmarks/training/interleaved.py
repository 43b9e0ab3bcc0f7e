"""The run: all contestants of a workload in turn, several rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.training.contestants import OURS, PEAK
from benchmarks.training.problem import make_problem
from benchmarks.training.worker import Worker
from benchmarks.training.workloads import Workload

CHECK_BATCHES = 8
LONGEST_EPOCH = 0.4
"""Seconds; a contestant that would take longer for an epoch is given fewer rows."""
PAUSE = 0.05
"""Seconds between two turns, in which waiting threads of the one before go to sleep."""


@dataclass
class Entry:
    """What one contestant did, with one number of threads.

    Attributes:
        contestant: its name.
        threads: the cores that its process had.
        rows: rows in its epochs.
        flops: operations of an epoch.
        losses: of the first epochs of a short check.
        turns: seconds of each epoch, for each turn.
        memory: the most bytes that its process held.
        left_out: why it does not take part; empty if it does.
    """

    contestant: str
    threads: int
    rows: int = 0
    flops: float = 0.0
    losses: list[float] = field(default_factory=list)
    turns: list[list[float]] = field(default_factory=list)
    memory: int = 0
    left_out: str = ""

    @property
    def median(self) -> float:
        """Seconds of an epoch: the median over the turns of each turn's median."""
        return statistics.median(statistics.median(turn) for turn in self.turns)

    @property
    def fastest(self) -> float:
        """Seconds of the fastest epoch."""
        return min(map(min, self.turns))

    def row_time(self, seconds: float) -> float:
        """Microseconds of a row, given seconds of an epoch."""
        return 1e6 * seconds / self.rows

    def to_json(self) -> dict[str, Any]:
        """Everything that was measured."""
        if self.left_out:
            return {"contestant": self.contestant, "threads": self.threads, "left_out": self.left_out}
        raw = [{"median": statistics.median(t), "min": min(t), "epochs": len(t)} for t in self.turns]
        return {
            "contestant": self.contestant,
            "threads": self.threads,
            "rows": self.rows,
            "us_per_row": {"median": self.row_time(self.median), "min": self.row_time(self.fastest)},
            "gflops": self.flops / self.median / 1e9,
            "peak_memory_bytes": self.memory,
            "check_losses": self.losses,
            "epoch_seconds_by_turn": raw,
        }


@dataclass
class Result:
    """One workload's entries, in the order of the contestants."""

    workload: Workload
    entries: list[Entry]

    @property
    def taking_part(self) -> list[Entry]:
        """Those that trained."""
        return [e for e in self.entries if not e.left_out and e.contestant != PEAK]

    def peak(self, threads: int) -> float | None:
        """The measured peak of so many threads, the best of all turns, in GF/s."""
        for e in self.entries:
            if e.contestant == PEAK and e.threads == threads and e.turns:
                return e.flops / e.fastest / 1e9
        return None

    def best(self, contestant: str) -> Entry | None:
        """The contestant with the number of threads that suits it."""
        own = [e for e in self.taking_part if e.contestant == contestant]
        return min(own, key=lambda e: e.row_time(e.median), default=None)

    @property
    def ours(self) -> Entry | None:
        """What the others are compared with."""
        return next((e for e in map(self.best, OURS) if e), None)

    def disagreement(self) -> float:
        """The largest relative difference of a check's loss from the first contestant's."""
        losses = [e.losses for e in self.taking_part]
        pairs = [(a, b) for other in losses[1:] for a, b in zip(losses[0], other, strict=True)]
        return max((abs(a - b) / abs(a) for a, b in pairs), default=0.0)


def run(
    workload: Workload,
    contestants: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Result:
    """Measure a workload.

    Args:
        workload: what to train.
        contestants: names.
        threads: each contestant runs with each of these numbers.
        rounds: turns of each contestant.
        seconds: how long a turn lasts.
        say: told what happens.
    """
    entries = [Entry(name, count) for name in contestants for count in threads]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="chainrule-bench-")))
        workers = []
        for entry in entries:
            say(f"{workload.name}: {entry.contestant}, {entry.threads} threads")
            worker = Worker(entry.contestant, entry.threads)
            stack.callback(worker.close)
            _load(worker, entry, workload, folder)
            if entry.left_out:
                say(f"  left out: {entry.left_out}")
            else:
                workers.append((worker, entry))
        for number in range(rounds):
            say(f"{workload.name}: round {number + 1} of {rounds}")
            # A round begins where the one before had its second: each has each other before it.
            start = number % max(len(workers), 1)
            for worker, entry in workers[start:] + workers[:start]:
                time.sleep(PAUSE)
                entry.turns.append(worker.ask(do="turn", seconds=seconds)["seconds"])
        for worker, entry in workers:
            entry.memory = worker.ask(do="memory")["bytes"]
    return Result(workload, entries)


def short_rows(workload: Workload) -> int:
    """Rows of the short problem on which losses are compared: eight batches, or 64 rows."""
    return max(64, CHECK_BATCHES * workload.batch)


def _load(worker: Worker, entry: Entry, workload: Workload, folder: Path) -> None:
    """A short problem for the check of losses, then one whose epochs are not too long."""
    check_rows = short_rows(workload)
    checked = _ask_load(worker, workload, check_rows, folder)
    if "left_out" in checked:
        entry.left_out = checked["left_out"]
        return
    entry.losses = checked["losses"]
    rows = workload.rows
    if entry.contestant != PEAK:
        row_time = checked["seconds"][-1] / check_rows
        batches = max(1, int(LONGEST_EPOCH / row_time) // workload.batch)
        rows = min(rows, max(batches * workload.batch, check_rows))
    loaded = _ask_load(worker, workload, rows, folder)
    entry.rows, entry.flops = rows, loaded.get("flops", 0.0)
    entry.left_out = loaded.get("left_out", "")


def _ask_load(worker: Worker, workload: Workload, rows: int, folder: Path) -> dict[str, Any]:
    path = folder / f"{rows}.npz"
    if not path.exists():
        make_problem(workload, rows).save(path)
    return worker.ask(do="load", problem=str(path))
