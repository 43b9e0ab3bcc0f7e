"""Training from many starting points at once, to keep the best and to see how much the start matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native import many_run
from chainrule.engines.protocol import NonFiniteStep, Rows, Run, Steps
from chainrule.errors import NonFiniteError, require, whole_number
from chainrule.optim import LBFGS, Optimizer
from chainrule.running import clock, training_steps
from chainrule.schedules import plateau_of
from chainrule.show.numbers import counted
from chainrule.training import batch_rows
from chainrule.training.interrupt import Interrupt
from chainrule.training.loop import SLICE_SECONDS

if TYPE_CHECKING:
    from chainrule.network.computing import Computing

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
            f"{self.stopped}; {counted(len(self.scores), 'starting point')}: best loss {low:.4g} (number {self.best}), "
            f"median {middle:.4g}, worst {high:.4g}{lost}."
        )


def explore(
    network: Computing,
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
    epochs = whole_number("epochs", epochs, 1)
    data = network.prepare(X, y)
    held = None if validation is None else network.prepare(*validation)
    one = training_steps(network, data, optimizer, batch_rows(batch_size, len(data["Y"])))
    state = {name: np.repeat(a[None], len(thetas), axis=0) for name, a in one.state.items()} | {"theta": thetas}
    steps = replace(one, state=state)
    run = many_run(steps)
    start = perf_counter()
    add = network.loss_function.reduction == "sum"
    losses = [_mean(epoch, steps, add) for epoch in _epochs(run, steps, epochs, shuffle, streams)]
    seconds = perf_counter() - start
    require(len(losses) > 0, "interrupted before the first epoch was finished: the network is as it was")
    scores = _scores(network, run.state, losses[-1], held)
    require(bool(np.isfinite(scores).any()), "no starting point has a finite loss: try a smaller learning rate")
    best = int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))
    _take(network, run.state, best)
    whole = f"{counted(epochs, 'epoch')} done"
    stopped = whole if len(losses) == epochs else f"interrupted in epoch {len(losses) + 1}"
    return Exploration(np.array(losses), scores, best, seconds, stopped)


def _epochs(
    run: Run, steps: Steps, epochs: int, shuffle: bool, streams: Mapping[str, np.random.Generator]
) -> Iterator[NDArray[np.float64]]:
    """For each epoch the losses of its steps, shape (steps, starts); fewer epochs where it is interrupted."""
    per_epoch = -(-steps.rows // steps.batch_size)
    constants = clock(per_epoch, epochs * per_epoch, int(streams["dropout"].integers(2**32)))
    order: Rows = np.arange(steps.rows, dtype=np.int64)
    with Interrupt() as interrupt:
        for epoch in range(epochs):
            if shuffle and steps.batch_size < steps.rows:
                order = streams["shuffling"].permutation(steps.rows)
            try:
                losses = _epoch(run, order, steps.batch_size, epoch * per_epoch, constants, interrupt)
            except NonFiniteStep:
                raise NonFiniteError(
                    f"no starting point has a finite loss in epoch {epoch + 1}: try a smaller learning rate, or look "
                    "for extreme values in the data"
                ) from None
            if losses is None:
                break
            yield losses


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


def _mean(losses: NDArray[np.float64], steps: Steps, add: bool) -> NDArray[np.float64]:
    """The loss of an epoch from each start: of all its rows, though its last batch may be short."""
    if add:
        return np.asarray(losses.sum(axis=0))
    weights = np.full(len(losses), steps.batch_size)
    weights[-1] = steps.rows - (len(weights) - 1) * steps.batch_size
    return np.average(losses, axis=0, weights=weights)


def _scores(
    network: Computing, state: State, last: NDArray[np.float64], held: Mapping[str, NDArray[Any]] | None
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


def _take(network: Computing, state: State, number: int) -> None:
    """Give the network the parameters and running states of one start."""
    network.parameters.theta[:] = state["theta"][number]
    for name in network.states:
        network.states[name][...] = state[name][number]
