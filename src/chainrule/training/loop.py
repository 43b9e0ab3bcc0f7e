"""Epochs, batches, stopping: how a run advances. No mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from chainrule.engines.jax.processes import largest, of_first
from chainrule.engines.protocol import NonFiniteStep, Run
from chainrule.errors import require
from chainrule.show.numbers import counted
from chainrule.training.callbacks import Callback, Moment
from chainrule.training.checkpoint import Checkpoint, State
from chainrule.training.history import History
from chainrule.training.interrupt import Interrupt
from chainrule.training.keeping import Keeper
from chainrule.training.plan import Plan
from chainrule.training.stopping import Best
from chainrule.training.windows import Window

SLICE_SECONDS = 0.02
"""How long the engine works between two looks at callbacks and at Ctrl-C, times the run's own factor."""

START_ROWS = 32
"""Rows by whose losses it is told what training began from: fewer could be easy ones by chance."""

AfterEpoch = Callable[[float, Mapping[str, float]], Mapping[str, float]]


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
    keeper: Keeper | None = None,
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
        before: the history of a run that is to go on; ``run``, ``plan.rng`` and ``plan.constants`` stand where its
            checkpoint does.
        keeper: writes checkpoints.

    Raises:
        NonFiniteStep: when a loss is not finite, with the history so far in its ``history``.
        Exception: whatever a callback raises, with the history too.
    """
    about = {"network": network, "settings": settings or {}}
    return _Training(run, plan, evaluate, after_epoch, callbacks, about, before, keeper).run_all()


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
        keeper: Keeper | None,
    ) -> None:
        self.run, self.plan, self.evaluate, self.after_epoch = run, plan, evaluate, after_epoch
        self.callbacks, self.about, self.keeper = callbacks, about, keeper
        self.history = before.continued() if before else History(monitor=plan.monitor)
        self.last_epoch = len(self.history) + plan.epochs
        self.losses = np.empty(plan.steps_per_epoch)
        self.done, self.start, self.ended = 0, perf_counter(), ""
        """Steps made of the epoch that was begun, when it was, and why an earlier run ended that is not to go on."""
        self.shuffling = plan.rng.bit_generator.state
        """The random stream at the start of that epoch."""
        self.best = Best(plan.larger_is_better, plan.min_delta)
        self.best_state: State = {}
        if before and before.checkpoint:
            for epoch, value in enumerate(before.watched(plan.monitor), 1):
                self.best.see(epoch, value)
            self.go_on_from(before.checkpoint)
        self.last_step = self.history.steps - self.done + plan.epochs * plan.steps_per_epoch
        self.constants = {**plan.constants, "S": float(plan.steps_per_epoch), "T": float(self.last_step)}
        self.slice_steps = 1
        self.last_loss = float("nan")

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Stand where an earlier run did."""
        self.best_state, self.ended = checkpoint.best, checkpoint.ended
        self.done, self.start = len(checkpoint.losses), perf_counter() - checkpoint.seconds
        self.losses[: self.done] = checkpoint.losses
        if checkpoint.callbacks:
            states, has = checkpoint.callbacks, len(self.remembering())
            require(
                has == len(states),
                f"the run to go on from had {counted(len(states), 'callback')} with a state, this one has {has}: "
                "resume with the same callbacks",
            )
            for callback, state in zip(self.remembering(), states, strict=True):
                callback.restore(state)

    def run_all(self) -> History:
        started: list[Callback] = []
        epoch, restore = len(self.history), self.plan.restore_best
        try:
            for callback in self.callbacks:
                callback.on_start(self.moment(epoch))
                started.append(callback)
            self.keep(self.ended)
            if self.ended:
                raise _Ended(self.ended)
            with Interrupt() as interrupt:
                for epoch in range(len(self.history) + 1, self.last_epoch + 1):
                    self.epoch(epoch, interrupt)
                self.history.stopped = f"{'all ' * (self.last_epoch != 1)}{counted(self.last_epoch, 'epoch')} done"
            self.keep()
            self.history.checkpoint = self.checkpoint()
        except _Ended as ended:
            if not ended.interrupted:
                self.keep(str(ended))
            self.history.stopped = str(ended)
            self.history.interrupted = ended.interrupted
            self.leave_epoch()
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
            constants=dict(self.constants),
            shuffling=self.shuffling,
            seed=self.plan.seed,
            losses=self.losses[: self.done].copy(),
            seconds=perf_counter() - self.start if self.done else 0.0,
        )

    def keep(self, ended: str = "") -> None:
        """Write a checkpoint, if there is a place for it; with why training ended, where it is not to go on."""
        if self.keeper:
            states = tuple(callback.state() for callback in self.remembering())
            self.keeper.write(replace(self.checkpoint(), ended=ended, callbacks=states), self.history)

    def remembering(self) -> list[Callback]:
        """The callbacks with a state, whatever it is at the moment."""
        return [callback for callback in self.callbacks if type(callback).state is not Callback.state]

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self.keeper is not None and self.keeper.due(self.history.steps)

    def epoch(self, epoch: int, interrupt: Interrupt) -> None:
        """One epoch, or what is left of it: its windows in slices, then its line in the history."""
        self.start = self.start if self.done else perf_counter()
        self.shuffling = self.plan.rng.bit_generator.state
        weights, first = [], 0
        with closing(self.plan.windows.epoch(self.plan.rng)) as windows:
            for window in windows:
                weights.append(window.batch_weights(self.plan.batch_size))
                if self.done < first + len(weights[-1]):
                    self.window(window, first, epoch, interrupt)
                first += len(weights[-1])
        self.run.verify()
        if self.history.start is None:
            first_losses = self.losses[: -(-START_ROWS // self.plan.batch_size)]
            self.history.start = float(first_losses.max() * (len(self.losses) if self.plan.add_losses else 1))
        self.record(self.plan.epoch_loss(self.losses, np.concatenate(weights)))
        self.leave_epoch()
        self.compare(epoch)
        ended = any([callback.on_epoch(self.moment(epoch)) for callback in self.callbacks])
        ends, pressed, due = largest(ended, interrupt.pressed, self.due())
        if ends:
            raise _Ended(f"ended by a callback after epoch {epoch}")
        waited = epoch - self.best.renewed
        if self.plan.patience is not None and waited >= self.plan.patience:
            better = f"that was better by more than {self.plan.min_delta:g}" if self.plan.min_delta else ""
            which = f"the last one {better}" if better else "the best one"
            raise _Ended(f"stopped early after epoch {epoch}, {counted(waited, 'epoch')} after {which}")
        if pressed or due:
            self.keep()
        if pressed:
            raise _Ended(f"interrupted after epoch {epoch}", interrupted=True)

    def window(self, window: Window, first: int, epoch: int, interrupt: Interrupt) -> None:
        """The steps of a window that are not made yet; so many steps of the epoch are before it."""
        size, seconds = self.plan.batch_size, SLICE_SECONDS * self.run.slice_factor
        if window.load:
            self.run.verify()  # while the rows of the window before are still there
            self.run.load(window.load())
        last = first + -(-len(window.order) // size)
        while self.done < last:
            done, end = self.done, min(self.done + self.slice_steps, last)
            if self.keeper:
                end = min(end, done + self.keeper.left(self.history.steps))
            before = perf_counter()
            order = window.order[(done - first) * size : (end - first) * size]
            self.losses[done:end] = self.run.advance(order, size, self.history.steps, self.constants)
            self.history.steps += end - done
            self.last_loss = float(self.losses[end - 1])
            spent = max(perf_counter() - before, 1e-9)
            wanted = max(1, min(2 * self.slice_steps, int(seconds * (end - done) / spent)))
            self.done = end
            ended = any([callback.on_slice(self.moment(epoch)) for callback in self.callbacks])
            self.slice_steps, ends, pressed, due = largest(wanted, ended, interrupt.pressed, self.due())
            if ends:
                raise _Ended(f"ended by a callback in epoch {epoch}")
            if end == len(self.losses):
                return  # the rest of the epoch is told at its end
            if self.keeper and (pressed or due):
                self.run.verify()
                self.keep()
            if pressed:
                raise _Ended(f"interrupted in epoch {epoch}", interrupted=True)

    def leave_epoch(self) -> None:
        """Stand before the next epoch, whatever was made of this one."""
        self.done, self.shuffling = 0, self.plan.rng.bit_generator.state

    def record(self, loss: float) -> None:
        history = self.history
        values = of_first(self.evaluate(self.run.state))
        history.loss.append(loss)
        if "validation_loss" in values:
            history.validation_loss.append(values.pop("validation_loss"))
        for name, value in values.items():
            history.metrics.setdefault(name, []).append(value)
        history.learning_rate.append(self.run.rate())
        history.seconds.append(perf_counter() - self.start)

    def compare(self, epoch: int) -> None:
        """Keep the state if the epoch is the best so far."""
        value = self.history.watched(self.plan.monitor)[-1]
        loss = (self.history.validation_loss or self.history.loss)[-1]
        self.constants |= self.after_epoch(loss, self.constants)
        if self.best.see(epoch, value):
            self.history.best_epoch = epoch
            state = self.run.state
            self.best_state = {name: state[name] for name in self.plan.lasting}
