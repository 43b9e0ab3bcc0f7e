"""Formulas as people type them: a small grammar, read by recursive descent; nothing is evaluated as Python."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from chainrule.errors import ArgumentError, UnknownNameError, unknown_name
from chainrule.explain.terms import Term, argument_count, function_name, has_slope
from chainrule.expression import Expression, lift, symbol
from chainrule.show.numbers import counted

MOST_CHARACTERS: Final = 500
MOST_NESTED: Final = 50
LONGEST_NAME: Final = 40

Names: TypeAlias = Mapping[str, Expression]
"""What each name stands for."""

_SIGNS = {
    **dict.fromkeys("−–—", "-"),
    **dict.fromkeys("’‘′ʹ`", "'"),
    "″": "''",
    "∕": "/",
    "÷": "/",
    "⊙": "*",
    "∘": "*",
    "∗": "*",
    "×": "·",
    "⋅": "·",
    "∙": "·",
    "•": "·",
    "ᵀ": "^T",
    "⊤": "T",
    "\u00a0": " ",
    "\t": " ",
    "\n": " ",
    **{s: str(n) for n, s in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{s: f"^{n}" for n, s in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
"""Signs by which people write the same."""

_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORD = re.compile(r"[^\W\d_]\w*'*(\[\d+(,\d+)*\])?")
_LETTERS = re.compile(r"[^\W\d_]\w*")


def plain_formula(text: str) -> str:
    """The formula with one sign for each of the signs by which people write the same.

    >>> plain_formula("−2·(Y − Y′)²")
    "-2·(Y - Y')^2"
    """
    text = re.sub("⁽([⁰¹²³⁴⁵⁶⁷⁸⁹]+)⁾", lambda found: f"({found[1].translate(_LOWERED)})", text)
    plain = "".join(_SIGNS.get(c, c) for c in text)
    return re.sub(r"_\{(\w+)\}", r"_\1", plain)


def parse_formula(text: str, names: Names | None = None) -> Expression:
    """Read a formula: ``+ - * / ^``, brackets, ``|x|``, and functions by name.

    Factors may stand beside each other (``2 x (1 - y)``) where that can be read in one way only. A prime after a
    function is its derivative: ``tanh'(z)``. Between arrays, ``*`` multiplies element by element; ``@``, ``·``, ``×``
    and standing beside each other make the matrix product; ``^T`` or ``.T`` transposes, and ``outer(a, b)`` is the
    column ``a`` times the row ``b``.

    Args:
        text: at most 500 characters.
        names: what each name stands for; by default every name is a symbol for a number.

    Raises:
        ArgumentError: where the text cannot be read, with the place and what to do.
        UnknownNameError: for a name that stands for nothing, with the nearest that does.

    >>> import chainrule as cr
    >>> f = parse_formula("(x3 + x5) − σ(w3·x3 + w4 x4)")
    >>> float(cr.evaluate(f, x3=1, x4=2, x5=0.5, w3=-1, w4=0.5))
    1.0
    >>> parse_formula("2 +* 3")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: cannot read '2 +* 3' at character 4, '*': a number, a name or a bracket belongs here
    """
    return read_formula(text, names).expression()


def read_formula(text: str, names: Names | None = None) -> Term:
    """The parts of a formula, for those who look at how it was written; see :func:`parse_formula`."""
    return _Reader(text, _Symbols() if names is None else names).formula()


class _Symbols(dict[str, Expression]):
    """Every name as a symbol for a number; ``W1[0,1]`` is called W1_0_1, and a prime is spelled out."""

    def __missing__(self, name: str) -> Expression:
        if not _WORD.fullmatch(name) or name in _CONSTANTS or function_name(name.rstrip("'")):
            raise KeyError(name)
        spelled = re.sub(r"[\[,]", "_", name.replace("]", "")).replace("'", "_prime")
        self[name] = symbol(spelled)
        return self[name]


class _Reader:
    """One walk over a text, from left to right."""

    def __init__(self, text: str, names: Names) -> None:
        self.given, self.text, self.names = text, plain_formula(text), names
        self.at, self.depth, self.bars = 0, 0, 0
        self.lengths: dict[int, int] = {}
        if len(text) > MOST_CHARACTERS:
            raise ArgumentError(
                f"a formula of {len(text)} characters is too long (the limit is {MOST_CHARACTERS}): name its parts"
            )

    def formula(self) -> Term:
        """The whole text."""
        term = self._sum()
        if self._next():
            self._fail(_COMMA if self._next() == "," else "an operator belongs here")
        return term

    def _next(self) -> str:
        """The next character that is no blank; nothing at the end."""
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _here(self) -> int:
        """The place of the next character that is no blank."""
        self._next()
        return self.at

    def _take(self, *signs: str) -> str:
        """The sign that stands next, if it is one of these; it is read."""
        self._next()
        for sign in signs:
            if self.text.startswith(sign, self.at):
                self.at += len(sign)
                return sign
        return ""

    def _fail(self, remedy: str) -> NoReturn:
        found = repr(self.text[self.at]) if self._next() else "the end"
        raise ArgumentError(f"cannot read {self.given!r} at character {self.at + 1}, {found}: {remedy}")

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MOST_NESTED:
            self._fail(f"parts are nested more than {MOST_NESTED} deep: name them")

    # Operators, from the weakest to the strongest

    def _sum(self) -> Term:
        self._deeper()
        at, parts, operators = self._here(), [self._product()], []
        while sign := self._take("+", "-"):
            operators.append(sign)
            parts.append(self._product())
        self.depth -= 1
        return Term(at, None, tuple(parts), tuple(operators)) if operators else parts[0]

    def _product(self) -> Term:
        at, parts = self._here(), [self._signed()]
        operators: list[str] = []
        while True:
            if sign := self._operator():
                operators.append(sign)
                parts.append(self._signed())
            elif self._begins_factor():
                if operators[-1:] == ["/"] and not all(_is_number(p) for p in parts[-2:]):
                    self._fail("a / b c can be read in two ways, so write (a / b) * c or a / (b * c)")
                operators.append("·")
                parts.append(self._power())
            else:
                return Term(at, None, tuple(parts), tuple(operators)) if operators else parts[0]

    def _operator(self) -> str:
        """The sign of a product or a quotient, if one stands next."""
        if self._next() == "." and not re.match(r"\.(\d|T\b)", self.text[self.at :]):
            self.at += 1
            return "·"
        return self._take("*", "/", "@", "·")

    def _begins_factor(self) -> bool:
        character = self._next()
        if character == "|":
            return self.bars == 0
        return character.isalnum() or character in {"∂", *_CLOSING}

    def _signed(self) -> Term:
        at, signs = self._here(), ""
        while sign := self._take("+", "-"):
            signs += sign
        power = self._power()
        return Term(at, None, (power,), function="negative") if signs.count("-") % 2 else power

    def _power(self) -> Term:
        at, base = self._here(), self._marked()
        if not self._take("**", "^"):
            return base
        self._deeper()
        exponent = self._signed()
        self.depth -= 1
        return Term(at, None, (base, exponent), ("^",))

    def _marked(self) -> Term:
        """A factor with marks of transposition."""
        at, factor = self._here(), self._factor()
        while mark := re.match(r"(\^\{?T\b\}?|\.T\b)", self.text[self.at :]):
            self.at += len(mark[0])
            factor = Term(at, None, (factor,), function="transpose")
        return factor

    def _factor(self) -> Term:
        character, at = self._next(), self.at
        if number := _NUMBER.match(self.text, at):
            self.at = number.end()
            return Term(at, lift(self._number(number[0])))
        if character in _CLOSING:
            self.at += 1
            return self._inside(_CLOSING[character])[0]
        if character == "|":
            self.at, self.bars = at + 1, self.bars + 1
            inside = self._sum()
            self.bars -= 1
            self._close("|")
            return Term(at, None, (inside,), function="abs")
        if not (character.isalpha() or character == "∂"):
            self._fail("a number, a name or a bracket belongs here")
        return self._name()

    def _number(self, digits: str) -> float | int:
        if digits.isdecimal() and len(digits) < 16:
            return int(digits)
        if not math.isfinite(float(digits)):
            self._fail(f"{digits} is too large a number")
        return float(digits)

    def _inside(self, closing: str) -> list[Term]:
        """What stands in brackets, separated by commas."""
        bars, self.bars = self.bars, 0
        parts = [self._sum()]
        while closing == ")" and self._take(","):
            parts.append(self._sum())
        self.bars = bars
        self._close(closing)
        return parts

    def _close(self, sign: str) -> None:
        if not self._take(sign):
            self._fail(_COMMA if self._next() == "," else f"{sign!r} is missing")

    # Names and functions

    def _name(self) -> Term:
        at, letters = self.at, _LETTERS.match(self.text, self.at)
        word, length = letters[0] if letters else "", self._length(self.at)
        if len(word) > LONGEST_NAME:
            self._fail(f"a name of {len(word)} letters is too long (the limit is {LONGEST_NAME})")
        if length < len(word) and function_name(word):
            return self._call(word)
        if length < len(word) and word in _CONSTANTS:
            self.at += len(word)
            return Term(at, lift(_CONSTANTS[word]))
        if not length:
            shown = _WORD.match(self.text, at)
            error = unknown_name("name", shown[0] if shown else self.text[at], self.names)
            raise UnknownNameError(f"cannot read {self.given!r} at character {at + 1}: {error}")
        self.at = at + length
        return Term(at, self._known(at, length))

    def _known(self, at: int, length: int) -> Expression | None:
        name = re.sub(r" *([/,\[\]]) *", r"\1", self.text[at : at + length])
        try:
            return self.names[name]
        except KeyError:
            return None

    def _length(self, at: int) -> int:
        """The length of the longest known name at a place after which something else may begin."""
        if at not in self.lengths:
            lengths = range(min(LONGEST_NAME, len(self.text) - at), 0, -1)
            fits = (n for n in lengths if self.text[at + n - 1] != " " and self._known(at, n) is not None)
            self.lengths[at] = next((n for n in fits if self._ends(at + n)), 0)
        return self.lengths[at]

    def _ends(self, at: int) -> bool:
        """Whether a name may end here: also where another begins at once, as in ``W211O11``."""
        following = self.text[at : at + 1]
        return not re.match(r"[\w']", following) or (following.isalpha() and self._length(at) > 0)

    def _call(self, word: str) -> Term:
        at = self.at
        self.at += len(word)
        name = function_name(word)
        needed = argument_count(name)
        name += self._take("'") if has_slope(name) else ""
        parts = self._inside(")") if self._take("(") else [self._power()]
        if len(parts) != needed:
            self.at = at
            self._fail(f"{word} takes {counted(needed, 'argument')}, not {len(parts)}")
        return Term(at, None, tuple(parts), function=name)


def _is_number(term: Term) -> bool:
    return term.leaf is not None and term.leaf.literal is not None


_CLOSING = {"(": ")", "[": "]", "{": "}"}
_COMMA = "write a decimal point, not a comma"
