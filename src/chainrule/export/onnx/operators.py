"""How each operation is written in ONNX: what is not in this table is written by its expansion.

Operators are those of opset 18 (https://onnx.ai/onnx/operators).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.export.onnx.graph import Graph, element_of
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import DType, Shape, normalise_axes


class Place(NamedTuple):
    """Where an equation is written: the graph, the precision, the program, and its variables' names in the graph."""

    graph: Graph
    precision: str
    program: Program
    names: Mapping[str, str]

    def value(self, atom: Atom, dtype: DType) -> str:
        """The name of an argument, as a value of that type."""
        element = element_of(dtype, self.precision)
        if isinstance(atom, Literal):
            return self.graph.constant(atom.value, element)
        name = self.names[atom.name]
        return name if atom.dtype == dtype else self.graph.cast(name, element)

    def size(self, name: str) -> str:
        """A named size as a value of shape (1,)."""
        carrier, axis = self.program.sizes[name]
        return self.graph.node("Shape", self.names[carrier], start=axis, end=axis + 1, name=name)

    def shape(self, shape: Shape) -> str:
        """A shape as a value of shape (axes,)."""
        if all(isinstance(size, int) for size in shape):
            return self.graph.constant(shape, "int")
        parts = [self.size(s) if isinstance(s, str) else self.graph.constant([s], "int") for s in shape]
        return self.graph.node("Concat", *parts, axis=0, name="shape")


Write: TypeAlias = Callable[[Place, Equation], str]


def _common(arguments: tuple[Atom, ...]) -> DType:
    """The type in which operands are compared."""
    whole = all(isinstance(a.value, int) if isinstance(a, Literal) else a.dtype == "int" for a in arguments)
    return "int" if whole else "float"


def _plain(kind: str) -> Write:
    """One node whose operands have the type of the result."""

    def write(place: Place, equation: Equation) -> str:
        operands = [place.value(a, equation.target.dtype) for a in equation.arguments]
        return place.graph.node(kind, *operands, name=equation.target.name)

    return write


def _comparison(kind: str, *, negated: bool = False) -> Write:
    def write(place: Place, equation: Equation) -> str:
        operands = [place.value(a, _common(equation.arguments)) for a in equation.arguments]
        result = place.graph.node(kind, *operands, name="" if negated else equation.target.name)
        return place.graph.node("Not", result, name=equation.target.name) if negated else result

    return write


def _where(place: Place, equation: Equation) -> str:
    condition, *branches = equation.arguments
    operands = [place.value(condition, "bool"), *(place.value(b, equation.target.dtype) for b in branches)]
    return place.graph.node("Where", *operands, name=equation.target.name)


def _convert(place: Place, equation: Equation) -> str:
    """The argument, in the type of the result."""
    value = place.value(equation.arguments[0], equation.target.dtype)
    return place.graph.node("Identity", value, name=equation.target.name)


def _size(place: Place, equation: Equation) -> str:
    number = place.graph.cast(place.size(dict(equation.attributes)["of"]), place.precision)
    return place.graph.node("Squeeze", number, name=equation.target.name)


def _expm1(place: Place, equation: Equation) -> str:
    """tanh(x/2) (e^x + 1), which is e^x - 1 without the cancellation near 0."""
    graph, x = place.graph, place.value(equation.arguments[0], "float")
    one, half = graph.constant(1.0, place.precision), graph.constant(0.5, place.precision)
    above = graph.node("Add", graph.node("Exp", x), one)
    return graph.node("Mul", graph.node("Tanh", graph.node("Mul", x, half)), above, name=equation.target.name)


def _log1p(place: Place, equation: Equation) -> str:
    """log(u) - ((u - 1) - x) / u with u = 1 + x as it was rounded: the second term takes the rounding back."""
    graph, x = place.graph, place.value(equation.arguments[0], "float")
    one = graph.constant(1.0, place.precision)
    u = graph.node("Add", one, x)
    slip = graph.node("Div", graph.node("Sub", graph.node("Sub", u, one), x), u)
    return graph.node("Sub", graph.node("Log", u), slip, name=equation.target.name)


def _transpose(place: Place, equation: Equation) -> str:
    (x,) = equation.arguments
    axes = dict(equation.attributes)["axes"] or tuple(range(_rank(x)))[::-1]
    return place.graph.node("Transpose", place.value(x, equation.target.dtype), perm=axes, name=equation.target.name)


def _reshape(place: Place, equation: Equation) -> str:
    target = equation.target
    named = [size for size in target.shape if isinstance(size, str)]
    whole = place.shape(target.shape) if len(named) > 1 else None
    # One size that is not known follows from the others: -1.
    shape = whole or place.graph.constant([-1 if s in named else s for s in target.shape], "int")
    return place.graph.node("Reshape", place.value(equation.arguments[0], target.dtype), shape, name=target.name)


def _broadcast_to(place: Place, equation: Equation) -> str:
    target = equation.target
    value = place.value(equation.arguments[0], target.dtype)
    return place.graph.node("Expand", value, place.shape(target.shape), name=target.name)


def _concatenate(place: Place, equation: Equation) -> str:
    operands = [place.value(a, equation.target.dtype) for a in equation.arguments]
    return place.graph.node("Concat", *operands, axis=dict(equation.attributes)["axis"], name=equation.target.name)


def _slice(place: Place, equation: Equation) -> str:
    bounds = [(axis, b) for axis, b in enumerate(dict(equation.attributes)["bounds"]) if b is not None]
    starts, stops = [b[0] for _, b in bounds], [b[1] for _, b in bounds]
    constants = [place.graph.constant(v, "int") for v in (starts, stops, [axis for axis, _ in bounds])]
    value = place.value(equation.arguments[0], equation.target.dtype)
    return place.graph.node("Slice", value, *constants, name=equation.target.name)


def _pad(place: Place, equation: Equation) -> str:
    widths = np.array(dict(equation.attributes)["widths"]).T.ravel()  # all before, then all after
    value = place.value(equation.arguments[0], equation.target.dtype)
    return place.graph.node("Pad", value, place.graph.constant(widths, "int"), name=equation.target.name)


def _take(place: Place, equation: Equation) -> str:
    table, indices = equation.arguments
    operands = [place.value(table, equation.target.dtype), place.value(indices, "int")]
    return place.graph.node("Gather", *operands, axis=0, name=equation.target.name)


def _add_rows(place: Place, equation: Equation) -> str:
    rows, indices = equation.arguments
    graph, target = place.graph, equation.target
    zero = graph.constant(0.0, place.precision)
    zeros = graph.node("Expand", zero, place.shape(target.shape))
    last = graph.constant([-1], "int")
    places = graph.node("Unsqueeze", place.value(indices, "int"), last)
    return graph.node("ScatterND", zeros, places, place.value(rows, "float"), reduction="add", name=target.name)


def _one_hot(place: Place, equation: Equation) -> str:
    (x,) = equation.arguments
    graph, dtype = place.graph, _common((x,))
    column = graph.node("Unsqueeze", place.value(x, dtype), graph.constant([-1], "int"))
    codes = graph.constant(np.arange(dict(equation.attributes)["size"]), element_of(dtype, place.precision))
    return graph.cast(graph.node("Equal", column, codes), place.precision)


def _reduction(kind: str) -> Write:
    def write(place: Place, equation: Equation) -> str:
        settings, (x,) = dict(equation.attributes), equation.arguments
        axes = normalise_axes(settings["axis"], _rank(x))
        value = place.value(x, equation.target.dtype)
        operands = (value, place.graph.constant(axes, "int"))
        return place.graph.node(kind, *operands, keepdims=int(settings["keepdims"]), name=equation.target.name)

    return write


def _on_axis(kind: str) -> Write:
    def write(place: Place, equation: Equation) -> str:
        value = place.value(equation.arguments[0], "float")
        return place.graph.node(kind, value, axis=dict(equation.attributes)["axis"], name=equation.target.name)

    return write


def _rank(atom: Atom) -> int:
    return len(atom.shape) if isinstance(atom, Var) else 0


OPERATORS: Final[dict[str, Write]] = {
    **{
        name: _plain(kind)
        for name, kind in {
            "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negative": "Neg", "abs": "Abs",
            "sign": "Sign", "floor": "Floor", "maximum": "Max", "minimum": "Min", "power": "Pow", "matmul": "MatMul",
            "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "sqrt": "Sqrt", "tanh": "Tanh",
            "relu": "Relu", "sigmoid": "Sigmoid",
        }.items()
    },
    "less": _comparison("Less"),
    "less_equal": _comparison("LessOrEqual"),
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
    "equal": _comparison("Equal"),
    "not_equal": _comparison("Equal", negated=True),
    "where": _where,
    "constant": _convert,
    "to_float": _convert,
    "to_int": _convert,
    "stop_gradient": _convert,
    "size": _size,
    "expm1": _expm1,
    "log1p": _log1p,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "slice": _slice,
    "pad": _pad,
    "take": _take,
    "add_rows": _add_rows,
    "one_hot": _one_hot,
    "sum": _reduction("ReduceSum"),
    "max": _reduction("ReduceMax"),
    "softmax": _on_axis("Softmax"),
    "log_softmax": _on_axis("LogSoftmax"),
}  # fmt: skip


def operator_of(equation: Equation) -> Write:
    """How an equation is written."""
    if equation.operation.name not in OPERATORS:
        raise ArgumentError(f"{equation.operation.name} has no form in ONNX: a prediction must not draw random numbers")
    return OPERATORS[equation.operation.name]
