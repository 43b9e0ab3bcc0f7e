"""Runs of several networks that are too large to lie side by side in registers."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.run import NativeRun, State
from chainrule.engines.native.target import cores
from chainrule.engines.protocol import NonFiniteStep, Rows, Steps


class ThreadedRuns:
    """Networks too large for a register's lane: each has a run of its own, as many at a time as there are cores."""

    def __init__(self, steps: Steps) -> None:
        self.program, self.precision = steps.program, steps.precision
        self.failed: dict[str, Any] | None = None
        count = len(steps.state["theta"])
        starts = [{name: a[k] for name, a in steps.state.items()} for k in range(count)]
        arguments = (steps.program, steps.precision, steps.data, starts[0])
        first = NativeRun(*arguments, batch_size=steps.batch_size, threads=1)
        self._runs = [first, *(first.twin(start) for start in starts[1:])]
        self._alive = [True] * count
        self._pool = ThreadPoolExecutor(min(cores(), count))

    @property
    def state(self) -> State:
        """What is carried, with a leading axis for the networks."""
        return {name: np.stack([run.state[name] for run in self._runs]) for name in self._runs[0].state}

    def restore(self, state: State) -> None:
        """Go back to a state that was read."""
        for k, run in enumerate(self._runs):
            run.restore({name: a[k] for name, a in state.items()})

    def verify(self) -> None:
        """Each run looks at its own parameters."""

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._runs[0].rate()

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make the steps with every network; one that fails stays as it was before its failing step."""

        def one(k: int) -> NDArray[np.float64]:
            if self._alive[k]:
                try:
                    return self._runs[k].advance(order, batch_size, first, constants)
                except NonFiniteStep:
                    self._alive[k] = False
            return np.full(-(-len(order) // batch_size), np.nan)

        losses = np.stack(list(self._pool.map(one, range(len(self._runs)))), axis=1)
        if not any(self._alive):
            raise NonFiniteStep(0)
        return losses
