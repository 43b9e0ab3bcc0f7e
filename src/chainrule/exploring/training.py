"""Training of many networks at once: starting points, learning rates, or both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.choice import Engine
from chainrule.engines.protocol import NonFiniteStep, Rows, Run, Steps
from chainrule.errors import ArgumentError, NonFiniteError, require, whole_number
from chainrule.exploring.exploration import Exploration
from chainrule.expression import Expression, symbol
from chainrule.optim import LBFGS, SGD, Optimizer, Slots
from chainrule.running import Data, clock, many_run, training_steps
from chainrule.schedules import plateau_of
from chainrule.show.numbers import counted
from chainrule.training import Interrupt, batch_rows, mean_loss
from chainrule.training.loop import SLICE_SECONDS
from chainrule.training.windows import rows_of_batches

if TYPE_CHECKING:
    from chainrule.network.computing import Computing

MOST_LOSSES = 1 << 20
"""Losses of a slice, of all networks, at most: they take 8 MB."""

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class OwnRates(Optimizer):
    """Another optimiser, its rate times ``rate_factor``, a number that each network carries along.

    So networks with rates of their own share one program.
    """

    of: Optimizer = field(default_factory=SGD)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the other optimiser."""
        return self.of.slots

    def step(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """The other optimiser's step at the network's own rate."""
        return self.of.step(theta, g, slots, lr * symbol("rate_factor", role="state"), t)


def explore(
    network: Computing,
    X: Any,
    y: Any,
    *,
    seeds: Sequence[int],
    thetas: NDArray[Any],
    rates: Sequence[float] | None,
    epochs: int,
    batch_size: int | Literal["all"],
    optimizer: Optimizer,
    shuffle: bool,
    streams: Mapping[str, np.random.Generator],
    engine: Engine,
    validation: tuple[Any, Any] | None,
) -> Exploration:
    """Train from each row of ``thetas``, whose seeds are ``seeds``, with each rate, or the optimiser's own.

    Other arguments are those of :meth:`chainrule.network.Network.explore`.
    """
    require(not isinstance(optimizer, LBFGS), "LBFGS searches along a line: explore with another optimizer")
    require(
        plateau_of(optimizer.schedule) is None, "ReduceOnPlateau follows one network: explore with another schedule"
    )
    require(shuffle in (True, False), f"shuffle must be True or False, not {shuffle!r}")
    epochs = whole_number("epochs", epochs, 1)
    data = network.prepare(X, y)
    held = None if validation is None else network.prepare(*validation)
    rate = optimizer.schedule.lr
    grid = np.repeat([rate] if rates is None else _checked(rates), len(seeds))
    tried = optimizer if rates is None else OwnRates(optimizer.lr, of=optimizer)
    steps = _steps(network, data, tried, batch_rows(batch_size, len(data["Y"])), thetas, grid / rate)
    run = many_run(steps, engine, epochs)
    start = perf_counter()
    add = network.loss_function.reduction == "sum"
    losses = np.array([_mean(epoch, steps, add) for epoch in _epochs(run, steps, epochs, shuffle, streams)])
    seconds = perf_counter() - start
    if not len(losses):
        raise KeyboardInterrupt("interrupted before the first epoch was finished: the network is as it was")
    scores = _scores(network, run.state, losses, held)
    require(bool(np.isfinite(scores).any()), "no network has a finite loss: try a smaller learning rate")
    best = int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))
    _take(network, run.state, best)
    whole = f"{counted(epochs, 'epoch')} done"
    stopped = whole if len(losses) == epochs else f"interrupted in epoch {len(losses) + 1}"
    watched = "training loss" if held is None else "validation loss"
    every = np.tile(np.array(seeds, np.int64), len(grid) // len(seeds))
    return Exploration(losses, scores, every, grid, best, watched, seconds, stopped)


def _checked(rates: Sequence[float]) -> NDArray[np.float64]:
    """The learning rates as numbers."""
    try:
        grid = np.asarray(rates, np.float64)
    except (TypeError, ValueError):
        grid = np.empty(0)
    if grid.ndim != 1 or not len(grid) or not (np.isfinite(grid) & (grid > 0)).all():
        raise ArgumentError(f"lr lists learning rates above 0, as in lr=[0.001, 0.01], not {rates!r:.60}")
    require(len(set(grid.tolist())) == len(grid), "lr lists a learning rate twice: name each once")
    return grid


def _steps(
    network: Computing,
    data: Data,
    optimizer: Optimizer,
    batch_size: int,
    thetas: NDArray[Any],
    factors: NDArray[np.float64],
) -> Steps:
    """The steps of all networks: each array of the state has a leading axis for them."""
    one = training_steps(network, data, optimizer, batch_size)
    count = len(factors)
    state = {name: np.repeat(a[None], count, axis=0) for name, a in one.state.items()}
    state["theta"] = np.tile(thetas, (count // len(thetas), 1))
    if isinstance(optimizer, OwnRates):
        with np.errstate(over="ignore"):  # such a rate is infinite, and its networks soon are not finite
            state["rate_factor"] = factors.astype(network.dtype)
    return replace(one, state=state)


def _epochs(
    run: Run, steps: Steps, epochs: int, shuffle: bool, streams: Mapping[str, np.random.Generator]
) -> Iterator[NDArray[np.float64]]:
    """For each epoch the losses of its steps, shape (steps, networks); fewer epochs where it is interrupted.

    Short epochs are made several at a time, as long as all their batches are full.
    """
    per_epoch = -(-steps.rows // steps.batch_size)
    constants = clock(per_epoch, epochs * per_epoch, int(streams["dropout"].integers(2**32)))
    even, drawn = steps.rows % steps.batch_size == 0, shuffle and steps.batch_size < steps.rows
    made, width = 0, 1
    with Interrupt() as interrupt:
        while made < epochs and not interrupt.pressed:
            count = min(epochs - made, max(1, width // per_epoch)) if even else 1
            orders = [_order(steps.rows, streams["shuffling"] if drawn else None) for _ in range(count)]
            slices = _Slices(run, steps.batch_size, constants, width)
            try:
                losses = slices.advance(np.concatenate(orders), made * per_epoch, interrupt)
            except NonFiniteStep as error:
                raise NonFiniteError(
                    f"no network has a finite loss in epoch {error.position // per_epoch + 1}: try a smaller learning "
                    "rate, or look for extreme values in the data"
                ) from None
            yield from losses[: len(losses) // per_epoch * per_epoch].reshape(-1, per_epoch, losses.shape[1])
            made, width = made + count, slices.width


def _order(rows: int, rng: np.random.Generator | None) -> Rows:
    return np.arange(rows, dtype=np.int64) if rng is None else rng.permutation(rows)


@dataclass
class _Slices:
    """Makes steps in slices of about :data:`SLICE_SECONDS`; ``width`` is how many steps the next one has."""

    run: Run
    batch_size: int
    constants: Mapping[str, float]
    width: int

    def advance(self, order: Rows, first: int, interrupt: Interrupt) -> NDArray[np.float64]:
        """The losses of the steps, shape (steps, networks); fewer steps if it was interrupted.

        Raises:
            NonFiniteStep: with the number of the step in the whole run.
        """
        parts: list[NDArray[np.float64]] = []
        done, total = 0, -(-len(order) // self.batch_size)
        while done < total:
            before = perf_counter()
            part = order[done * self.batch_size : (done + self.width) * self.batch_size]
            try:
                parts.append(self.run.advance(part, self.batch_size, first + done, self.constants))
            except NonFiniteStep as error:
                raise NonFiniteStep(first + done + error.position) from None
            done += len(parts[-1])
            spent = max(perf_counter() - before, 1e-9)
            most = min(2 * self.width, MOST_LOSSES // parts[-1].shape[1])
            self.width = max(1, min(most, int(SLICE_SECONDS * self.run.slice_factor * len(parts[-1]) / spent)))
            if interrupt.pressed:
                break
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _mean(losses: NDArray[np.float64], steps: Steps, add: bool) -> NDArray[np.float64]:
    """The loss of an epoch of each network: of all its rows, though its last batch may be short."""
    each = np.ascontiguousarray(losses.T)  # so that NumPy adds them up as it does those of one network
    if add:
        return np.asarray(each.sum(axis=1))
    return mean_loss(each, rows_of_batches(steps.rows, steps.batch_size))


def _scores(network: Computing, state: State, losses: NDArray[np.float64], held: Data | None) -> NDArray[np.float64]:
    """What networks are compared by; undefined where a loss or the last update was not finite.

    Of those that were not finite for a while alone, some engines go on with them and others do not.
    """
    sound = np.isfinite(losses).all(axis=0) & np.isfinite(state["theta"]).all(axis=1)
    last = np.where(sound, losses[-1], np.nan)
    if held is None:
        return last
    scores = np.empty(len(last))
    before = {"theta": network.parameters.theta.copy(), **{name: a.copy() for name, a in network.states.items()}}
    try:
        for k in range(len(last)):
            _take(network, state, k)
            scores[k] = network.loss_prepared(held) if np.isfinite(last[k]) else np.nan
    finally:
        _take(network, {name: a[None] for name, a in before.items()}, 0)
    return scores


def _take(network: Computing, state: State, number: int) -> None:
    """Give the network the parameters and running states of one of those."""
    network.parameters.theta[:] = state["theta"][number]
    for name in network.states:
        network.states[name][...] = state[name][number]
