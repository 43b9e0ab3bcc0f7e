"""Short forms for the records of common kinds of operation."""

from __future__ import annotations

from typing import Any

from chainrule.expression import REGISTRY, Operation, Spelling, register
from chainrule.shapes import Shape, broadcast

operations = REGISTRY
"""Every operation by name."""


def written(spelling: str | tuple[str, int] | Spelling) -> Spelling:
    """A spelling from a template, or from a template and its precedence."""
    if isinstance(spelling, Spelling):
        return spelling
    return Spelling(spelling) if isinstance(spelling, str) else Spelling(*spelling)


def free(out: Shape, *shapes: Shape) -> Shape:
    """The arithmetic of operations that only move data: none."""
    return (0,)


def operation(
    name: str,
    arguments: str,
    *,
    python: str | tuple[str, int] | Spelling = "",
    latex: str | tuple[str, int] | Spelling = "",
    words: str | tuple[str, int] | Spelling = "",
    **record: Any,
) -> Operation:
    """Register an operation; without a Python spelling it is written as a call of a helper of its name."""
    names = tuple(arguments.split())
    call = ", ".join(f"{{{n}}}" for n in names)
    return register(
        Operation(
            name,
            names,
            python=written(python or Spelling(f"{name}({call})", helper=True)),
            latex=written(latex or rf"\operatorname{{{{{name.replace('_', chr(92) + '_')}}}}}({call})"),
            words=written(words or f"{name.replace('_', ' ')} of {call.replace(', ', ' and ')}"),
            **record,
        )
    )


def elementwise(name: str, arguments: str, **record: Any) -> Operation:
    """Register an operation that works element by element; its arguments broadcast."""
    return operation(name, arguments, shape=broadcast, **record)
