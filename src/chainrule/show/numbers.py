"""Numbers as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

DIGITS = 6
"""Significant digits of a number in a sentence or a table."""

_BESIDE: Final = re.compile(r"([^\w\s+-]?\s?)[+-]?\d+(?:[.,' ]\d+)*(\D{0,4})")
"""A number with a sign of a currency before it, or a unit behind it; letters before it make a name of it."""

_MOST_BESIDE: Final = 3
"""Different texts beside numbers that are still units, and not names with a number in them."""


def number_text(value: float, digits: int = DIGITS) -> str:
    """A number rounded to significant digits; very large and very small ones with a power of ten.

    >>> number_text(0.1 + 0.2), number_text(-0.0), number_text(2.0), number_text(1.5e-9), number_text(123456789.0)
    ('0.3', '0', '2', '1.5e-9', '1.23457e8')
    """
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    if float(value) == 0:
        return "0"
    return f"{mantissa}e{int(exponent)}" if e else text


def grouped_text(value: float, digits: int = 4) -> str:
    """A number rounded to significant digits; a large one with its thousands set apart.

    >>> grouped_text(621234.5), grouped_text(-0.01234), grouped_text(4178.6), grouped_text(1.5e20)
    ('621,200', '-0.01234', '4,179', '1.5e20')
    """
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e15 else number_text(value, digits)


def number_latex(value: float, digits: int = DIGITS) -> str:
    r"""The same in LaTeX.

    >>> number_latex(1.5e-9), number_latex(-0.25), number_latex(float("inf"))
    ('1.5 \\cdot 10^{-9}', '-0.25', '\\infty')
    """
    text = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(t := number_text(value, digits), t)
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{exponent}}}" if e else text


def exact_text(value: float) -> str:
    """The shortest text that reads back as the same number, without a power of ten where that is short.

    >>> exact_text(0.1), exact_text(1e-05), exact_text(3.0)
    ('0.1', '0.00001', '3')
    """
    text = format(Decimal(repr(float(value))).normalize(), "f")
    return text if len(text) <= 12 else repr(float(value))


def bytes_text(number: float) -> str:
    """A size of memory.

    >>> bytes_text(512), bytes_text(1.5e6)
    ('512 bytes', '1.5 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} bytes"


def seconds_text(seconds: float) -> str:
    """A duration, to two digits.

    >>> seconds_text(3e-5), seconds_text(0.25), seconds_text(5400)
    ('30 us', '250 ms', '1.5 h')
    """
    units = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
    unit = next((unit for unit, size in units.items() if seconds >= size), "us")
    number = seconds / units[unit]
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"


def counted(number: int, noun: str) -> str:
    """The number and its noun.

    >>> counted(1, "row"), counted(2, "row"), counted(3, "category")
    ('1 row', '2 rows', '3 categories')
    """
    return f"{number} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """The noun as it stands after the number."""
    if number == 1:
        return noun
    return noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + "s"


def listed(words: Sequence[object], most: int) -> str:
    """The first few of a list, and how many more there are.

    >>> listed("abc", 3), listed("abcd", 3)
    ('a, b, c', 'a, b, c and 1 more')
    """
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(map(str, words[:most])) + more


def are_amounts(texts: Iterable[str]) -> bool:
    """Whether all texts are numbers written with something else: a currency, a unit, commas.

    >>> are_amounts(["$1,250.00", "$3"]), are_amounts(["6.9 lb", "12 lb"]), are_amounts(["B12", "B7"])
    (True, True, False)
    """
    found = [_BESIDE.fullmatch(text) for text in texts]
    return bool(found) and all(found) and len({match.groups() for match in found if match}) <= _MOST_BESIDE
