"""The same steps here: by the printed text of a step, by the native engine, and by twins whose rounding differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.comparing.definitions import Definition
from chainrule.comparing.task import Array, LeftOut, Task
from chainrule.engines.protocol import Steps
from chainrule.errors import EngineError, NonFiniteError
from chainrule.running import clock

CONSTANTS: Final = clock(1)
"""What steps may read besides data and state; with a constant learning rate and without dropout, none counts."""


class Printed:
    """The text that ``net.program("step")`` prints, executed by NumPy: what the others are compared with."""

    definitions: Sequence[Definition] = ()

    def __init__(self, task: Task) -> None:
        self.name = "chainrule, printed text"
        self.task = self.theirs = task
        self.program = task.network.program("step", optimizer=task.optimizer)
        self.state = _start(task)
        self.data = {f"all_{task.network.model.inputs[0][0]}": task.X, "all_Y": task.Y}
        self.steps = 0

    def step(self, rows: NDArray[Any]) -> float:
        """One call of the program."""
        values = {**self.data, **self.state, **CONSTANTS, "rows": rows, "step": self.steps, "t": self.steps + 1.0}
        given = {v.name: values[v.name] for v in self.program.inputs}
        after = self.program(dtype=self.task.network.dtype, **given)
        self.state = {name: after.get(f"new_{name}", value) for name, value in self.state.items()}
        self.steps += 1
        if not (np.isfinite(after["L"]) and np.isfinite(self.state["theta"]).all()):
            raise NonFiniteError(f"step {self.steps} leads to values that are not finite: try a smaller learning rate")
        return float(after["L"])

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters."""
        return _named(self.task, self.state["theta"])


class Twin(Printed):
    """The same steps with other rounding: the rows of each batch in another order, each parameter off by one unit."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(task)
        self.rng = np.random.default_rng(seed)
        self.unit = np.finfo(task.network.dtype).eps

    def step(self, rows: NDArray[Any]) -> float:
        """One step, then a rounding error in each parameter."""
        loss = super().step(self.rng.permutation(rows))
        theta = self.state["theta"]
        self.state["theta"] = theta * (1 + self.unit * self.rng.choice([-1, 1], theta.shape)).astype(theta.dtype)
        return loss


class Native:
    """The native engine, one slice of a single step at a time."""

    definitions: Sequence[Definition] = ()

    def __init__(self, task: Task) -> None:
        from chainrule.engines.native import native_run

        self.name = "chainrule, native engine"
        self.task = self.theirs = task
        program = task.network.model.step_program(task.optimizer)
        data = {f"all_{task.network.model.inputs[0][0]}": task.X, "all_Y": task.Y}
        try:
            self.run = native_run(Steps(program, task.network.dtype, data, _start(task), task.rows))
        except EngineError as error:
            raise LeftOut(str(error)) from None
        self.steps = 0

    def step(self, rows: NDArray[Any]) -> float:
        """One step."""
        losses = self.run.advance(np.asarray(rows, np.int64), len(rows), self.steps, CONSTANTS)
        self.steps += 1
        return float(losses[0])

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters."""
        return _named(self.task, self.run.state["theta"])


def _start(task: Task) -> dict[str, Array]:
    """What is carried from step to step, before the first."""
    theta = task.network.parameters.theta
    slots = {name: np.zeros_like(theta) for name in task.optimizer.slots}
    return {"theta": theta.copy(), **slots, **{name: a.copy() for name, a in task.network.states.items()}}


def _named(task: Task, theta: Array) -> dict[str, Array]:
    return {name: a.copy() for name, a in task.network.parameters.views_of(theta).items()}
