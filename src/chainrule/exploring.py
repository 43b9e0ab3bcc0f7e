"""Training from many starting points at once, to keep the best and to see how much the start matters."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.target import cores
from chainrule.engines.protocol import NonFiniteStep, Rows, Run
from chainrule.errors import NonFiniteError, require, whole_number
from chainrule.fitting import Steps, training_steps
from chainrule.optim import LBFGS, Optimizer
from chainrule.schedules import plateau_of
from chainrule.training import batch_rows
from chainrule.training.interrupt import Interrupt
from chainrule.training.loop import SLICE_SECONDS

if TYPE_CHECKING:
    from chainrule.network import Network

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Exploration:
    """What became of each starting point.

    Attributes:
        losses: the training loss of each epoch from each start, shape (epochs, starts).
        scores: by which starts are compared: the validation loss at the end where there are validation rows, else the
            training loss of the last epoch; infinite or undefined where training failed.
        best: the number of the best start, whose parameters the network has now.
        seconds: of training, all starts together.
        stopped: why training ended, in words.
    """

    losses: NDArray[np.float64]
    scores: NDArray[np.float64]
    best: int
    seconds: float
    stopped: str

    def __str__(self) -> str:
        finite = self.scores[np.isfinite(self.scores)]
        low, middle, high = (float(q) for q in np.quantile(finite, (0, 0.5, 1)))
        failed = len(self.scores) - len(finite)
        lost = f"; {failed} of them did not stay finite" if failed else ""
        return (
            f"{self.stopped}; {len(self.scores)} starting points: best loss {low:.4g} (number {self.best}), "
            f"median {middle:.4g}, worst {high:.4g}{lost}."
        )


def explore(
    network: Network,
    X: Any,
    y: Any,
    *,
    thetas: NDArray[Any],
    epochs: int,
    batch_size: int | Literal["all"],
    optimizer: Optimizer,
    shuffle: bool,
    streams: Mapping[str, np.random.Generator],
    validation: tuple[Any, Any] | None,
) -> Exploration:
    """Train from each row of ``thetas``; other arguments are those of :meth:`chainrule.network.Network.explore`."""
    require(not isinstance(optimizer, LBFGS), "LBFGS searches along a line: explore with another optimizer")
    require(
        plateau_of(optimizer.schedule) is None, "ReduceOnPlateau follows one network: explore with another schedule"
    )
    data = network.prepare(X, y)
    held = None if validation is None else network.prepare(*validation)
    rows = len(data["Y"])
    size = batch_rows(batch_size, rows)
    steps = training_steps(network, data, optimizer, size)
    run = _many_run(steps, network.dtype, thetas, size)
    per_epoch = -(-rows // size)
    constants = {"plateau_factor": 1.0, "key": float(streams["dropout"].integers(2**32))}
    constants |= {"S": float(per_epoch), "T": float(whole_number("epochs", epochs, 1) * per_epoch)}
    order: Rows = np.arange(rows, dtype=np.int64)
    weights = np.full(per_epoch, size)
    weights[-1] = rows - (per_epoch - 1) * size
    add = network.loss_function.reduction == "sum"
    history: list[NDArray[np.float64]] = []
    stopped = f"all {epochs} epochs done"
    start = perf_counter()
    with Interrupt() as interrupt:
        for epoch in range(epochs):
            if shuffle and size < rows:
                order = streams["shuffling"].permutation(rows)
            try:
                losses = _epoch(run, order, size, epoch * per_epoch, constants, interrupt)
            except NonFiniteStep:
                raise NonFiniteError(
                    f"no starting point has a finite loss in epoch {epoch + 1}: try a smaller learning rate, or look "
                    "for extreme values in the data"
                ) from None
            if losses is None:
                stopped = f"interrupted in epoch {epoch + 1}"
                break
            history.append(losses.sum(axis=0) if add else np.average(losses, axis=0, weights=weights))
    seconds = perf_counter() - start
    require(len(history) > 0, "interrupted before the first epoch was finished: the network is as it was")
    scores = _scores(network, run.state, history[-1], held)
    require(bool(np.isfinite(scores).any()), "no starting point has a finite loss: try a smaller learning rate")
    best = int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))
    _take(network, run.state, best)
    return Exploration(np.array(history), scores, best, seconds, stopped)


def _epoch(
    run: Run, order: Rows, batch_size: int, first: int, constants: Mapping[str, float], interrupt: Interrupt
) -> NDArray[np.float64] | None:
    """The losses of an epoch's steps, shape (steps, starts); ``None`` if it was interrupted."""
    parts: list[NDArray[np.float64]] = []
    done, width = 0, 1
    total = -(-len(order) // batch_size)
    while done < total:
        before = perf_counter()
        part = order[done * batch_size : (done + width) * batch_size]
        parts.append(run.advance(part, batch_size, first + done, constants))
        done += len(parts[-1])
        spent = max(perf_counter() - before, 1e-9)
        width = max(1, min(2 * width, int(SLICE_SECONDS * len(parts[-1]) / spent)))
        if interrupt.pressed:
            return None
    return np.concatenate(parts)


def _many_run(steps: Steps, precision: str, thetas: NDArray[Any], batch_size: int) -> Run:
    """Tiny networks side by side in registers, others one a thread."""
    from chainrule.engines.native.unrolled import ManyRun, fits

    count = len(thetas)
    state = {name: np.repeat(a[None], count, axis=0) for name, a in steps.state.items()} | {"theta": thetas}
    if fits(steps.program, batch_size):
        return ManyRun(steps.program, precision, steps.data, state)
    return _ThreadedRuns(steps, precision, state, batch_size)


class _ThreadedRuns:
    """Networks too large for a register's lane: each has a run of its own, as many at a time as there are cores."""

    def __init__(self, steps: Steps, precision: str, state: State, batch_size: int) -> None:
        from chainrule.engines.native.run import NativeRun

        self.program, self.precision = steps.program, precision
        self.failed: dict[str, Any] | None = None
        count = len(state["theta"])
        starts = [{name: a[k] for name, a in state.items()} for k in range(count)]
        first = NativeRun(steps.program, precision, steps.data, starts[0], batch_size=batch_size, threads=1)
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


def _scores(
    network: Network, state: State, last: NDArray[np.float64], held: Mapping[str, NDArray[Any]] | None
) -> NDArray[np.float64]:
    if held is None:
        return last
    inputs = {name: a for name, a in held.items() if name != "Y"}
    scores = np.empty(len(last))
    before = {"theta": network.parameters.theta.copy(), **{name: a.copy() for name, a in network.states.items()}}
    try:
        for k in range(len(last)):
            _take(network, state, k)
            scores[k] = network.loss(inputs, held["Y"]) if np.isfinite(last[k]) else np.nan
    finally:
        _take(network, {name: a[None] for name, a in before.items()}, 0)
    return scores


def _take(network: Network, state: State, number: int) -> None:
    """Give the network the parameters and running states of one start."""
    network.parameters.theta[:] = state["theta"][number]
    for name in network.states:
        network.states[name][...] = state[name][number]
