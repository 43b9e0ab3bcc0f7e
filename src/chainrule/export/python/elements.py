"""How operations on single numbers are spelled in plain Python."""

from __future__ import annotations

from typing import Final

from chainrule.expression import Spelling
from chainrule.ops.define import written


def _comparison(sign: str) -> Spelling:
    return Spelling(f"{{x:6}} {sign} {{y:6}}", 5)


_FUNCTIONS: Final = ("abs", "sign", "floor", "exp", "expm1", "log", "log1p", "sin", "cos", "sqrt", "tanh", "erf")

_SPELLINGS: Final[dict[str, str | tuple[str, int] | Spelling]] = {
    "add": ("{x:10} + {y:11}", 10),
    "subtract": ("{x:10} - {y:11}", 10),
    "multiply": ("{x:20} * {y:21}", 20),
    "divide": "divide({x}, {y})",
    "negative": ("-{x:30}", 30),
    "power": "power({x}, {y})",
    "maximum": "max({x}, {y})",
    "minimum": "min({x}, {y})",
    "where": ("{x:6} if {condition:6} else {y:6}", 3),
    "less": _comparison("<"),
    "less_equal": _comparison("<="),
    "greater": _comparison(">"),
    "greater_equal": _comparison(">="),
    "equal": _comparison("=="),
    "not_equal": _comparison("!="),
    "constant": ("{x:100}", 100),
    "stop_gradient": ("{x:100}", 100),
    "to_float": "float({x})",
    "to_int": "int({x})",
    "relu": "max({x}, 0.0)",
    **{name: f"{name}({{x}})" for name in _FUNCTIONS},
}

ELEMENTS: Final = {name: written(spelling) for name, spelling in _SPELLINGS.items()}
"""Operations on single numbers; functions are those of :mod:`chainrule.export.python.lists`, of math, and built in."""
