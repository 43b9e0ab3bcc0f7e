"""Epochs, batches, stopping: how a run advances. No mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import NonFiniteStep, Rows, Run
from chainrule.errors import whole_number
from chainrule.show.numbers import counted
from chainrule.training.callbacks import Callback, Moment
from chainrule.training.checkpoint import Checkpoint, State
from chainrule.training.history import History
from chainrule.training.interrupt import Interrupt
from chainrule.training.stopping import Best

SLICE_SECONDS = 0.008
"""How long the engine works between two looks at callbacks and at Ctrl-C."""

START_ROWS = 32
"""Rows by whose losses it is told what training began from: fewer could be easy ones by chance."""

AfterEpoch = Callable[[float, Mapping[str, float]], Mapping[str, float]]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        rows: the number of training rows.
        epochs: how many times to go through them, after those of a run that goes on.
        batch_size: rows in a step.
        shuffle: ``True``: new batches every epoch; ``"once"``: batches drawn once and kept; ``False``: in order.
        seed: of the run's random streams.
        rng: the one for shuffling.
        monitor: the quantity by which epochs are compared: ``loss``, ``validation_loss`` or a metric.
        larger_is_better: whether that quantity should grow.
        min_delta: by how much an epoch must be better than all before it for patience to begin anew.
        patience: end after so many epochs without a better one; ``None``: never.
        restore_best: end with the state of the best epoch instead of the last; Ctrl-C always does.
        lasting: the names of what is kept of the best epoch: what outlives training.
        constants: what steps read besides data, state and the clock (``t``, ``S`` and ``T`` of a schedule).
        add_losses: whether the loss of an epoch is the sum of its batches' losses instead of their mean.
        weights: of the rows, where they differ.
    """

    rows: int
    epochs: int
    batch_size: int
    shuffle: bool | Literal["once"]
    seed: int
    rng: np.random.Generator
    monitor: str = "loss"
    larger_is_better: bool = False
    min_delta: float = 0.0
    patience: int | None = None
    restore_best: bool = False
    lasting: tuple[str, ...] = ("theta",)
    constants: Mapping[str, float] = field(default_factory=dict)
    add_losses: bool = False
    weights: NDArray[Any] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, the last one possibly short."""
        return -(-self.rows // self.batch_size)

    def to_json(self) -> dict[str, Any]:
        """What a person chose, as JSON can hold it."""
        chosen = ("rows", "epochs", "batch_size", "shuffle", "monitor", "patience")
        return {name: getattr(self, name) for name in chosen}

    def epoch_loss(self, losses: NDArray[np.float64], order: Rows) -> float:
        """The loss of an epoch from those of its batches: each counts as much as its rows do."""
        if self.add_losses:
            return float(losses.sum())
        starts = np.arange(0, self.rows, self.batch_size)
        weights = np.ones(self.rows) if self.weights is None else self.weights[order].astype(np.float64)
        return float(np.average(losses, weights=np.add.reduceat(weights, starts)))


class _Ended(Exception):  # noqa: N818 - not an error
    """Training ends before its last epoch; ``interrupted`` by Ctrl-C, or for a reason of its own."""

    def __init__(self, reason: str, *, interrupted: bool = False) -> None:
        super().__init__(reason)
        self.interrupted = interrupted


def train(
    run: Run,
    plan: Plan,
    evaluate: Callable[[State], Mapping[str, float]],
    after_epoch: AfterEpoch,
    callbacks: Sequence[Callback] = (),
    network: Any = None,
    settings: Mapping[str, Any] | None = None,
    before: History | None = None,
) -> History:
    """Advance ``run`` as planned.

    Args:
        run: what makes steps.
        plan: how many, in which order, until when.
        evaluate: further quantities of an epoch's end, from the run's state (``validation_loss``, metrics).
        after_epoch: from the validation loss, or the training loss where there is none, and the constants of this
            epoch, some of those for the next (a schedule that waits for a plateau).
        callbacks: watch and stop.
        network: what is trained, for callbacks to look at.
        settings: how it is trained, for callbacks to tell.
        before: the history of a run that is to go on; ``run``, ``plan.rng`` and ``plan.constants`` stand at its end.

    Raises:
        NonFiniteStep: when a loss is not finite, with the history so far in its ``history``.
        Exception: whatever a callback raises, with the history too.
    """
    about = {"network": network, "settings": settings or {}}
    return _Training(run, plan, evaluate, after_epoch, callbacks, about, before).run_all()


class _Training:
    """One call of :func:`train`."""

    def __init__(
        self,
        run: Run,
        plan: Plan,
        evaluate: Callable[[State], Mapping[str, float]],
        after_epoch: AfterEpoch,
        callbacks: Sequence[Callback],
        about: Mapping[str, Any],
        before: History | None,
    ) -> None:
        self.run, self.plan, self.evaluate, self.after_epoch = run, plan, evaluate, after_epoch
        self.callbacks, self.about = callbacks, about
        self.history = before.continued() if before else History(monitor=plan.monitor)
        self.last_epoch = len(self.history) + plan.epochs
        self.last_step = self.history.steps + plan.epochs * plan.steps_per_epoch
        self.best = Best(plan.larger_is_better, plan.min_delta)
        self.best_state: State = {}
        self.constants = {**plan.constants, "S": float(plan.steps_per_epoch), "T": float(self.last_step)}
        self.order: Rows | None = None
        if before and before.checkpoint:
            for epoch, value in enumerate(before.watched(plan.monitor), 1):
                self.best.see(epoch, value)
            self.best_state = before.checkpoint.best
            self.order = before.checkpoint.order if len(before.checkpoint.order) == plan.rows else None
        self.slice_steps = 1
        self.last_loss = float("nan")

    def run_all(self) -> History:
        started: list[Callback] = []
        epoch, restore = 0, self.plan.restore_best
        try:
            for callback in self.callbacks:
                callback.on_start(self.moment(0))
                started.append(callback)
            with Interrupt() as interrupt:
                for epoch in range(len(self.history) + 1, self.last_epoch + 1):
                    self.epoch(epoch, interrupt)
                self.history.stopped = f"{'all ' * (self.last_epoch != 1)}{counted(self.last_epoch, 'epoch')} done"
            self.history.checkpoint = self.checkpoint()
        except _Ended as ended:
            self.history.stopped = str(ended)
            self.history.interrupted = ended.interrupted
            self.history.checkpoint = self.checkpoint()
            restore = restore or ended.interrupted
        except NonFiniteStep as error:
            restore = False
            self.history.steps += error.position
            self.history.failed = True
            self.history.stopped = f"stopped at {error.what} that is not finite"
            error.history = self.history  # type: ignore[attr-defined]
            raise
        except Exception as error:  # of a callback
            restore = True
            self.history.failed, self.history.stopped = True, f"ended by an error in epoch {epoch}"
            error.history = self.history  # type: ignore[attr-defined]
            if self.best_state:
                error.add_note(f"Training ended. The network has the weights of epoch {self.history.best_epoch}.")
            raise
        finally:
            if restore and self.best_state:
                self.run.restore(self.best_state)
                self.history.restored = True
            with ExitStack() as ending:  # every one of them, even if one fails; the first comes first
                for callback in reversed(started):
                    ending.callback(callback.on_end, self.moment(epoch))
        return self.history

    def moment(self, epoch: int) -> Moment:
        history = self.history
        return Moment(epoch, self.last_epoch, history.steps, self.last_step, self.last_loss, history, **self.about)

    def checkpoint(self) -> Checkpoint:
        """Where the run stands."""
        return Checkpoint(
            state=dict(self.run.state),
            best=self.best_state,
            order=self.row_order() if self.plan.shuffle == "once" else np.arange(0),
            constants=dict(self.constants),
            shuffling=self.plan.rng.bit_generator.state,
            seed=self.plan.seed,
        )

    def epoch(self, epoch: int, interrupt: Interrupt) -> None:
        """One epoch: its batches in slices, then its line in the history."""
        start = perf_counter()
        size, steps = self.plan.batch_size, self.plan.steps_per_epoch
        order = self.row_order()
        losses = np.empty(steps)
        done = 0
        while done < steps:
            end = min(done + self.slice_steps, steps)
            before = perf_counter()
            losses[done:end] = self.run.advance(
                order[done * size : end * size], size, self.history.steps, self.constants
            )
            self.history.steps += end - done
            self.last_loss = float(losses[end - 1])
            spent = max(perf_counter() - before, 1e-9)
            self.slice_steps = max(1, min(2 * self.slice_steps, int(SLICE_SECONDS * (end - done) / spent)))
            done = end
            if any([callback.on_slice(self.moment(epoch)) for callback in self.callbacks]):
                raise _Ended(f"ended by a callback in epoch {epoch}")
            if interrupt.pressed:
                raise _Ended(f"interrupted in epoch {epoch}", interrupted=True)
        self.run.verify()
        if self.history.start is None:
            first = losses[: -(-START_ROWS // size)]
            self.history.start = float(first.max() * (steps if self.plan.add_losses else 1))
        self.record(self.plan.epoch_loss(losses, order), start)
        self.compare(epoch)
        if any([callback.on_epoch(self.moment(epoch)) for callback in self.callbacks]):
            raise _Ended(f"ended by a callback after epoch {epoch}")
        waited = epoch - self.best.renewed
        if self.plan.patience is not None and waited >= self.plan.patience:
            better = f"that was better by more than {self.plan.min_delta:g}" if self.plan.min_delta else ""
            which = f"the last one {better}" if better else "the best one"
            raise _Ended(f"stopped early after epoch {epoch}, {counted(waited, 'epoch')} after {which}")

    def row_order(self) -> Rows:
        """The row numbers of the epoch, batch after batch."""
        if self.plan.shuffle is True or self.order is None:
            rows = self.plan.rows
            self.order = self.plan.rng.permutation(rows) if self.plan.shuffle else np.arange(rows, dtype=np.int64)
        return self.order

    def record(self, loss: float, start: float) -> None:
        history = self.history
        values = dict(self.evaluate(self.run.state))
        history.loss.append(loss)
        if "validation_loss" in values:
            history.validation_loss.append(values.pop("validation_loss"))
        for name, value in values.items():
            history.metrics.setdefault(name, []).append(value)
        history.learning_rate.append(self.run.rate())
        history.seconds.append(perf_counter() - start)

    def compare(self, epoch: int) -> None:
        """Keep the state if the epoch is the best so far."""
        value = self.history.watched(self.plan.monitor)[-1]
        loss = (self.history.validation_loss or self.history.loss)[-1]
        self.constants |= self.after_epoch(loss, self.constants)
        if self.best.see(epoch, value):
            self.history.best_epoch = epoch
            self.best_state = {name: self.run.state[name] for name in self.plan.lasting}


def batch_rows(batch_size: int | str, rows: int) -> int:
    """The rows of a full batch: a number, or all for ``"all"``."""
    if batch_size == "all":
        return rows
    return min(whole_number("batch_size (or 'all')", batch_size, 1), rows)
