"""Sums, means and maxima over axes, and what is built on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import ShapeError
from chainrule.expression import Example, Expression, Operation, Spelling
from chainrule.ops.arithmetic import divide, equal, size_of
from chainrule.ops.arrays import broadcast_to
from chainrule.ops.define import operation
from chainrule.ops.elementary import exp, log
from chainrule.shapes import Shape, normalise_axes, reduce_axes, show_shape

Axis = int | tuple[int, ...] | None

_EXAMPLES = (
    Example(((3, 4),)), Example(((3, 4),), {"axis": 0}), Example(((3, 4),), {"axis": 1}),
    Example(((3, 4),), {"axis": -1, "keepdims": True}), Example(((2, 3, 4),), {"axis": (0, 2)}), Example(((1,),)),
)  # fmt: skip
_LAST_AXIS = (
    Example(((3, 4),)), Example(((5,),)), Example(((3, 4),), {"axis": 0}), Example(((2, 3, 4),)), Example(((2, 1),)),
)  # fmt: skip


def restore(g: Expression, shape: Shape, axis: Axis) -> Expression:
    """``g`` with the axes that a reduction of ``shape`` over ``axis`` dropped put back, of size 1."""
    kept = reduce_axes(shape, axis, keepdims=True)
    # Leading axes come back by themselves, by the rules of broadcasting.
    if g.shape == () or g.shape == kept[-g.rank :]:
        return g
    return g.reshape(*kept)


def spread(g: Expression, shape: Shape, axis: Axis) -> Expression:
    """The adjoint of a sum over ``axis``: every addend reads the adjoint of its sum."""
    return broadcast_to(restore(g, shape, axis), shape=shape)


def _method(name: str) -> Spelling:
    """``x.sum(axis=0)``: settings that have their default value are left out."""

    def write(x: Any, attributes: Mapping[str, Any]) -> str:
        settings = [f"axis={attributes['axis']}"] if attributes["axis"] is not None else []
        settings += ["keepdims=True"] if attributes["keepdims"] else []
        return f"{x:90}.{name}({', '.join(settings)})"

    return Spelling(write)


def _over(x: Any, axis: Axis) -> str:
    """The indices that run, as a subscript: i for rows, j for columns."""
    axes = normalise_axes(axis, len(x.shape))
    return "".join("ijklmn"[a] for a in axes) if len(x.shape) <= 6 else ""


def _sum_latex(x: Any, attributes: Mapping[str, Any]) -> str:
    return rf"\sum_{{{_over(x, attributes['axis'])}}} {x:20}"


def _mean_latex(x: Any, attributes: Mapping[str, Any]) -> str:
    axes = normalise_axes(attributes["axis"], len(x.shape))
    count = r" \cdot ".join(str(x.shape[a]) for a in axes) or "1"
    return rf"\frac{{1}}{{{count}}} {_sum_latex(x, attributes)}"


def _words(what: str) -> Spelling:
    def write(x: Any, attributes: Mapping[str, Any]) -> str:
        if attributes["axis"] is None:
            return f"{what} of all elements of {x}"
        axes = normalise_axes(attributes["axis"], len(x.shape))
        names = {0: "the rows", 1: "the columns"} if len(x.shape) == 2 else {}
        return f"{what} of {x} over {' and '.join(names.get(a, f'axis {a}') for a in axes)}"

    return Spelling(write)


def reduction(name: str, latex: Callable[..., str], words: str, **record: Any) -> Operation:
    """Register an operation that reduces over ``axis``."""
    return operation(
        name, "x",
        shape=lambda x, axis, keepdims: reduce_axes(x, axis, keepdims),
        attributes={"axis": None, "keepdims": False},
        python=_method(name), latex=Spelling(latex, 15), words=_words(words),
        flops=lambda out, x: x, examples=_EXAMPLES,
        **record,
    )  # fmt: skip


sum = reduction(
    "sum", _sum_latex, "the sum",
    kind="promote", analytic=True,
    vjp=lambda g, y, x, *, axis, keepdims: (spread(g, x.shape, axis),),
    note="NumPy adds pairwise: the error grows with the logarithm of the number of addends.",
    source="d(sum x)/dx_i = 1",
)  # fmt: skip


def _count(shape: Shape, axis: Axis) -> Any:
    return size_of(tuple(shape[a] for a in normalise_axes(axis, len(shape))))


mean = reduction(
    "mean", _mean_latex, "the mean",
    analytic=True,
    expansion=lambda x, *, axis, keepdims: divide(sum(x, axis=axis, keepdims=keepdims), _count(x.shape, axis)),
    vjp=lambda g, y, x, *, axis, keepdims: (spread(divide(g, _count(x.shape, axis)), x.shape, axis),),
    source="d(mean x)/dx_i = 1/n",
)  # fmt: skip


def _max_rule(g: Expression, y: Expression, x: Expression, *, axis: Axis, keepdims: bool) -> tuple[Expression]:
    largest = equal(x, restore(y, x.shape, axis))
    return (restore(g, x.shape, axis) * largest / sum(1.0 * largest, axis=axis, keepdims=True),)


max = reduction(
    "max", lambda x, a: rf"\max_{{{_over(x, a['axis'])}}} {x:20}", "the largest",
    kind="promote", accuracy=0.0,
    vjp=_max_rule,
    note="Several largest elements share the adjoint evenly, as in JAX and PyTorch's amax.",
    source="the slope of the largest element",
)  # fmt: skip


def _on_axis(name: str) -> Spelling:
    """``softmax(x)``, with the axis where it is not the last, and ``keepdims`` where it is set."""

    def write(x: Any, attributes: Mapping[str, Any]) -> str:
        return f"{helper_name(name, attributes)}({x})"

    return Spelling(write, helper=True)


def helper_name(name: str, attributes: Mapping[str, Any]) -> str:
    """The name of the function that a printed program calls: settings other than the default show in it."""
    suffix = f"_axis_{attributes['axis']}".replace("-", "minus_") if attributes["axis"] != -1 else ""
    return name + suffix + ("_keepdims" if attributes.get("keepdims") else "")


def _shifted(x: Expression, axis: int) -> Expression:
    """``x`` less its maximum, so that no exponential overflows."""
    return x - max(x, axis=axis, keepdims=True)


def _softmax(x: Expression, *, axis: int) -> Expression:
    e = exp(_shifted(x, axis))
    return e / sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Expression, *, axis: int) -> Expression:
    s = _shifted(x, axis)
    return s - log(sum(exp(s), axis=axis, keepdims=True))


def _logsumexp(x: Expression, *, axis: int, keepdims: bool) -> Expression:
    return max(x, axis=axis, keepdims=keepdims) + log(sum(exp(_shifted(x, axis)), axis=axis, keepdims=keepdims))


def _same_shape(x: Shape, axis: int) -> Shape:
    _one_axis(axis)
    normalise_axes(axis, len(x))
    return x


def _one_axis(axis: object) -> None:
    if not isinstance(axis, int):
        raise ShapeError(f"one axis is needed, not {axis!r}")


def _logsumexp_shape(x: Shape, axis: int, keepdims: bool) -> Shape:
    _one_axis(axis)
    return reduce_axes(x, axis, keepdims)


def _rows_sum_to_one(x: Expression, *, axis: int) -> frozenset[str]:
    return frozenset({"rows_sum_to_one"}) if axis in (-1, x.rank - 1) else frozenset()


logsumexp = operation(
    "logsumexp", "x",
    shape=_logsumexp_shape, attributes={"axis": -1, "keepdims": False},
    python=_on_axis("logsumexp"), words="the logarithm of the summed exponentials of {x}",
    expansion=_logsumexp, flops=lambda out, x: (3, *x), accuracy=16.0,
    examples=(*_LAST_AXIS, Example(((3, 4),), {"axis": 1, "keepdims": True})),
    vjp=lambda g, y, x, *, axis, keepdims: (restore(g, x.shape, axis) * softmax(x, axis=axis),),
    source="d logsumexp(x)/dx = softmax(x)",
)  # fmt: skip
softmax: Operation = operation(
    "softmax", "x",
    shape=_same_shape, attributes={"axis": -1},
    python=_on_axis("softmax"), words="the softmax of {x}",
    expansion=_softmax, flops=lambda out, x: (4, *x), facts=_rows_sum_to_one, accuracy=16.0, examples=_LAST_AXIS,
    vjp=lambda g, y, x, *, axis: (y * (g - sum(g * y, axis=axis, keepdims=True)),),
    source="dq_i/dx_j = q_i ([i = j] - q_j)",
)  # fmt: skip
log_softmax = operation(
    "log_softmax", "x",
    shape=_same_shape, attributes={"axis": -1},
    python=_on_axis("log_softmax"), words="the logarithm of the softmax of {x}",
    expansion=_log_softmax, flops=lambda out, x: (4, *x), accuracy=16.0, examples=_LAST_AXIS,
    vjp=lambda g, y, x, *, axis: (g - softmax(x, axis=axis) * sum(g, axis=axis, keepdims=True),),
    source="d log q_i/dx_j = [i = j] - q_j",
)  # fmt: skip


def smoothed_shape(y: Shape, epsilon: Shape) -> Shape:
    """The shape rule of :data:`smooth_labels`."""
    if not y or epsilon != () or not isinstance(y[-1], int):
        raise ShapeError(f"label smoothing needs rows of a known width and one number, not {show_shape(y)}")
    return y


smooth_labels = operation(
    "smooth_labels", "y epsilon",
    shape=smoothed_shape,
    python=Spelling(lambda y, e, _: f"(1 - {e:11}) * {y:21} + {e:20} / {y.shape[-1]}", 10),
    words="{y} smoothed by {epsilon}", latex=r"(1 - {epsilon}) \, {y} + {epsilon} / k",
    expansion=lambda y, epsilon: (1 - epsilon) * y + epsilon / y.shape[-1],
    examples=(Example(((3, 4), ())),), domain=((0.0, 1.0), (0.0, 0.3)), analytic=True,
    facts=lambda y, epsilon: y.facts & {"rows_sum_to_one"},
    source="Szegedy et al. (2016): (1 - epsilon) y + epsilon / k over k classes",
)  # fmt: skip
