"""Simplifying step by step: named rules of algebra, applied until none applies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from chainrule.document import Formula
from chainrule.explain.writing.algebra import Atom, Factor, Sum, Term, fraction, total
from chainrule.expression import Expression, symbol


@dataclass(frozen=True)
class Facts:
    """What may be used.

    Args:
        known: names of values that are fractions, with the fraction: q = e^z / s.
        ones: sets of names that add up to 1.
    """

    known: Mapping[str, Term] = field(default_factory=dict)
    ones: Sequence[frozenset[str]] = ()


@dataclass(frozen=True)
class Rule:
    """A rule of algebra: its name, and the change that it makes, with the values for which its condition has to hold.

    ``conditions`` writes what has to hold of these values; without it, the rule holds always.
    """

    name: str
    change: Callable[[Sum, Facts], tuple[Sum, Sequence[Factor]]]
    conditions: Callable[[Sequence[Formula]], list[Formula]] = lambda subjects: []


@dataclass(frozen=True)
class Step:
    """A rule, applied: what came of it, and the values for which its condition has to hold."""

    rule: Rule
    result: Sum
    subjects: tuple[Expression, ...]


def steps(start: Sum, facts: Facts) -> list[Step]:
    """The steps that lead to the shortest form that the rules reach.

    Brackets are multiplied out only where that lets the end be shorter.
    """
    taken = _settle(start, facts, _FRACTIONS)
    here = taken[-1].result if taken else start
    direct = _settle(here, facts, _ALL)
    opened = _settle(here, facts, (MULTIPLY_OUT,))
    if opened:
        opened += _settle(opened[-1].result, facts, _ALL)
        if opened[-1].result.size < (direct[-1].result if direct else here).size:
            return taken + opened
    return taken + direct


def _settle(start: Sum, facts: Facts, rules: Sequence[Rule]) -> list[Step]:
    """One rule after another, the first that changes something, until none does."""
    taken: list[Step] = []
    here = start
    while True:
        for rule in rules:
            result, subjects = rule.change(here, facts)
            if result != here:
                taken.append(Step(rule, result, tuple(s.expression for s in subjects)))
                here = result
                break
        else:
            return taken


def _known(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """Write q where its numerator stands above its denominator."""

    def named(term: Term) -> Term:
        for name, whole in facts.known.items():
            rest_above, rest_below = _without(term.above, whole.above), _without(term.below, whole.below)
            if rest_above is not None and rest_below is not None:
                atom = Atom(name, symbol(name))
                used.append(atom)
                return fraction(term.number / whole.number, [atom, *rest_above], rest_below)
        return term

    used: list[Factor] = []
    return x.each(named), used


def _without(factors: tuple[Factor, ...], part: tuple[Factor, ...]) -> list[Factor] | None:
    """The factors that are left without some of them; ``None`` if these are not among them."""
    rest = list(factors)
    for wanted in part:
        place = next((n for n, f in enumerate(rest) if f.key == wanted.key), None)
        if place is None:
            return None
        del rest[place]
    return rest


def _common_denominator(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """Within a product, a / c + b / d = (a d + b c) / (c d): where something cancels then, or c = d."""

    def joined(term: Term) -> Term:
        for n, inner in enumerate(term.above):
            if not isinstance(inner, Sum) or not any(t.below for t in inner.terms):
                continue
            shared = _union([t.below for t in inner.terms])
            others = {f.key for m, f in enumerate(term.above) if m != n}
            if any(f.key in others for f in shared) or len({t.product[1] for t in inner.terms}) == 1:
                over = total(fraction(t.number, [*t.above, *(_without(shared, t.below) or [])]) for t in inner.terms)
                above = [over if m == n else f for m, f in enumerate(term.above)]
                return fraction(term.number, above, [*term.below, *shared])
        return term

    return x.each(joined), []


def _union(bags: Sequence[tuple[Factor, ...]]) -> tuple[Factor, ...]:
    """Each factor as often as it occurs in the bag that has most of it."""
    found: list[Factor] = []
    for bag in bags:
        for factor in bag:
            have = sum(f.key == factor.key for f in found)
            if have < sum(f.key == factor.key for f in bag):
                found.append(factor)
    return tuple(found)


def _cancel(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """Equal factors fall out: a b / a = b."""

    def cancelled(term: Term) -> Term:
        above, below = term.above, []
        for factor in term.below:
            rest = _without(above, (factor,))
            if rest is None:
                below.append(factor)
            else:
                above = tuple(rest)
                subjects.append(factor)
        return fraction(term.number, above, below)

    subjects: list[Factor] = []
    return x.each(cancelled), list({s.key: s for s in subjects}.values())


def _multiply_out(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """(a + b) c = a c + b c, until no bracket is left above."""
    return total(made for term in x.terms for made in _opened(term)), []


def _opened(term: Term) -> Iterator[Term]:
    choices = [f.terms if isinstance(f, Sum) else (Term(Fraction(1), (f,)),) for f in term.above]
    for chosen in product(*choices):
        number, below = term.number, list(term.below)
        above: list[Factor] = []
        for part in chosen:
            number *= part.number
            above += part.above
            below += part.below
        made = fraction(number, above, below)
        if any(isinstance(f, Sum) for f in made.above):
            yield from _opened(made)
        else:
            yield made


def _like_terms(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """2 a + 3 a = 5 a; what is taken away again falls out."""
    return x.throughout(_gathered), []


def _gathered(x: Sum) -> Sum:
    groups: dict[object, Term] = {}
    for term in x.terms:
        met = groups.get(term.product)
        groups[term.product] = term if met is None else Term(met.number + term.number, met.above, met.below)
    return total(groups.values())


def _ones(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """y1 + y2 + y3 = 1."""

    def replaced(inner: Sum) -> Sum:
        for names in facts.ones:
            parts = {t: f.key for t in inner.terms if not t.below for f in t.above[:1] if len(t.above) == 1}
            those = [t for t, key in parts.items() if key in names]
            if len(those) == len(names) and len({t.number for t in those}) == 1:
                used.extend(t.above[0] for t in those)
                return _gathered(Sum((Term(those[0].number), *(t for t in inner.terms if t not in those))))
        return inner

    used: list[Factor] = []
    changed = x.throughout(replaced)
    return changed, list({f.key: f for f in used}.values())


def _collect(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """For the factor that most terms have, a computed one rather than a given one: a c + b c = c (a + b)."""

    def collected(inner: Sum) -> Sum:
        counts = Counter(key for t in inner.terms for key in {f.key for f in t.above})
        computed = {key: key in facts.known for key in counts}
        chosen = max(counts, key=lambda key: (counts[key], computed[key]), default=None)
        if chosen is None or counts[chosen] < 2:
            return inner
        with_it = [t for t in inner.terms if any(f.key == chosen for f in t.above)]
        factor = next(f for f in with_it[0].above if f.key == chosen)
        rest = total(fraction(t.number, _without(t.above, (factor,)) or [], t.below) for t in with_it)
        shared = {abs(t.number) for t in with_it}
        scale = shared.pop() if len(shared) == 1 else Fraction(1)
        bracket = Sum(tuple(Term(t.number / scale, t.above, t.below) for t in rest.terms))
        made = fraction(scale, [factor, bracket])
        result = Sum(tuple(made if t is with_it[0] else t for t in inner.terms if t not in with_it[1:]))
        return result if result.size < inner.size else inner

    return x.throughout(collected), []


def _order(x: Sum, facts: Facts) -> tuple[Sum, list[Factor]]:
    """-a + b = b - a."""

    def ordered(inner: Sum) -> Sum:
        if not inner.terms or inner.terms[0].number > 0:
            return inner
        return Sum(tuple(sorted(inner.terms, key=lambda t: t.number < 0)))

    return x.throughout(ordered), []


def _not_zero(subjects: Sequence[Formula]) -> list[Formula]:
    return [Formula(rf"{s.latex} \neq 0", f"{s.text} ≠ 0") for s in subjects]


def _one(subjects: Sequence[Formula]) -> list[Formula]:
    return [Formula(" + ".join(s.latex for s in subjects) + " = 1", " + ".join(s.text for s in subjects) + " = 1")]


KNOWN = Rule("write a known value by its name", _known)
COMMON_DENOMINATOR = Rule("bring to a common denominator", _common_denominator)
CANCEL = Rule("cancel what stands above and below", _cancel, _not_zero)
MULTIPLY_OUT = Rule("multiply the brackets out", _multiply_out)
LIKE_TERMS = Rule("add up equal terms", _like_terms)
ONES = Rule("put 1 for the sum of the targets", _ones, _one)
COLLECT = Rule("take out the common factor", _collect)
ORDER = Rule("write the term without a minus first", _order)

_FRACTIONS = (KNOWN, COMMON_DENOMINATOR, CANCEL, LIKE_TERMS)
_ALL = (*_FRACTIONS, ONES, COLLECT, ORDER)

RULES: tuple[Rule, ...] = (*_ALL, MULTIPLY_OUT)
"""The rules. Each gives an equal value, wherever its condition holds."""
