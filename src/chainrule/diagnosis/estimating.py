"""What a fit will take, before it starts: time from a few measured steps on copies, memory from what is laid out."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from chainrule.engines.choice import Engine, check_engine
from chainrule.engines.protocol import Run, Steps
from chainrule.errors import require, whole_number
from chainrule.optim import LBFGS, Optimizer
from chainrule.passes.cost import cost
from chainrule.running import clock, step_run, training_steps
from chainrule.show.numbers import bytes_text, counted, seconds_text
from chainrule.training import batch_rows

if TYPE_CHECKING:
    from chainrule.network import Network

PROBE_SECONDS: Final = 0.2
"""How long steps are measured, besides compiling them."""
FACTOR: Final = 2.0
"""How far off an estimate may be, either way: docs/diagnosis.md has the figures."""


@dataclass(frozen=True)
class Estimate:
    """What a fit will take; print it.

    Attributes:
        rows: of the data.
        epochs: how many times to go through them.
        batch_size: rows in a step.
        starting_seconds: until the first step, measured; a fit finds the machine code that the estimate compiled.
        step_seconds: of one step, measured.
        data_bytes: memory of the rows as the engine reads them, and of their order.
        state_bytes: memory of parameters and the optimiser's slots, with the copies that training keeps.
        working_bytes: memory of all that a step computes.
    """

    rows: int
    epochs: int
    batch_size: int
    starting_seconds: float
    step_seconds: float
    data_bytes: int
    state_bytes: int
    working_bytes: int

    @property
    def steps(self) -> int:
        """Updates in all."""
        return self.epochs * -(-self.rows // self.batch_size)

    @property
    def seconds(self) -> float:
        """About how long training will take, validation rows and callbacks not counted."""
        return self.starting_seconds + self.steps * self.step_seconds

    @property
    def bytes(self) -> int:
        """About how much memory training will take besides the arrays that you hold and the libraries themselves."""
        return self.data_bytes + self.state_bytes + self.working_bytes

    def to_json(self) -> dict[str, Any]:
        """All numbers, as JSON can hold them."""
        return {**vars(self), "steps": self.steps, "seconds": self.seconds, "bytes": self.bytes}

    def __str__(self) -> str:
        time, memory = seconds_text(self.seconds), bytes_text(self.bytes)
        parts = [bytes_text(part) for part in (self.data_bytes, self.state_bytes, self.working_bytes)]
        return (
            f"{counted(self.epochs, 'epoch')} of {counted(self.rows, 'row')} in batches of {self.batch_size} are "
            f"{counted(self.steps, 'step')}: about {time} and {memory} of memory.\n"
            f"Measured: {seconds_text(self.step_seconds)} a step, {seconds_text(self.starting_seconds)} until the "
            f"first; it may be off by a factor of {FACTOR:g}, by more on a machine that is busy.\n"
            f"Memory: {parts[0]} of rows, {parts[1]} of parameters and their copies, {parts[2]} for the step."
        )


def estimate(
    network: Network,
    X: Any,
    y: Any,
    *,
    rows: int | None,
    epochs: int,
    batch_size: int | Literal["all"],
    optimizer: Optimizer,
    engine: Engine,
) -> Estimate:
    """The arguments are those of :meth:`chainrule.Network.estimate`."""
    check_engine(engine)
    require(not isinstance(optimizer, LBFGS), "LBFGS has no step of a fixed length: its time cannot be told in advance")
    network = deepcopy(network)
    data = network.prepare(X, y)
    given = len(data["Y"])
    total = given if rows is None else whole_number("rows", rows, 1)
    epochs = whole_number("epochs", epochs, 1)
    require(batch_size != "all" or total == given, "batches of all rows are measured on all rows: leave rows out")
    size = batch_rows(batch_size, total)
    require(size <= given, f"a batch of {size} rows is measured on as many rows, but X has {given}")
    passes = ceil(epochs * total / given)
    step_run(training_steps(network, data, optimizer, size), engine, passes, None)  # compiled here, found by the fit
    start = perf_counter()
    steps = training_steps(network, data, optimizer, size)
    run = step_run(steps, engine, passes, None)
    starting = perf_counter() - start
    each = sum(a.nbytes for a in data.values()) / given + (8 if size < total else 0)
    copies = 2 + 3 * (1 + len(optimizer.slots))  # the network's own, the best; those of the run, its start and its copy
    return Estimate(
        total,
        epochs,
        size,
        starting,
        _step_seconds(run, steps),
        ceil(each * total),
        network.parameters.theta.nbytes * copies,
        _working_bytes(run, steps),
    )


def _step_seconds(run: Run, steps: Steps) -> float:
    """Seconds of a step, after the first ones, in which memory is touched and threads are started."""
    rows, size = steps.rows, steps.batch_size
    order = np.random.default_rng(0).permutation(rows)[: max(1, rows // size) * size]
    constants = clock(-(-rows // size))
    done, measured, spent = 0, 0, 0.0
    start = perf_counter()
    while not measured or perf_counter() - start < PROBE_SECONDS:
        before = perf_counter()
        run.advance(order, size, done, constants)
        if done:
            measured, spent = measured + len(order) // size, spent + perf_counter() - before
        done += len(order) // size
    return spent / measured


def _working_bytes(run: Run, steps: Steps) -> int:
    """What a step computes: the arena of machine code, or everything for the reference engine."""
    code = getattr(run, "code", None)
    if code is not None:
        return int(code.memory.bytes)
    return cost(steps.program, {"B": steps.batch_size, "N": steps.rows}, steps.precision).bytes
