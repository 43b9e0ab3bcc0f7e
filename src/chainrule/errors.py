"""Exceptions whose message says what is wrong, where, and what to do.

Each message is one line in plain words. The command line prints it and exits with code 2.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose."""


class ShapeError(ChainruleError, ValueError):
    """Shapes or element types that do not fit together."""


class ArgumentError(ChainruleError, ValueError):
    """An argument outside its range, or of the wrong kind."""


class UnknownNameError(ChainruleError, ValueError):
    """A name that is not among those known; the message gives the nearest."""


class ProgramError(ChainruleError, ValueError):
    """A program that breaks a rule of the intermediate representation."""


class NotDifferentiableError(ChainruleError, ValueError):
    """A derivative was asked for where none is defined."""


class DataError(ChainruleError, ValueError):
    """A table, a column or an array that cannot be used as it is."""


class CellError(DataError):
    """A value of a table that cannot be used as it is.

    >>> print(CellError("age", 3, "'abc' is not a number").after(1000))
    column 'age', row 1003: 'abc' is not a number
    """

    def __init__(self, column: str, row: int, problem: str) -> None:
        super().__init__(f"column {column!r}, row {row}: {problem}")
        self.column, self.row, self.problem = column, row, problem

    def after(self, rows: int) -> CellError:
        """The same error in a table that has so many rows before this part of it."""
        return self.at(self.row + rows)

    def at(self, row: int) -> CellError:
        """The same error in another row."""
        return CellError(self.column, row, self.problem)

    def __reduce__(self) -> tuple[type[CellError], tuple[str, int, str]]:
        return CellError, (self.column, self.row, self.problem)


class ModelFileError(ChainruleError, ValueError):
    """A model file that is damaged, truncated, or not one of ours."""


class EngineError(ChainruleError, RuntimeError):
    """An engine that is not to be had here, or cannot run a program; ``engine="auto"`` takes another."""


class NonFiniteError(ChainruleError, ArithmeticError):
    """Training met an infinite or undefined value; the parameters are those from before that step.

    Attributes:
        row: the number of the row, counted from 0 in the order given to ``fit``, that it comes from; ``None`` where it
            is not the doing of one row. The message has it where ``{row}`` (counted from 1) and ``{index}`` stand.
    """

    row: int | None = None

    def __str__(self) -> str:
        text = super().__str__()
        if self.row is None:
            return text
        return text.replace("{row}", str(self.row + 1)).replace("{index}", str(self.row))


class Numbered(Protocol):
    """Row numbers by place: a list or an array of whole numbers."""

    def __getitem__(self, place: int, /) -> Any: ...


@contextmanager
def rows_numbered(numbers: Numbered) -> Iterator[None]:
    """Inside, rows are taken from data of someone else's: errors name a row by its number there.

    >>> with rows_numbered([7, 2, 5]):
    ...     error = NonFiniteError("row {row} is infinite")
    ...     error.row = 2
    ...     raise error
    Traceback (most recent call last):
    chainrule.errors.NonFiniteError: row 6 is infinite
    """
    try:
        yield
    except NonFiniteError as error:
        if error.row is not None:
            error.row = int(numbers[error.row])
        raise


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """An error for ``name`` that points to the nearest of the ``known`` names.

    >>> print(unknown_name("activation", "rellu", ["relu", "tanh"]))
    unknown activation 'rellu': did you mean 'relu'? Known are: relu, tanh
    """
    names = sorted(known)
    by_lower = {n.lower(): n for n in names}
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    hint = f": did you mean {by_lower[near[0]]!r}?" if near else "."
    listed = ", ".join(names) if names else "none"
    return UnknownNameError(f"unknown {kind} {name!r}{hint} Known are: {listed}")


def whole_number(name: str, value: object, least: int) -> int:
    """``value`` as an integer of at least ``least``, NumPy's integers too; :class:`ArgumentError` otherwise.

    >>> whole_number("epochs", 3, least=0)
    3
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ArgumentError(f"{name} must be a whole number from {least}, not {value!r}")
    return number


def require(condition: bool, message: str) -> None:
    """Raise :class:`ArgumentError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ArgumentError(message)
