"""Circuits as pictures: SVG in the colours of the page around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from itertools import pairwise
from math import ceil

from chainrule.errors import ArgumentError
from chainrule.explain.circuits.circuit import Circuit, Gate
from chainrule.explain.circuits.wording import Wording
from chainrule.explain.drawings.layout import Point, bent
from chainrule.explain.drawings.plan import MOST_WIRES, Plan
from chainrule.explain.drawings.segments import Box, covered, outside
from chainrule.explain.writing.letters import pieces
from chainrule.explain.writing.notation import Notation
from chainrule.show.numbers import number_text

RADIUS, STUB, SPAN, ROW = 17, 60, 46, 62
"""In pixels: a gate, the wire behind it that carries its numbers, the way to the next column, the distance of two
gates in a column."""

LABEL, LINE = 54, 13
"""In pixels: the width of what is written on a wire, and the height of each of its lines."""

SHARES = (0.4, 0.32, 0.48, 0.24, 0.56, 0.64, 0.16, 0.72)
"""Where on its way the weight of a wire may be written, best first."""

ROUNDS = 3
"""How often each weight looks for a better place beside the others."""

LETTER = 6.6
"""The width of a letter, on average."""

DIGITS = 4
"""Significant digits on wires; tables have more."""

Ends = tuple[float, float, float, float]
"""Where a wire begins and ends: x and y, x and y."""

_SIGNS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "power": "^",
    "negative": "−",
    "sigmoid": "σ",
    "sqrt": "√",
    "abs": "|·|",
    "maximum": "max",
    "minimum": "min",
}

STANDALONE = """<style>
:root { color: #1b1f24; --page: #ffffff; --raised: #f5f7f9; --first: #1f5fbf; --second: #b3541e; }
@media (prefers-color-scheme: dark) {
  :root { color: #e6e8eb; --page: #14171a; --raised: #1d2226; --first: #7fb0ff; --second: #f0a36b; }
}
</style>"""
"""Colours of a picture in a file of its own."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """The picture of a circuit: leaves to the left, the output to the right, weights on the wires.

    Args:
        circuit: what is drawn.
        notation: how names are written.
        values: the numbers to be shown above the wires.
        gradients: the derivatives to be shown below.
        since: for a page that shows one number after another: the step since which the value (``"value"``, name) or
            the derivative (``"gradient"``, name) is known, written into the picture as ``data-since``.
    """

    circuit: Circuit
    notation: Notation
    values: Mapping[str, float] = field(default_factory=dict)
    gradients: Mapping[str, float] = field(default_factory=dict)
    since: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def svg(self) -> str:
        """One ``<svg>`` element that stands in a page and takes its colours."""
        return self._svg("")

    @property
    def file(self) -> str:
        """The same as a file of its own, for light and dark."""
        width, height = self._size
        page = f'{STANDALONE}<rect width="{width}" height="{height}" fill="var(--page)"/>'
        return self._svg(page, ' xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif"')

    @property
    def readable(self) -> bool:
        """Whether the circuit is small enough for a picture."""
        return self._plan.readable

    def _svg(self, before: str, more: str = "") -> str:
        if not self.readable:
            raise ArgumentError(
                f"a circuit of {len(self._plan.wires)} wires cannot be read as a picture (the limit is {MOST_WIRES}): "
                "draw a smaller network or a part of the formula"
            )
        width, height = self._size
        labels = [self._parameter(self._plan.weights[wire], *place) for wire, place in self._label_places.items()]
        parts = [*self._wires(), *labels, *map(self._leaf, self._plan.leaves), *map(self._gate, self.circuit.gates)]
        label = escape(f"The circuit of {self._name(self.circuit.output)}: {self._spoken()}", quote=True)
        return (
            f'<svg{more} class="circuit" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-size="12" fill="currentColor">{before}{"".join(parts)}</svg>'
        )

    def _spoken(self) -> str:
        facts = {"value": self.values, "gradient": self.gradients}
        named = [n for n in (*self.circuit.leaves, *self.circuit.gate) if n in self.values or n in self.gradients]
        told = (
            f"{self._name(n)} has the "
            + " and the ".join(f"{fact} {number_text(known[n])}" for fact, known in facts.items() if n in known)
            for n in named
        )
        return "; ".join(told) or f"{len(self.circuit.gates)} gates"

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.circuit, self.notation)

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.circuit)

    def _name(self, name: str) -> str:
        return self._wording.name(name).text

    # What lies where

    @cached_property
    def _across(self) -> list[float]:
        """The x of each column."""
        names = [len(self._name(n)) for n, column in self._plan.columns.items() if column == 0]
        x = [12 + LETTER * max(names, default=0)]
        for column in range(max(self._plan.columns.values())):
            labels = sum(self._plan.columns[gate] == column + 1 for gate, _ in self._plan.weights)
            x.append(x[-1] + 2 * RADIUS + STUB + SPAN + LABEL * min(6, ceil(labels / 2)))
        return x

    @property
    def _size(self) -> tuple[int, int]:
        right = self._across[-1] + RADIUS + STUB + 14 + LETTER * len(self._name(self.circuit.output))
        return round(right), round(
            34 + max(self._plan.levels.values()) * self._row + (RADIUS + 3 * LINE + 8 if self._plan.biases else 34)
        )

    @property
    def _row(self) -> int:
        return ROW + (3 * LINE if self._plan.biases or len(self._plan.weights) > 1 else 0)

    def _place(self, point: Point) -> tuple[float, float]:
        return self._across[point[1]], 34 + self._plan.levels[point] * self._row

    def _point(self, name: str) -> tuple[float, float]:
        return self._place((name, self._plan.columns[name]))

    def _is_bend(self, point: Point) -> bool:
        return self._plan.columns[point[0]] != point[1]

    def _ends(self, start: Point, end: Point) -> Ends:
        """Where the curve between two neighbouring points begins and ends."""
        (x1, y1), (x2, y2) = self._place(start), self._place(end)
        return x1 + RADIUS + STUB, y1, x2 - RADIUS, y2

    @cached_property
    def _label_places(self) -> dict[tuple[str, str], tuple[float, float]]:
        """(gate, input) -> where its weight is written: on its wire, beside the other weights and their wires."""
        ends = {
            (gate, source): self._ends(*bent(self._plan.columns, source, gate)[-2:])
            for gate, source in self._plan.weights
        }
        found: dict[tuple[str, str], tuple[float, float]] = {}
        for wire in [*ends] * ROUNDS:
            x1, y1, x2, y2 = ends[wire]
            lines = [line for other, line in ends.items() if other != wire]
            labels = [place for other, place in found.items() if other != wire]
            places = [(x1 + share * (x2 - x1), y1 + share * (y2 - y1)) for share in SHARES]
            found[wire] = min(places, key=lambda place: _hidden(place, labels, lines))
        return found

    # What is drawn

    def _wires(self) -> Iterator[str]:
        parts: dict[str, None] = {}
        boxes = [self._box(self._plan.weights[wire], *place) for wire, place in self._label_places.items()]
        for source, gate in self._plan.wires:
            passed = bent(self._plan.columns, source, gate)
            for start, end in pairwise(passed):
                x1, y1, x2, y2 = self._ends(start, end)
                middle, back = (x1 + x2) / 2, 2 * RADIUS + STUB if self._is_bend(start) else STUB
                parts[f"M{x1 - back:.0f} {y1:.0f} h{back}"] = None
                if (gate, source) in self._plan.weights and end == passed[-1]:
                    for (xa, ya), (xb, yb) in outside((x1, y1), (x2, y2), boxes):
                        parts[f"M{xa:.0f} {ya:.0f} L{xb:.0f} {yb:.0f}"] = None
                else:
                    curve = f"C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
                    parts[f"M{x1:.0f} {y1:.0f} {curve}"] = None
        x, y = self._point(self.circuit.output)
        parts[f"M{x + RADIUS:.0f} {y:.0f} h{STUB}"] = None
        yield from (
            f'<path d="{d}" fill="none" stroke="currentColor" stroke-opacity="0.4" stroke-width="1.3"/>' for d in parts
        )
        yield _text(x + RADIUS + STUB + 6, y + 4, self._letters(self.circuit.output), 'font-style="italic"')

    def _letters(self, name: str) -> str:
        """A name with raised and lowered letters."""
        return _tspans(self._wording.name(name).latex)

    def _number(self, kind: str, name: str, x: float, y: float, style: str = "") -> str:
        """A value or a derivative, if it is to be shown."""
        known, colour = (self.values, "first") if kind == "value" else (self.gradients, "second")
        if name not in known:
            return ""
        step = self.since.get((kind, name))
        since = "" if step is None else f' data-since="{step}"'
        return _text(x, y, number_text(known[name], DIGITS), f'{style} fill="var(--{colour})"{since}'.strip())

    def _box(self, name: str, x: float, y: float) -> Box:
        """The room of a weight or bias around a place, a line for each of name, value and derivative."""
        lines = 1 + sum(name in known for known in (self.values, self.gradients))
        return x - LABEL / 2, y - lines * LINE / 2, x + LABEL / 2, y + lines * LINE / 2

    def _parameter(self, name: str, x: float, y: float) -> str:
        """A weight or bias: its name, its value, the derivative."""
        top = self._box(name, x, y)[1] + 10
        style = 'text-anchor="middle" font-size="11"'
        return (
            _text(x, top, self._letters(name), f'{style} font-style="italic"')
            + self._number("value", name, x, top + LINE, style)
            + self._number("gradient", name, x, top + 2 * LINE, style)
        )

    def _leaf(self, name: str) -> str:
        x, y = self._point(name)
        style = 'text-anchor="end" font-style="italic"'
        return _text(x + RADIUS - 4, y + 4, self._letters(name), style) + self._on_wire(name)

    def _gate(self, gate: Gate) -> str:
        x, y = self._point(gate.name)
        title = escape(f"{self._name(gate.name)} = {self._wording.definition(gate.name).text}")
        size = ' font-size="10"' if len(sign := self._sign(gate)) > 3 else ""
        below = (
            self._parameter(self._plan.biases[gate.name], x, y + RADIUS + 3 + 1.5 * LINE)
            if gate.name in self._plan.biases
            else ""
        )
        return (
            f'<g><title>{title}</title><circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="var(--raised, Canvas)" '
            f'stroke="currentColor"/><text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle"{size}>{sign}</text></g>'
            f"{below}{self._on_wire(gate.name)}"
        )

    def _sign(self, gate: Gate) -> str:
        """What a gate does, in a few letters; one that does several things bears the name of its value."""
        operation = gate.formula.operation
        if operation is None or any(a.operation is not None for a in gate.formula.arguments):
            return "Σ" if gate.name in self._plan.summing else self._letters(gate.name)
        return escape(_SIGNS.get(operation.name, operation.name))

    def _on_wire(self, name: str) -> str:
        """The value and the derivative behind the place where they are made."""
        x, y = self._point(name)
        above = self._number("value", name, x + RADIUS + 4, y - 5)
        return above + self._number("gradient", name, x + RADIUS + 4, y + 14)


def _hidden(place: tuple[float, float], labels: Iterable[tuple[float, float]], lines: Iterable[Ends]) -> float:
    """How much of other weights and of other wires a weight would cover, as an area; weights count three times."""
    (x, y), high = place, 1.5 * LINE
    box = (x - LABEL / 2, y - high, x + LABEL / 2, y + high)
    wires = sum(covered((x1, y1), (x2, y2), box) for x1, y1, x2, y2 in lines)
    return 3 * sum(_overlap(place, label) for label in labels) + LINE * wires


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The area that two labels would share."""
    width, height = LABEL + 2 - abs(one[0] - other[0]), 3 * LINE + 2 - abs(one[1] - other[1])
    return max(width, 0) * max(height, 0)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{" " if style else ""}{style}>{text}</text>'


def _tspans(latex: str) -> str:
    """A name in LaTeX as the inside of an SVG text."""
    parts, down = [], 0
    for text, level in pieces(latex):
        shift = {1: -4, -1: 3, 0: 0}[level]
        dy = f' dy="{shift - down}"' if shift != down else ""
        size = ' font-size="9"' if level else ""
        parts.append(f"<tspan{dy}{size}>{escape(text)}</tspan>")
        down = shift
    return "".join(parts) + (f'<tspan dy="{-down}">\u200b</tspan>' if down else "")
