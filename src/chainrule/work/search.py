"""Which slips may have led to a wrong answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final

from chainrule.explain import Gate
from chainrule.expression import Expression, lift, symbol
from chainrule.work.problem import Problem
from chainrule.work.quantities import Quantity
from chainrule.work.slips import STEPS, Slip
from chainrule.work.variations import (
    SCALES,
    Variation,
    exchanged,
    factors,
    indices,
    names_in,
    parts,
    renamed,
    slopes,
    stages,
)
from chainrule.work.world import Edge, depending

_ZERO: Final = lift(0.0)
_OTHERS: Final = ", and so it is in the others like it"


class Slips:
    """The slips that people make with the quantities of a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.circuit = problem, problem.circuit

    def _show(self, name: str) -> str:
        return self.problem.written[name]

    def of(self, asked: Iterable[Quantity]) -> Iterator[list[Slip]]:
        """The slips that may have led to a wrong answer about these quantities, in lists: the likelier ones first."""
        quantities = list(asked)
        first, names = quantities[0], [q.of for q in quantities]
        if first.new:
            yield [*self._steps(), *self._derivative(self.circuit.output, names)]
            yield self._forward([self.circuit.output])
        elif first.by:
            yield [*self._derivative(first.of, [q.by for q in quantities]), *self._others(quantities)]
            yield self._forward([first.of])
        else:
            yield [*self._value(names), *self._forward(names, names), *self._others(quantities)]
            yield self._forward(names)

    # A step of gradient descent

    def _steps(self) -> Iterator[Slip]:
        for step, (kind, words) in STEPS.items():
            yield Slip(kind, words, step=step)

    # A derivative: a sum over paths of products

    def _derivative(self, of: str, by: list[str]) -> Iterator[Slip]:
        yield from self._batch(of, by)
        yield from (Slip(kind, words, scale=n) for kind, words, n in SCALES)
        edges = self._edges(of, by)
        changes = [(edge, v) for edge in edges for v in self._variations(edge)]
        yield from self._alike(changes)
        yield from (Slip(v.kind, v.words, {edge: v.formula}) for edge, v in changes)
        yield from self._lost_paths(of, by)
        yield from self._transposed(edges)
        words = "weights after their step were used in the backward pass; it needs the old ones"
        yield Slip("new weights", words, renewed=True)

    def _edges(self, of: str, by: list[str]) -> list[Edge]:
        """The partial derivatives on the paths between two scalars, from above."""
        below, above = frozenset().union(*(depending(self.circuit, name) for name in by)), self._above([of])
        return [
            (gate.name, name)
            for gate in reversed(self.circuit.gates)
            if gate.name in above and gate.name in below
            for name in gate.inputs
            if name in below
        ]

    def _above(self, names: Iterable[str]) -> set[str]:
        """Scalars, and everything on which they depend."""
        found = set(names)
        for gate in reversed(self.circuit.gates):
            if gate.name in found:
                found.update(gate.inputs)
        return found

    def _variations(self, edge: Edge) -> Iterator[Variation]:
        gate, by = self.circuit.gate[edge[0]], edge[1]
        partial = gate.partials[by]
        yield from slopes(partial, gate.name, by, gate.formula, self._show)
        yield from indices(partial, self.siblings, self._show)
        yield from stages(partial, self._partners, self._show)
        yield from exchanged(partial, self._pairs, self._show)
        yield from factors(partial, self._show)
        yield Variation("sign", "the sign is wrong", -partial, "sign")
        yield from parts(partial, self._show)

    def _alike(self, changes: list[tuple[Edge, Variation]]) -> Iterator[Slip]:
        """The same slip in all partial derivatives of the same form."""
        groups: dict[tuple[str, str, str, str], dict[Edge, Variation]] = {}
        for (gate, by), found in changes:
            if found.group:
                key = (self._array(gate), self._array(by), found.kind, found.group)
                groups.setdefault(key, {}).setdefault((gate, by), found)
        for group in groups.values():
            if len(group) > 1:
                first = next(iter(group.values()))
                yield Slip(first.kind, first.words + _OTHERS, {edge: v.formula for edge, v in group.items()})

    def _lost_paths(self, of: str, by: list[str]) -> Iterator[Slip]:
        """A fork of which one way was forgotten, or all ways but one."""
        edges = self._edges(of, by)
        forks: dict[str, list[Edge]] = {}
        for edge in edges:
            forks.setdefault(edge[1], []).append(edge)
        for name, ways in forks.items():
            if len(ways) < 2:
                continue
            for edge in ways:
                words = f"the way from {self._show(name)} through {self._show(edge[0])} is missing from the sum"
                yield Slip("missing path", words, {edge: _ZERO})
            for edge in ways if len(ways) > 2 else ():
                words = f"only the way from {self._show(name)} through {self._show(edge[0])} was taken"
                yield Slip("missing path", words, {e: _ZERO for e in ways if e != edge})

    def _batch(self, of: str, by: list[str]) -> Iterator[Slip]:
        rows = self.problem.rows
        if rows == 1 or of != self.circuit.output:
            return
        if self.problem.total:
            yield Slip("mean", f"the loss adds up its {rows} rows, but this is their mean", scale=1 / rows)
        else:
            words = f"the mean over the {rows} rows is missing: 1/{rows} of it is right"
            yield Slip("mean", words, scale=float(rows))
            yield Slip("mean", f"it was divided by the {rows} rows twice", scale=1 / rows)
        edges = [e for e in self._edges(of, by) if e[0] == of]
        for row in range(rows):
            lost = {e: _ZERO for e in edges if self._row(e[1]) not in (None, row)}
            words = f"only row {row + self.problem.notation.first} was counted; the sum over the rows is missing"
            if not lost:
                continue
            yield Slip("sum over rows", words, lost)
            yield Slip("sum over rows", words, lost, scale=rows if not self.problem.total else 1 / rows)

    def _row(self, name: str) -> int | None:
        element = self.circuit.elements[name]
        return element.index[0] if element.rows else None

    def _transposed(self, edges: list[Edge]) -> Iterator[Slip]:
        """A weight matrix on its side in the backward pass."""
        arrays: dict[str, dict[Edge, Expression]] = {}
        for edge in edges:
            partial = self.circuit.gate[edge[0]].partials[edge[1]]
            turned = self._turned(partial)
            if turned is not None:
                arrays.setdefault(turned[0], {})[edge] = turned[1]
        for array, changed in arrays.items():
            if len(changed) > 1:
                yield Slip("transpose", f"{array} is on its side: transpose it in the backward pass", changed)

    def _turned(self, formula: Expression) -> tuple[str, Expression] | None:
        """A weight, as the one at the mirrored place."""
        if formula.name is None or formula.name not in self.problem.parameters:
            return None
        element = self.circuit.elements[formula.name]
        mirrored = [
            n for n, e in self.circuit.elements.items() if e.name == element.name and e.index == element.index[::-1]
        ]
        return (element.name, symbol(mirrored[0])) if mirrored and len(element.index) == 2 else None

    # A value

    def _value(self, names: list[str]) -> Iterator[Slip]:
        if not set(names) & set(self.circuit.gate):
            return
        rows, total = self.problem.rows, self.problem.total
        if rows > 1 and names == [self.circuit.output]:
            have, need = ("mean", "sum") if total else ("sum", "mean")
            words = f"this is the {have} over the rows, but the loss is their {need}"
            yield Slip("mean", words, scale=1 / rows if total else float(rows))
        yield from (Slip(kind, words, scale=n) for kind, words, n in SCALES)

    def _forward(self, names: list[str], only: Iterable[str] | None = None) -> list[Slip]:
        """Other formulas of the gates on which values depend, the nearest first; or of these gates alone."""
        chosen = self._above(names) if only is None else set(only)
        gates = [gate for gate in reversed(self.circuit.gates) if gate.name in chosen]
        changes = [(gate.name, found) for gate in gates for found in self._changed(gate)]
        groups: dict[tuple[str, str, str], dict[str, Variation]] = {}
        for gate, found in changes:
            if found.group:
                groups.setdefault((self._array(gate), found.kind, found.group), {}).setdefault(gate, found)
        slips = []
        for group in groups.values():
            if len(group) > 1:
                first = next(iter(group.values()))
                changed = {gate: v.formula for gate, v in group.items()}
                slips.append(Slip(first.kind, first.words + _OTHERS, formulas=changed))
        for gate, found in changes:
            where = "" if gate in names else f" (in {self._show(gate)})"
            slips.append(Slip(found.kind, found.words + where, formulas={gate: found.formula}))
        return [*slips, *self._turned_forward(gates)]

    def _changed(self, gate: Gate) -> Iterator[Variation]:
        names = [g.name for g in self.circuit.gates]
        later = set(names[names.index(gate.name) :])
        yield from indices(gate.formula, lambda n: [s for s in self.siblings(n) if s not in later], self._show)
        before = {value: argument for value, argument in self._partners.items() if argument not in later}
        yield from stages(gate.formula, before, self._show)
        yield from exchanged(gate.formula, self._pairs, self._show)
        yield from parts(gate.formula, self._show)

    def _turned_forward(self, gates: list[Gate]) -> Iterator[Slip]:
        """A weight matrix on its side in the forward pass."""
        for array in dict.fromkeys(self._array(name) for name in self.problem.parameters):
            changed = {}
            for gate in gates:
                turned = {n: t[1] for n in names_in(gate.formula) if (t := self._turned(symbol(n))) and t[0] == array}
                if turned:
                    changed[gate.name] = renamed(gate.formula, turned)
            if changed:
                yield Slip("transpose", f"{array} is on its side", formulas=changed)

    # Another quantity

    def _others(self, quantities: list[Quantity]) -> Iterator[Slip]:
        """The right value of what is written almost the same."""
        if len(quantities) > 1:
            return
        of, by = quantities[0].of, quantities[0].by
        if not by:
            others = [Quantity(other) for other in self.siblings(of)]
        else:
            others = [Quantity(of, other) for other in self.siblings(by)]
            others += [Quantity(other, by) for other in self.siblings(of)]
        for other in others:
            shown = self.problem.wording.partial(other.of, other.by).text if by else self._show(other.of)
            yield Slip("other quantity", f"this is {shown}", instead=other)

    def siblings(self, name: str) -> list[str]:
        """Scalars with which one is easily taken for: those of the same letter."""
        letter, element = self._array(name)[:1], self.circuit.elements[name]
        if not element.index:
            return self._numbered(name)
        found = [n for n in (*self.circuit.leaves, *self.circuit.gate) if n != name and self._array(n)[:1] == letter]
        own = [n for n in found if self._row(n) in (None, self._row(name))]
        return sorted(own, key=lambda n: (self._array(n) != element.name, n))

    def _numbered(self, name: str) -> list[str]:
        """Of names without an index, those that differ in their number only."""
        stem = name.rstrip("0123456789")
        every = (*self.circuit.leaves, *self.circuit.gate)
        return [n for n in every if n != name and n.rstrip("0123456789") == stem != n]

    @cached_property
    def _partners(self) -> dict[str, str]:
        """The value of each activation with its argument, and the argument with its value."""
        gates = [gate for gate in self.circuit.gates if len(gate.inputs) == 1 and gate.formula.arguments[0].is_symbol]
        return {g.name: g.inputs[0] for g in gates} | {g.inputs[0]: g.name for g in gates}

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        """Each target with its prediction."""
        final = self.circuit.gate[self.circuit.output].inputs
        targets = [n for n in final if self._array(n) in ("Y", "y", "t", "target")]
        predictions = [n for n in final if n in self.circuit.gate]
        elements = self.circuit.elements
        return [(t, p) for t in targets for p in predictions if elements[t].index == elements[p].index]

    def _array(self, name: str) -> str:
        return self.circuit.elements[name].name
