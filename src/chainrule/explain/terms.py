"""What was read of a formula: names, numbers and how they are combined."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from chainrule.derivation import derive_program
from chainrule.errors import ShapeError
from chainrule.expression import REGISTRY, Expression, lift, symbol
from chainrule.passes import simplify
from chainrule.shapes import broadcast
from chainrule.trace import atom_expression, substitute, trace


@dataclass(frozen=True)
class Term:
    """A part of a formula as it was read: a name or a number, or parts that are combined.

    Without a function, the ``operators`` stand between the parts and are applied from left to right. ``at`` is the
    place in the text.
    """

    at: int
    leaf: Expression | None = None
    parts: tuple[Term, ...] = ()
    operators: tuple[str, ...] = ()
    function: str = ""

    def expression(self) -> Expression:
        """The formula as an expression.

        Raises:
            ShapeError: where shapes do not fit together, with the place.
        """
        if self.leaf is not None:
            return self.leaf
        made = [part.expression() for part in self.parts]
        try:
            if self.function:
                return _applied(self.function, made)
            result = made[0]
            for operator, part in zip(self.operators, made[1:], strict=True):
                result = _combined(operator, result, part)
            return result
        except ShapeError as error:
            raise ShapeError(f"at character {self.at + 1}: {error}") from None


_ALIASES = {"ln": "log", "σ": "sigmoid", "sigma": "sigmoid", "min": "minimum", "max": "maximum"}
_OPERATIONS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "^": "power"}


@cache
def function_name(word: str) -> str:
    """The name of the function; empty where there is none."""
    name = _ALIASES.get(word, word)
    operation = REGISTRY.get(name)
    if name in _OWN:
        return name
    scalar = operation is not None and operation.shape is broadcast and operation.kind in ("float", "promote")
    return name if scalar and name not in (*_OPERATIONS.values(), "negative", "where") else ""


def argument_count(name: str) -> int:
    """How many arguments a function takes."""
    return 2 if name in ("maximum", "minimum", "outer", "power") else 1


def has_slope(name: str) -> bool:
    """Whether a prime may follow: a function of one number."""
    return argument_count(name) == 1 and (name in ("log10", "log2") or name not in _OWN)


_OWN: dict[str, Callable[..., Expression]] = {
    "log10": lambda x: REGISTRY["log"](x) / math.log(10),
    "log2": lambda x: REGISTRY["log"](x) / math.log(2),
    "outer": lambda x, y: _column(x) @ _column(y).T,
    "power": lambda x, y: _combined("^", x, y),
    "softmax": lambda x: REGISTRY["softmax"](x),
    "sum": lambda x: x.sum(),
    "sum_columns": lambda x: x.sum(axis=1, keepdims=True),
    "sum_rows": lambda x: x.sum(axis=0, keepdims=True),
    "mean": lambda x: x.mean(),
    "transpose": lambda x: x.T,
}
"""Functions that are no operation, or are called otherwise."""


def _column(x: Expression) -> Expression:
    if x.rank == 1:
        return x.reshape(x.shape[0], 1)
    return x.T if x.shape[:1] == (1,) else x


def _applied(name: str, arguments: list[Expression]) -> Expression:
    if name.endswith("'"):
        return _derivative(name.removesuffix("'"), *arguments)
    return _OWN[name](*arguments) if name in _OWN else REGISTRY[name](*arguments)


def _combined(operator: str, left: Expression, right: Expression) -> Expression:
    if operator == "@" or (operator == "·" and left.rank > 0 and right.rank > 0):
        return left @ right
    if operator == "^" and left.literal is not None:
        left = lift(float(left.literal))  # 9^9^9 of whole numbers would fill the memory
    return REGISTRY[_OPERATIONS.get(operator, "multiply")](left, right)


def _derivative(name: str, at: Expression) -> Expression:
    """The derivative of a function of one number at a place; of an array, element by element."""
    x = symbol("x")
    value = _applied(name, [x])
    program = simplify(derive_program(trace({"value": value}, inputs=[x]), ["x"], "value"))
    known = substitute(program, {"x": at}, label=False)
    slope = atom_expression(program.outputs[1][1], known)
    return slope if slope.shape == at.shape else slope + 0 * at
