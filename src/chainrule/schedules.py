"""Learning rates that change during training, as formulas.

Each schedule gives the rate of an update from ``t``, the number of updates already made, ``S``, the updates in an
epoch, and ``T``, the updates in the whole run. ``every`` and ``epochs`` are counted in epochs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import pi
from typing import Any

from chainrule.errors import require, unknown_name
from chainrule.expression import Expression, symbol
from chainrule.ops.arithmetic import floor, maximum, minimum, where
from chainrule.ops.elementary import cos
from chainrule.program import Program
from chainrule.trace import trace


def clock() -> tuple[Expression, Expression, Expression]:
    """The symbols ``t``, ``S`` and ``T``."""
    t, S, T = (symbol(name, role="constant") for name in "tST")
    return t, S, T


@dataclass(frozen=True)
class Schedule:
    """Base of all schedules; ``lr`` is the rate that they start from or rise to."""

    lr: float

    def __post_init__(self) -> None:
        require(self.lr > 0, f"the learning rate must be above 0, not {self.lr!r}")
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, int | float):
                require(value >= 0, f"{type(self).__name__}: {f.name} must not be negative, not {value!r}")

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression | float:
        """The learning rate of the update after ``t`` others."""
        raise NotImplementedError

    def program(self) -> Program:
        """The rate as a program of ``t``, ``S`` and ``T``."""
        t, S, T = clock()
        rate = self.rate(t, S, T)
        value = rate if isinstance(rate, Expression) else rate + 0 * t
        return trace({"lr": value}, name="learning_rate", inputs=[t, S, T])

    def to_json(self) -> dict[str, Any]:
        """A description that :func:`schedule_of` reads back."""
        return {"schedule": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """lr, always."""

    def rate(self, t: Expression, S: Expression, T: Expression) -> float:
        """Lr."""
        return self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """lr factor^floor(epoch / every): times ``factor`` every so many epochs."""

    factor: float = 0.5
    every: float = 10

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Lr factor^floor(t / (every S))."""
        require(self.every > 0, "Step: every must be above 0")
        return self.lr * self.factor ** floor(t / (self.every * S))


@dataclass(frozen=True)
class Exponential(Schedule):
    """lr factor^epoch, falling a little with every update."""

    factor: float = 0.95

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Lr factor^(t / S)."""
        return self.lr * self.factor ** (t / S)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """lr / (1 + decay epoch): the 1/t rate of stochastic approximation. Robbins and Monro (1951)."""

    decay: float = 1.0

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Lr / (1 + decay t / S)."""
        return self.lr / (1 + self.decay * t / S)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from lr down to ``final`` at the end of the run. Loshchilov and Hutter (2017)."""

    final: float = 0.0

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Final + (lr - final) (1 + cos(pi t / T)) / 2."""
        return self.final + 0.5 * (self.lr - self.final) * (1 + cos(pi * minimum(t / T, 1)))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Half a cosine up to lr, then one down to almost nothing. Smith and Topin (2018).

    From lr / ``divisor`` up during the first ``rise`` of the run, then down to lr / ``divisor`` / ``final_divisor``.
    """

    rise: float = 0.3
    divisor: float = 25.0
    final_divisor: float = 1e4

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Two halves of cosines, joined at ``rise``."""
        require(0 < self.rise < 1, f"OneCycle: rise must lie between 0 and 1, not {self.rise!r}")
        low, last = self.lr / self.divisor, self.lr / self.divisor / self.final_divisor
        progress = minimum(t / T, 1)
        up = low + 0.5 * (self.lr - low) * (1 - cos(pi / self.rise * progress))
        down = last + 0.5 * (self.lr - last) * (1 + cos(pi / (1 - self.rise) * (progress - self.rise)))
        return where(progress < self.rise, up, down)


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line from lr / (updates of ``epochs``) up to lr in the first epochs, then another schedule.

    ``then`` is a schedule (its own lr counts); without one the rate stays at lr.
    """

    epochs: float = 1.0
    then: Schedule | None = None

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """min(1, (t + 1) / (epochs S)) times the rate of ``then``."""
        after = self.lr if self.then is None else self.then.rate(t, S, T)
        return minimum((t + 1) / maximum(self.epochs * S, 1), 1) * after

    def to_json(self) -> dict[str, Any]:
        """A description that :func:`schedule_of` reads back."""
        then = None if self.then is None else self.then.to_json()
        return {"schedule": "Warmup", "lr": self.lr, "epochs": self.epochs, "then": then}


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Times ``factor`` whenever the watched loss has not fallen for ``patience`` epochs.

    The validation loss is watched where there is one, else the training loss. Falling means: below the best so far
    by more than ``threshold`` of it. The rate never goes below ``minimum``.
    """

    factor: float = 0.5
    patience: int = 5
    threshold: float = 1e-4
    minimum: float = 0.0

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Lr times ``plateau_factor``, which :meth:`after_epoch` lowers."""
        return maximum(self.lr * symbol("plateau_factor", role="constant"), self.minimum)

    def program(self) -> Program:
        """What happens after each epoch: from the watched loss and the state before, the state after."""
        loss, best, waited, scale = (symbol(n, role="constant") for n in ("loss", "best", "waited", "plateau_factor"))
        better = loss < best - self.threshold * abs(best)
        waiting = where(better, 0.0, waited + 1)
        enough = waiting > self.patience
        after = {
            "new_best": where(better, loss, best),
            "new_waited": where(enough, 0.0, waiting),
            "new_factor": where(enough, self.factor * scale, scale),
        }
        return trace(after, name="after_epoch", inputs=[loss, best, waited, scale])


def plateau_of(schedule: Schedule | None) -> ReduceOnPlateau | None:
    """The schedule, or the one after its warm-up, if it waits for a plateau."""
    while isinstance(schedule, Warmup):
        schedule = schedule.then
    return schedule if isinstance(schedule, ReduceOnPlateau) else None


SCHEDULES: dict[str, type[Schedule]] = {
    c.__name__: c for c in (Constant, Step, Exponential, InverseTime, Cosine, OneCycle, Warmup, ReduceOnPlateau)
}


def schedule_of(value: Any) -> Schedule:
    """A schedule from a number, a description by :meth:`Schedule.to_json`, or itself.

    >>> schedule_of(0.1)
    Constant(lr=0.1)
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, dict):
        settings = dict(value)
        name = settings.pop("schedule")
        if name not in SCHEDULES:
            raise unknown_name("schedule", name, SCHEDULES)
        if settings.get("then") is not None:
            settings["then"] = schedule_of(settings["then"])
        return SCHEDULES[name](**settings)
    require(
        isinstance(value, int | float) and not isinstance(value, bool),
        f"the learning rate is a number or a schedule, not {value!r}",
    )
    require(0 < value < float("inf"), f"the learning rate must be above 0, not {value!r}")
    return Constant(float(value))
