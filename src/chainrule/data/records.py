"""Reads what was learnt about a table from JSON, and refuses what ``to_json`` could not have made."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn, cast

from chainrule.errors import ModelFileError


class Fields:
    """The fields of one JSON object, read by name and type.

    >>> Fields({"mean": 3}, "column 1").number("mean")
    3.0
    >>> Fields({"mean": "3"}, "column 1").number("mean")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    chainrule.errors.ModelFileError: column 1: 'mean' should be a finite number, not '3'; ...
    """

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            raise ModelFileError(f"{where} should be an object, not {_shown(value)}; the model file is damaged")
        self._values = value

    def wrong(self, key: str, expected: str) -> NoReturn:
        """Raise the error that says that the field ``key`` should be ``expected``."""
        found = _shown(self._values[key]) if key in self._values else "absent"
        raise ModelFileError(f"{self.where}: {key!r} should be {expected}, not {found}; the model file is damaged")

    def text(self, key: str, among: Iterable[str] | None = None) -> str:
        """A string; one of those in ``among``, where given."""
        value = self._values.get(key)
        if not isinstance(value, str):
            self.wrong(key, "text")
        if among is not None and value not in (known := tuple(among)):
            self.wrong(key, f"one of {', '.join(known)}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self._values.get(key)
        if not _is_finite(value):
            self.wrong(key, "a finite number")
        return float(cast("float", value))

    def scale(self, key: str) -> float:
        """A finite number above 0."""
        value = self.number(key)
        if value <= 0:
            self.wrong(key, "above 0")
        return value

    def count(self, key: str) -> int:
        """A whole number, 0 or more."""
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.wrong(key, "a count")
        return value

    def value(self, key: str) -> object:
        """Anything, None where it is absent."""
        return self._values.get(key)

    def items(self, key: str) -> list[object]:
        """A list."""
        value = self._values.get(key)
        if not isinstance(value, list | tuple):
            self.wrong(key, "a list")
        return list(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        items = self.items(key)
        if not all(_is_finite(item) for item in items):
            self.wrong(key, "a list of finite numbers")
        return tuple(map(float, cast("list[float]", items)))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            self.wrong(key, "a list of text")
        return tuple(cast("list[str]", items))

    def tables(self, key: str, width: int) -> tuple[tuple[float, ...], ...]:
        """A list of rows of ``width`` finite numbers each."""
        rows = self.items(key)
        for row in rows:
            if not isinstance(row, list | tuple) or len(row) != width or not all(map(_is_finite, row)):
                self.wrong(key, f"rows of {width} finite numbers")
        return tuple(tuple(map(float, row)) for row in cast("list[list[float]]", rows))

    def record(self, key: str) -> Fields:
        """An object."""
        return Fields(self.value(key), f"{self.where}, {key}")

    def records(self, key: str) -> list[Fields]:
        """A list of objects."""
        return [Fields(item, f"{self.where}, {key} {place}") for place, item in enumerate(self.items(key), start=1)]


def _is_finite(value: object) -> bool:
    # NaN fails every comparison.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
