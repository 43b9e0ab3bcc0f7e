"""Training steps on the reference engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import compile_program, prepare
from chainrule.engines.protocol import NonFiniteStep, Rows
from chainrule.program import Program


class NumpyRun:
    """A run of a step program on NumPy.

    Args:
        step: a program as :meth:`chainrule.nn.model.Model.step_program` makes it.
        precision: of its floats.
        data: what does not change, by name of the input: the rows of the table.
        state: what is carried from step to step, by name: ``new_v`` of one step is ``v`` of the next.
    """

    def __init__(
        self, step: Program, precision: str, data: Mapping[str, Any], state: Mapping[str, NDArray[Any]]
    ) -> None:
        self.program, self.precision = step, precision
        self.data, self.state = dict(data), dict(state)
        self._function: Callable[..., tuple[Any, ...]] = compile_program(step, precision)
        self.failed: dict[str, Any] | None = None
        """What the step that was not finite had read."""
        self._rate = float("nan")
        self._places = {var.name: place for place, var in enumerate(step.inputs)}
        labels = [label for label, _ in step.outputs]
        self._carried = [
            (labels.index(f"new_{name}"), self._places[name], name) for name in self.state if f"new_{name}" in labels
        ]

    def advance(self, batches: Sequence[Rows], first: int, constants: Mapping[str, float]) -> list[float]:
        """Make one step for each batch; see :class:`chainrule.engines.protocol.Run`."""
        arguments = self._arguments(batches[0], first, constants)
        rows, t, step = (self._places.get(name) for name in ("rows", "t", "step"))
        function, carried = self._function, self._carried
        losses: list[float] = []
        before = arguments
        with np.errstate(all="ignore"):
            for number, batch in enumerate(batches, first):
                if rows is not None:
                    arguments[rows] = batch
                if t is not None:
                    arguments[t] = number + 1.0
                if step is not None:
                    arguments[step] = number
                results = function(*arguments)
                loss = float(results[0])
                if not isfinite(loss):
                    self._stop(arguments, before, losses)
                losses.append(loss)
                before = arguments.copy()
                for source, place, _ in carried:
                    arguments[place] = results[source]
                self._rate = float(results[1])
        if not self._sound(arguments):
            self._stop(arguments, before, losses)
        self._keep(arguments)
        return losses

    def _sound(self, arguments: Sequence[Any]) -> bool:
        """Whether the parameters are finite."""
        return bool(np.isfinite(arguments[self._places["theta"]]).all())

    def _stop(self, arguments: Sequence[Any], before: Sequence[Any], losses: list[float]) -> NoReturn:
        """Go back to the last sound state: a finite loss may have led to an update that is not."""
        what = "a loss" if self._sound(arguments) else "an update"
        if what == "an update":
            arguments, losses = before, losses[:-1]
        self._keep(arguments)
        self.failed = dict(zip(self._places, arguments, strict=True))
        raise NonFiniteStep(len(losses), losses, what)

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._rate

    def _arguments(self, batch: Rows, number: int, constants: Mapping[str, float]) -> list[Any]:
        values = {**self.data, **self.state, **constants, "rows": batch, "t": number + 1.0, "step": number}
        return list(prepare(self.program, {k: values[k] for k in self._places}, self.precision).values())

    def _keep(self, arguments: Sequence[Any]) -> None:
        for _, place, name in self._carried:
            self.state[name] = arguments[place]
