"""Expressions over scalars as sums of fractions, the form in which a person simplifies them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, reduce
from operator import mul
from typing import TypeAlias

from chainrule.explain.writing.recognise import Recogniser
from chainrule.explain.writing.writer import content
from chainrule.expression import REGISTRY, Expression, lift, symbol

MOST_POWER = 4
"""The largest exponent that is written out as a product."""

LARGEST_DIVISOR = 1_000_000
"""A float that is the quotient of two whole numbers, the second not above this one, is taken for that quotient."""


@dataclass(frozen=True)
class Atom:
    """What is not taken apart: a name, or a function of something."""

    key: object
    expression: Expression = field(compare=False, repr=False)

    @property
    def size(self) -> int:
        """How many names and numbers a reader meets: one."""
        return 1


@dataclass(frozen=True)
class Term:
    """A number times the factors above, divided by those below."""

    number: Fraction
    above: tuple[Factor, ...] = ()
    below: tuple[Factor, ...] = ()

    @cached_property
    def product(self) -> tuple[object, object]:
        """The factors without the number and in any order: equal terms up to a number have the same."""
        return _bag(self.above), _bag(self.below)

    @property
    def size(self) -> int:
        """How many names and numbers a reader meets."""
        factors = sum(f.size for f in (*self.above, *self.below))
        return factors + (abs(self.number) != 1 or not self.above)

    @property
    def magnitude(self) -> Expression:
        """The term without its sign."""
        number, divisor = _written(abs(self.number))
        numerator = _powers(self.above)
        top = reduce(mul, numerator if number == 1 and numerator else [lift(number), *numerator])
        divisors = [*([] if divisor == 1 else [lift(divisor)]), *_powers(self.below)]
        return _over(top, reduce(mul, divisors)) if divisors else top


@dataclass(frozen=True)
class Sum:
    """Terms that are added; none at all is zero."""

    terms: tuple[Term, ...]

    @cached_property
    def key(self) -> object:
        """The same for sums of the same terms in another order."""
        return frozenset(Counter((t.number, t.product) for t in self.terms).items())

    @property
    def size(self) -> int:
        """How many names and numbers a reader meets."""
        return sum(t.size for t in self.terms)

    @property
    def expression(self) -> Expression:
        """The sum as an expression."""
        if not self.terms:
            return lift(0)
        first, *others = self.terms
        total = -first.magnitude if first.number < 0 else first.magnitude
        for term in others:
            total = total - term.magnitude if term.number < 0 else total + term.magnitude
        return total

    def each(self, change: Callable[[Term], Term]) -> Sum:
        """The sum with every term changed, those of sums within its terms first."""
        return total(change(_inner(term, lambda inner: inner.each(change))) for term in self.terms)

    def throughout(self, change: Callable[[Sum], Sum]) -> Sum:
        """The sum after a change of it and of every sum within its terms, from within."""
        return change(total(_inner(term, lambda inner: inner.throughout(change)) for term in self.terms))


Factor: TypeAlias = "Atom | Sum"


def fraction(number: Fraction, above: Iterable[Factor], below: Iterable[Factor] = ()) -> Term:
    """A term, in which sums of one term have become factors of their own."""
    term = Term(number)
    for factor in above:
        term = _times(term, _as_term(factor))
    for factor in below:
        term = _times(term, _turned(_as_term(factor)))
    return term


def multiplied(expressions: Iterable[Expression]) -> Expression:
    """The product of expressions, as one fraction with signs and numbers first."""
    return total([fraction(Fraction(1), map(as_sum, expressions))]).expression


def total(terms: Iterable[Term]) -> Sum:
    """A sum without the terms that are zero."""
    return Sum(tuple(term for term in terms if term.number != 0))


def as_sum(expression: Expression) -> Sum:
    """An expression over scalars as a sum of fractions: signs and numbers first, products without brackets.

    >>> from chainrule.expression import symbols
    >>> a, y = symbols("a y")
    >>> len(as_sum((a - y) / a * (1 - a)).terms), len(as_sum(a - y + 1).terms)
    (1, 3)
    """
    if expression.literal is not None:
        return total([Term(_exact(expression.literal))])
    if expression.name is not None:
        return _alone(symbol(expression.name))
    parts, operation = expression.arguments, expression.operation
    match operation.name if operation is not None else "":
        case "constant":
            return as_sum(parts[0])
        case "negative":
            return _scaled(as_sum(parts[0]), -1)
        case "add":
            return Sum(as_sum(parts[0]).terms + as_sum(parts[1]).terms)
        case "subtract":
            return Sum(as_sum(parts[0]).terms + _scaled(as_sum(parts[1]), -1).terms)
        case "multiply":
            return total([fraction(Fraction(1), map(as_sum, parts))])
        case "divide":
            return total([fraction(Fraction(1), [as_sum(parts[0])], [as_sum(parts[1])])])
        case "power" if parts[1].literal in range(1, MOST_POWER + 1):
            return total([fraction(Fraction(1), [as_sum(parts[0])] * int(parts[1].literal or 1))])
    return _alone(Recogniser()(expression))


def _alone(expression: Expression) -> Sum:
    return Sum((Term(Fraction(1), (Atom(content(expression), expression),)),))


def _inner(term: Term, change: Callable[[Sum], Sum]) -> Term:
    """A term with its factors that are sums changed."""

    def changed(factors: tuple[Factor, ...]) -> list[Factor]:
        return [change(f) if isinstance(f, Sum) else f for f in factors]

    return fraction(term.number, changed(term.above), changed(term.below))


def _scaled(x: Sum, number: int) -> Sum:
    return Sum(tuple(replace(t, number=number * t.number) for t in x.terms))


def _as_term(factor: Factor) -> Term:
    if isinstance(factor, Sum) and len(factor.terms) < 2:
        return factor.terms[0] if factor.terms else Term(Fraction(0))
    return Term(Fraction(1), (factor,))


def _times(x: Term, y: Term) -> Term:
    return Term(x.number * y.number, x.above + y.above, x.below + y.below)


def _turned(term: Term) -> Term:
    return Term(1 / term.number, term.below, term.above)


def _bag(factors: tuple[Factor, ...]) -> object:
    """The same for the same factors in any order."""
    return frozenset(Counter(f.key for f in factors).items())


def _powers(factors: tuple[Factor, ...]) -> list[Expression]:
    """The factors, those that occur several times as powers."""
    times = Counter(f.key for f in factors)
    first = {f.key: f for f in reversed(factors)}
    keys = dict.fromkeys(f.key for f in factors)
    return [first[k].expression ** times[k] if times[k] > 1 else first[k].expression for k in keys]


def _over(x: Expression, y: Expression) -> Expression:
    """A quotient; that of two numbers stays one, as 1 / 3 does on paper."""
    return x / y if x.literal is None else Expression((), operation=REGISTRY["divide"], arguments=(x, y))


def _exact(value: float) -> Fraction:
    """The number that a person means by a float: 1/3 by 0.3333333333333333."""
    near = Fraction(value).limit_denominator(LARGEST_DIVISOR)
    return near if float(near) == value else Fraction(value)


def _written(number: Fraction) -> tuple[float | int, int]:
    """A number as people write it: 0.25, 2 / 3; what is no short fraction with all its digits."""
    above, below = number.as_integer_ratio()
    if below == 1 or (10**4 % below and below <= LARGEST_DIVISOR):
        return above, below
    return above / below, 1
