"""Training steps on the reference engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import compile_program, prepare
from chainrule.engines.protocol import NonFiniteStep, Rows, batches
from chainrule.program import Program


class NumpyRun:
    """A run of a step program on NumPy; see :class:`chainrule.engines.protocol.Run`."""

    slice_factor = 1.0

    def __init__(
        self, step: Program, precision: str, data: Mapping[str, Any], state: Mapping[str, NDArray[Any]]
    ) -> None:
        self.program, self.precision = step, precision
        self.data = dict(data)
        self.state: dict[str, NDArray[Any]] = dict(state)
        self._function: Callable[..., tuple[Any, ...]] = compile_program(step, precision)
        self.failed: dict[str, Any] | None = None
        """What the step that was not finite had read."""
        self.predictions: NDArray[Any] | None = None
        self._rate = float("nan")
        self._places = {var.name: place for place, var in enumerate(step.inputs)}
        labels = [label for label, _ in step.outputs]
        self._new_theta = labels.index("new_theta")
        self._prediction = labels.index("prediction") if "prediction" in labels else None
        self._carried = [
            (labels.index(f"new_{name}"), self._places[name], name) for name in self.state if f"new_{name}" in labels
        ]

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state that was read, or to a part of it."""
        self.state |= state

    def load(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Read other rows from now on."""
        self.data = dict(data)

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch of ``order``; see :class:`chainrule.engines.protocol.Run`."""
        start = dict(self.state)
        try:
            return self._advance(batches(order, batch_size), first, constants, careful=False)
        except NonFiniteStep:
            # A loss may be finite and its update not, and further steps may hide it: go through the slice again,
            # with a look at the parameters after each step, to find the first one whatever the slice was.
            self.state = start
            return self._advance(batches(order, batch_size), first, constants, careful=True)

    def _advance(
        self, steps: list[Rows], first: int, constants: Mapping[str, float], *, careful: bool
    ) -> NDArray[np.float64]:
        arguments = self._arguments(steps[0], first, constants)
        rows, t, step = (self._places.get(name) for name in ("rows", "t", "step"))
        theta, function, carried = self._new_theta, self._function, self._carried
        losses: list[float] = []
        predictions: list[NDArray[Any]] = []
        results: tuple[Any, ...] = ()
        with np.errstate(all="ignore"):
            for number, batch in enumerate(steps, first):
                if rows is not None:
                    arguments[rows] = batch
                if t is not None:
                    arguments[t] = number + 1.0
                if step is not None:
                    arguments[step] = number
                results = function(*arguments)
                loss = float(results[0])
                sound = isfinite(loss)
                if not sound or (careful and not np.isfinite(results[theta]).all()):
                    self._keep(arguments)
                    self.failed = dict(zip(self._places, arguments, strict=True))
                    raise NonFiniteStep(len(losses), losses, "an update" if sound else "a loss")
                losses.append(loss)
                if self._prediction is not None:
                    predictions.append(results[self._prediction])
                for source, place, _ in carried:
                    arguments[place] = results[source]
                self._rate = float(results[1])
        if not np.isfinite(results[theta]).all():
            raise NonFiniteStep(len(losses), losses, "an update")
        self._keep(arguments)
        if predictions:
            self.predictions = np.concatenate(predictions)
        return np.array(losses)

    def verify(self) -> None:
        """Nothing is left to look at: ``advance`` has."""

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._rate

    def _arguments(self, batch: Rows, number: int, constants: Mapping[str, float]) -> list[Any]:
        values = {**self.data, **self.state, **constants, "rows": batch, "t": number + 1.0, "step": number}
        return list(prepare(self.program, {k: values[k] for k in self._places}, self.precision).values())

    def _keep(self, arguments: list[Any]) -> None:
        for _, place, name in self._carried:
            self.state[name] = arguments[place]
