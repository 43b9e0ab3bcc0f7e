"""Losses, as formulas over a prediction and a target.

Each formula gives one number for each output of each row. Outputs are added up (``mean_squared_error`` takes their
mean), and rows are averaged or added up, as ``reduction`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

from chainrule.errors import ShapeError, require, unknown_name
from chainrule.expression import Expression, symbol
from chainrule.ops.activations import relu
from chainrule.ops.arithmetic import abs, maximum, size_of, where
from chainrule.ops.elementary import log
from chainrule.ops.reductions import smooth_labels
from chainrule.program import Program
from chainrule.shapes import Shape, show_shape
from chainrule.trace import atom_expression, substitute, trace

Reduction: TypeAlias = Literal["mean", "sum"]
Target: TypeAlias = Literal["numbers", "binary", "classes", "signs", "counts"]

LEAST_WEIGHT = 1e-37
"""What the weights of a batch count for at least, together: rows that weigh nothing have the loss 0, not 0 / 0."""


@dataclass(frozen=True)
class Loss:
    """A loss: its formula and what it expects.

    Attributes:
        name: its name.
        formula: (prediction, target) -> one number for each output of each row.
        link: the activation that the last layer takes when it has none of its own.
        outputs: the activations of a last layer for which the formula is defined; empty for any.
        target: what targets are: numbers, binary (between 0 and 1), classes (rows that sum to 1), signs (-1 and
            1), counts (not negative).
        settings: numbers in the formula (``delta`` of Huber).
        mean_outputs: whether outputs are averaged instead of added up.
        reduction: whether rows are averaged (``"mean"``) or added up (``"sum"``).
        label_smoothing: how much of a target is shared among all classes.
    """

    name: str
    formula: Callable[..., Expression]
    link: str = "linear"
    outputs: tuple[str, ...] = ()
    target: Target = "numbers"
    settings: Mapping[str, float] = field(default_factory=dict)
    mean_outputs: bool = False
    reduction: Reduction = "mean"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require(
            self.reduction in ("mean", "sum"),
            f"the reduction must be 'mean' or 'sum', not {self.reduction!r}",
        )
        require(
            0 <= self.label_smoothing < 1,
            f"label smoothing must be at least 0 and below 1, not {self.label_smoothing!r}",
        )
        require(
            self.label_smoothing == 0 or self.target in ("classes", "binary"),
            f"label smoothing is for class targets, not for {self.name}",
        )

    def total(self, prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
        """The loss of a batch: one number.

        With a weight w for each row, of shape (B,), the mean over rows is sum_i w_i l_i / sum_i w_i and the sum over
        rows sum_i w_i l_i, where l_i is the loss of row i.
        """
        if prediction.shape != target.shape:
            raise ShapeError(
                f"{self.name}: predictions have shape {show_shape(prediction.shape)}, "
                f"targets {show_shape(target.shape)}"
            )
        if self.label_smoothing:
            target = self._smoothed(target)
        value = self.formula(prediction, target, **self.settings)
        require(isinstance(value, Expression), f"the loss {self.name} gives {value!r}, not an expression")
        return self._reduced(value) if weight is None else self._weighted(value, weight)

    def _smoothed(self, target: Expression) -> Expression:
        if self.target == "classes":
            return smooth_labels(target, self.label_smoothing)
        return (1 - self.label_smoothing) * target + self.label_smoothing / 2

    def _reduced(self, value: Expression) -> Expression:
        if value.shape == ():
            return value
        average = self.reduction == "mean"
        if all(size == 1 for size in value.shape[1:]) or self.mean_outputs == average:
            return value.mean() if average else value.sum()
        outputs = tuple(range(1, value.rank)) if value.rank > 2 else 1
        rows = value.mean(axis=outputs) if self.mean_outputs else value.sum(axis=outputs)
        return rows.mean() if average else rows.sum()

    def _weighted(self, value: Expression, w: Expression) -> Expression:
        require(
            value.shape[:1] == w.shape,
            f"rows can have weights where the loss gives a number for each row, but {self.name} gives "
            f"{show_shape(value.shape) if value.shape else 'one number for all'}",
        )
        column = w.reshape(*w.shape, *[1] * (value.rank - 1))
        total = (column * value).sum()
        outputs = size_of(value.shape[1:]) if self.mean_outputs else 1
        if self.reduction == "mean":
            return total / (outputs * maximum(w.sum(), LEAST_WEIGHT).named("w_sum"))
        return total / outputs

    def to_json(self, shape: Shape = ("B", "k")) -> dict[str, Any]:
        """A description that :func:`loss_of` reads back; a formula of one's own is written down for that shape."""
        common = {"reduction": self.reduction, "label_smoothing": self.label_smoothing}
        known = LOSSES.get(self.name)
        if known is not None and known().formula is self.formula:  # not one of yours under the same name
            return {"name": self.name, **self.settings, **common}
        prediction, target = (symbol(n, shape) for n in ("prediction", "target"))
        formula = self.formula(prediction, target, **self.settings)
        program = trace({"loss": formula}, inputs=[prediction, target], name=self.name)
        kept = {
            "link": self.link,
            "outputs": list(self.outputs),
            "target": self.target,
            "mean_outputs": self.mean_outputs,
        }
        return {"name": self.name, "formula": program.to_json(), **kept, **common}


def _squared_error(p: Expression, y: Expression) -> Expression:
    return (p - y) ** 2


def _half_squared_error(p: Expression, y: Expression) -> Expression:
    return 0.5 * (p - y) ** 2


def _absolute_error(p: Expression, y: Expression) -> Expression:
    return abs(p - y)


def _huber(p: Expression, y: Expression, delta: float) -> Expression:
    distance = abs(p - y)
    return where(distance <= delta, 0.5 * (p - y) ** 2, delta * (distance - 0.5 * delta))


def _binary_cross_entropy(p: Expression, y: Expression) -> Expression:
    return -(y * log(p) + (1 - y) * log(1 - p))


def _cross_entropy(p: Expression, y: Expression) -> Expression:
    return -(y * log(p))


def _hinge(p: Expression, y: Expression) -> Expression:
    return relu(1 - y * p)


def _poisson(p: Expression, y: Expression) -> Expression:
    return p - y * log(p)


def _quantile(p: Expression, y: Expression, q: float) -> Expression:
    return maximum(q * (y - p), (q - 1) * (y - p))


def squared_error(reduction: Reduction = "mean") -> Loss:
    """Squared error: the sum over outputs of (p - y)^2."""
    return Loss("squared_error", _squared_error, reduction=reduction)


def half_squared_error(reduction: Reduction = "mean") -> Loss:
    """Half the squared error: the sum over outputs of (p - y)^2 / 2, whose derivative has no factor 2."""
    return Loss("half_squared_error", _half_squared_error, reduction=reduction)


def mean_squared_error(reduction: Reduction = "mean") -> Loss:
    """Mean squared error: the mean over outputs of (p - y)^2."""
    return Loss("mean_squared_error", _squared_error, mean_outputs=True, reduction=reduction)


def absolute_error(reduction: Reduction = "mean") -> Loss:
    """Absolute error: the sum over outputs of |p - y|."""
    return Loss("absolute_error", _absolute_error, reduction=reduction)


def huber(delta: float = 1.0, reduction: Reduction = "mean") -> Loss:
    """Huber's loss: (p - y)^2 / 2 up to ``delta``, then delta (|p - y| - delta / 2). Huber (1964)."""
    require(delta > 0, f"delta must be above 0, not {delta!r}")
    return Loss("huber", _huber, settings={"delta": delta}, reduction=reduction)


def binary_cross_entropy(reduction: Reduction = "mean", label_smoothing: float = 0.0) -> Loss:
    """Binary cross-entropy: -(y log p + (1 - y) log(1 - p)), for each output a yes or no."""
    return Loss(
        "binary_cross_entropy", _binary_cross_entropy, "sigmoid", ("sigmoid",), "binary",
        reduction=reduction, label_smoothing=label_smoothing,
    )  # fmt: skip


def cross_entropy(reduction: Reduction = "mean", label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy: the sum over classes of -y log p, for targets whose rows sum to 1."""
    return Loss(
        "cross_entropy", _cross_entropy, "softmax", ("softmax", "sigmoid"), "classes",
        reduction=reduction, label_smoothing=label_smoothing,
    )  # fmt: skip


def hinge(reduction: Reduction = "mean") -> Loss:
    """Hinge loss: max(0, 1 - y p) for targets -1 and 1. At the kink its slope is 0."""
    return Loss("hinge", _hinge, target="signs", reduction=reduction)


def poisson(reduction: Reduction = "mean") -> Loss:
    """Poisson loss: p - y log p for counts y, the negative log-likelihood less its constant log y!."""
    return Loss("poisson", _poisson, "exp", ("exp", "sigmoid", "softmax"), "counts", reduction=reduction)


def quantile(q: float = 0.5, reduction: Reduction = "mean") -> Loss:
    """Quantile (pinball) loss: max(q (y - p), (q - 1)(y - p)). Koenker and Bassett (1978)."""
    require(0 < q < 1, f"the quantile must lie between 0 and 1, not {q!r}")
    return Loss("quantile", _quantile, settings={"q": q}, reduction=reduction)


LOSSES: dict[str, Callable[..., Loss]] = {
    f.__name__: f
    for f in (
        squared_error, half_squared_error, mean_squared_error, absolute_error, huber, binary_cross_entropy,
        cross_entropy, hinge, poisson, quantile,
    )
}  # fmt: skip


def loss_of(value: Any) -> Loss:
    """A loss from its name, a formula of yours, a description by :meth:`Loss.to_json`, or itself.

    A formula is a function of (prediction, target), or an expression over symbols of these names, that gives a
    number for each output of each row, for each row, or for the batch.

    >>> loss_of("huber").settings
    {'delta': 1.0}
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        if value not in LOSSES:
            raise unknown_name("loss", value, LOSSES)
        return LOSSES[value]()
    if isinstance(value, Mapping):
        settings = dict(value)
        name, formula = settings.pop("name"), settings.pop("formula", None)
        if formula is None:
            return LOSSES[name](**{k: v for k, v in settings.items() if k != "label_smoothing" or v})
        settings["outputs"] = tuple(settings["outputs"])
        return Loss(name, partial(_substituted, Program.from_json(formula)), **settings)
    if isinstance(value, Expression):
        return Loss("formula", partial(_substituted, trace({"loss": value}, name="formula")))
    require(
        callable(value),
        f"a loss is a name, a function of (prediction, target) or an expression, not {value!r}",
    )
    return Loss(getattr(value, "__name__", "formula").strip("<>"), value)


def _substituted(program: Program, prediction: Expression, target: Expression) -> Expression:
    """The formula of a program over ``prediction`` and ``target``, of these expressions."""
    names = {v.name for v in program.inputs}
    require(
        names <= {"prediction", "target"},
        f"a loss is a formula over prediction and target, not over {', '.join(sorted(names))}",
    )
    known = substitute(program, {"prediction": prediction, "target": target})
    value = atom_expression(program.output("loss"), known)
    if value.name != "loss" or value.operation is None:
        return value
    # The name came with being written down as a program: in a network, the loss has one of its own.
    return value.operation(*value.arguments, **value.attributes)
