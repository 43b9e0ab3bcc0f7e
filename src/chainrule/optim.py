"""Optimisers, as programs: how parameters change, from their gradient.

All work on one flat vector ``theta``. ``g`` is its gradient, ``t`` the number of this update from 1, ``lr`` the
learning rate. Slots (``m``, ``v``, ...) are vectors like ``theta`` that start at 0 and are carried along.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from chainrule.errors import ArgumentError, require, unknown_name
from chainrule.expression import Expression, symbol
from chainrule.ops.arithmetic import clip, complement, minimum
from chainrule.ops.elementary import sqrt
from chainrule.program import Program
from chainrule.schedules import Schedule, schedule_of
from chainrule.trace import trace

Slots = dict[str, Expression]


@dataclass(frozen=True)
class Optimizer:
    """Base of all optimisers.

    Args:
        lr: the learning rate, a number or a schedule.
        weight_decay: how strongly parameters are pulled to 0; which form it takes, each optimiser says.
        clip_norm: the largest norm that the whole gradient may have; a longer one is shortened to it.
        clip_value: the largest absolute value of one element of the gradient.
    """

    lr: float | Schedule = 0.01
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None

    slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        schedule_of(self.lr)
        name = type(self).__name__
        require(self.weight_decay >= 0, f"{name}: weight_decay must not be negative, not {self.weight_decay!r}")
        for limit in ("clip_norm", "clip_value"):
            value = getattr(self, limit)
            require(value is None or value > 0, f"{name}: {limit} must be above 0, not {value!r}")

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule."""
        return schedule_of(self.lr)

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """The parameters and slots after the update."""
        raise NotImplementedError

    def clipped(self, g: Expression) -> Expression:
        """The gradient after clipping: first each element, then the whole."""
        if self.clip_value is not None:
            g = clip(g, -self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = sqrt((g**2).sum()).named("norm")
            g = g * minimum(self.clip_norm / (norm + 1e-12), 1)
        return g

    def step(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """Clipping, then the update."""
        return self.update(theta, self.clipped(g), slots, lr, t)

    def program(self, parameters: int | str = "P") -> Program:
        """The update as a program of ``theta``, ``g``, the slots, ``lr`` and ``t``."""
        theta, g = symbol("theta", (parameters,), role="parameter"), symbol("g", (parameters,))
        slots = {name: symbol(name, (parameters,), role="state") for name in self.slots}
        lr, t = symbol("lr", role="constant"), symbol("t", role="constant")
        new_theta, new_slots = self.step(theta, g, slots, lr, t)
        outputs = {"new_theta": new_theta, **{f"new_{name}": value for name, value in new_slots.items()}}
        return trace(outputs, name=type(self).__name__.lower(), inputs=[theta, g, *slots.values(), lr, t])

    def to_json(self) -> dict[str, Any]:
        """A description for reports and model files."""
        settings = {f.name: getattr(self, f.name) for f in fields(self)}
        settings["lr"] = self.lr.to_json() if isinstance(self.lr, Schedule) else self.lr
        return {"optimizer": type(self).__name__, **settings}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: theta - lr g; with momentum mu: v = mu v + g, theta - lr v.

    Nesterov's form uses g + mu v in the place of v (Sutskever, Martens, Dahl, Hinton, 2013). Weight decay w adds
    w theta to the gradient. As in PyTorch, to rounding.
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.momentum < 1, f"SGD: the momentum must be at least 0 and below 1, not {self.momentum!r}")
        require(not self.nesterov or self.momentum > 0, "SGD: Nesterov's form needs a momentum above 0")

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """The velocity, where there is momentum."""
        return ("v",) if self.momentum else ()

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """V = mu v + g; theta - lr v."""
        g = _with_decay(self, g, theta)
        if not self.momentum:
            return theta - lr * g, {}
        v = (self.momentum * slots["v"] + g).named("new_v")
        direction = g + self.momentum * v if self.nesterov else v
        return theta - lr * direction, {"v": v}


def _with_decay(optimizer: Optimizer, g: Expression, theta: Expression) -> Expression:
    return g + optimizer.weight_decay * theta if optimizer.weight_decay else g


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon). Kingma and Ba (2015).

    m and v are running averages of g and g^2. Weight decay w adds w theta to the gradient; for the decoupled form use
    :class:`AdamW`. As in PyTorch, to rounding.
    """

    lr: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{type(self).__name__}: {name} must be at least 0 and below 1, not {value!r}")

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """M and v, corrected for their start at 0, give the step."""
        return self._moments(theta, _with_decay(self, g, theta), slots, lr, t)

    def _moments(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        m = (self.beta1 * slots["m"] + complement(self.beta1) * g).named("new_m")
        v = (self.beta2 * slots["v"] + complement(self.beta2) * g**2).named("new_v")
        # The corrections of m and v are two numbers, so that no further pass over the parameters is needed
        # (the order of computation that the paper recommends at the end of its section 2).
        c = ((1 - self.beta2**t) ** 0.5).named("c")
        return theta - lr * c / (1 - self.beta1**t) * m / (sqrt(v) + self.epsilon * c), {"m": m, "v": v}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: theta first shrinks by lr w theta. Loshchilov and Hutter (2019).

    As in PyTorch, to rounding.
    """

    weight_decay: float = 0.01

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """Theta (1 - lr w), then Adam's step."""
        return self._moments(theta * (1 - lr * self.weight_decay), g, slots, lr, t)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp: lr g / (sqrt(v) + epsilon), v a running average of g^2. Tieleman and Hinton (2012).

    Weight decay w adds w theta to the gradient. As in PyTorch (whose ``alpha`` is rho), to rounding.
    """

    rho: float = 0.99
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("v",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.rho < 1, f"RMSProp: rho must be at least 0 and below 1, not {self.rho!r}")

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """V = rho v + (1 - rho) g^2; theta - lr g / (sqrt(v) + epsilon)."""
        g = _with_decay(self, g, theta)
        v = (self.rho * slots["v"] + complement(self.rho) * g**2).named("new_v")
        return theta - lr * g / (sqrt(v) + self.epsilon), {"v": v}


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: lr g / (sqrt(s) + epsilon), s the sum of all g^2 so far. Duchi, Hazan, Singer (2011).

    Weight decay w adds w theta to the gradient. As in PyTorch, to rounding.
    """

    epsilon: float = 1e-10

    slots: ClassVar[tuple[str, ...]] = ("s",)

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """S = s + g^2; theta - lr g / (sqrt(s) + epsilon)."""
        g = _with_decay(self, g, theta)
        s = (slots["s"] + g**2).named("new_s")
        return theta - lr * g / (sqrt(s) + self.epsilon), {"s": s}


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """L-BFGS: a quasi-Newton direction from the last ``history`` steps, with a line search. Nocedal (1980).

    For small data: it takes the whole data at once (``batch_size="all"``), and each epoch is one direction with a
    line search for the strong Wolfe conditions, starting from ``lr`` (1 is the natural choice).
    """

    lr: float | Schedule = 1.0
    history: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.history > 0, f"LBFGS: history must be above 0, not {self.history!r}")
        require(
            self.weight_decay == 0 and self.clip_norm is None and self.clip_value is None,
            "LBFGS follows the loss itself: put a penalty into it (l2=) in the place of weight decay, and do not clip",
        )

    def program(self, parameters: int | str = "P") -> Program:
        """The direction of descent once ``history`` steps are remembered; the line search is no program."""
        return self.direction_program(self.history, parameters)

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """Not to be had: the step's length comes from a line search."""
        raise ArgumentError(
            'a step of LBFGS holds a line search, which is no program: print its "update", the direction'
        )

    def direction_program(self, pairs: int, parameters: int | str = "P") -> Program:
        """The two-loop recursion for ``pairs`` remembered steps, as a program.

        From the gradient ``g``, the steps ``s1, s2, ...`` (newest first) and the changes of the gradient ``y1, ...``
        it gives the direction of descent ``d``.
        """
        g = symbol("g", (parameters,))
        steps = [symbol(f"s{i}", (parameters,)) for i in range(1, pairs + 1)]
        changes = [symbol(f"y{i}", (parameters,)) for i in range(1, pairs + 1)]
        q, factors = g, []
        for i, (s, y) in enumerate(zip(steps, changes, strict=True), 1):
            factor = ((s * q).sum() / (y * s).sum()).named(f"a{i}")
            factors.append(factor)
            q = q - factor * y
        if pairs:
            q = q * ((steps[0] * changes[0]).sum() / (changes[0] * changes[0]).sum())
        for s, y, factor in reversed(list(zip(steps, changes, factors, strict=True))):
            q = q + (factor - (y * q).sum() / (y * s).sum()) * s
        return trace({"d": -q}, name="direction", inputs=[g, *steps, *changes])


OPTIMIZERS: dict[str, type[Optimizer]] = {c.__name__.lower(): c for c in (SGD, Adam, AdamW, RMSProp, Adagrad, LBFGS)}


def optimizer_of(value: Any) -> Optimizer:
    """An optimiser from its name or itself.

    >>> optimizer_of("sgd").lr
    0.01
    """
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, type):
        raise ArgumentError(f"give an optimizer, as in cr.{value.__name__}(), not its class")
    if not isinstance(value, str) or value.lower() not in OPTIMIZERS:
        raise unknown_name("optimizer", value, OPTIMIZERS)
    return OPTIMIZERS[value.lower()]()
