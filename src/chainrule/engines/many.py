"""Several networks at once, each with a run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import NonFiniteStep, Rows, Run

State = Mapping[str, NDArray[Any]]


class SeparateRuns:
    """A run of several networks that have a run each.

    All see the same rows in the same order. One that fails stays as it was before its failing step, and disturbs no
    other; the run fails when there is no other. See :class:`chainrule.engines.protocol.Run`: arrays of the state have a
    leading axis for the networks, and losses the shape (steps, networks).

    Args:
        runs: of the networks.
        workers: how many runs advance at a time.
    """

    def __init__(self, runs: Sequence[Run], workers: int) -> None:
        self.program, self.precision = runs[0].program, runs[0].precision
        self.slice_factor = runs[0].slice_factor
        self.failed: dict[str, Any] | None = None
        self.predictions: NDArray[Any] | None = None
        self._runs = runs
        self._alive = [True] * len(runs)
        self._pool = ThreadPoolExecutor(min(workers, len(runs)), "chainrule-network")

    @property
    def state(self) -> State:
        """What is carried, with a leading axis for the networks."""
        states = [run.state for run in self._runs]
        return {name: np.stack([state[name] for state in states]) for name in states[0]}

    def restore(self, state: State) -> None:
        """Go back to a state that was read."""
        for k, run in enumerate(self._runs):
            run.restore({name: a[k] for name, a in state.items()})

    def load(self, data: State) -> None:
        """Read other rows from now on."""
        for run in self._runs:
            run.load(data)

    def verify(self) -> None:
        """Each run looks at its own parameters."""

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._runs[0].rate()

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make the steps with every network that has not failed; the losses of one that has are undefined."""
        failed: dict[int, int] = {}

        def one(k: int) -> NDArray[np.float64]:
            if self._alive[k]:
                try:
                    return self._runs[k].advance(order, batch_size, first, constants)
                except NonFiniteStep as error:
                    self._alive[k], failed[k] = False, error.position
            return np.full(-(-len(order) // batch_size), np.nan)

        losses = np.stack(list(self._pool.map(one, range(len(self._runs)))), axis=1)
        if not any(self._alive):
            raise NonFiniteStep(max(failed.values(), default=0))
        return losses


def each_network(state: State) -> list[dict[str, NDArray[Any]]]:
    """The states of several networks, one by one."""
    count = len(next(iter(state.values())))
    return [{name: a[k] for name, a in state.items()} for k in range(count)]
