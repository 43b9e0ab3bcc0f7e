"""Circuits as drawings: SVG for pages, a tree of letters for terminals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape

from chainrule.explain.circuit import Circuit, Gate
from chainrule.explain.notation import Notation
from chainrule.explain.wording import Wording
from chainrule.expression import Expression
from chainrule.show.numbers import number_text

COLUMN, ROW, RADIUS = 150, 64, 17
"""Distances in a drawing, in pixels."""

MOST_DRAWN = 120
"""Wires up to which a drawing can be read."""

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


@dataclass(frozen=True, eq=False)
class Drawing:
    """The drawing of a circuit in a notation."""

    circuit: Circuit
    notation: Notation

    # The tree of a terminal

    @property
    def text(self) -> str:
        """The circuit as a tree, output first; what is read in several places is shown at the first."""
        rows = list(self._tree())
        width = max(len(left) for left, _ in rows)
        if self.circuit.inputs is None:
            return "\n".join(left for left, _ in rows)
        head = f"{'':<{width}}  {'value':>11}  {'gradient':>11}"
        return "\n".join([head, *(f"{left:<{width}}  {right}" for left, right in rows)])

    def _tree(self) -> Iterator[tuple[str, str]]:
        seen: set[str] = set()
        stack: list[tuple[str, str, str]] = [(self.circuit.output, "", "")]
        while stack:
            name, before, below = stack.pop()
            again = name in seen and name in self.circuit.gate
            forks = len(self.circuit.readers[name]) > 1
            seen.add(name)
            text = self._name(name)
            if name in self.circuit.gate and not again:
                text += f" = {self._wording.definition(name).text}"
            note = "  (shown above)" if again else "  (a fork)" if forks and name not in self.circuit.gate else ""
            yield before + text + note, self._numbers(name)
            if again or name not in self.circuit.gate:
                continue
            sources = self.circuit.gate[name].inputs
            for place, source in reversed(list(enumerate(sources))):
                last = place == len(sources) - 1
                stack.append((source, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))

    def _numbers(self, name: str) -> str:
        if self.circuit.inputs is None:
            return ""
        value, gradient = self.circuit.values[name], self.circuit.gradients[name]
        return f"{number_text(value):>11}  {number_text(gradient):>11}"

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.circuit, self.notation)

    def _name(self, name: str) -> str:
        return self._wording.name(name).text

    # The picture of a page

    @property
    def svg(self) -> str:
        """The circuit as one ``<svg>`` element: leaves to the left, the output to the right."""
        places = self._places
        width = (max(x for x, _ in places.values()) + 1) * COLUMN + 40
        height = (max(y for _, y in places.values()) + 1) * ROW + 24
        parts = [self._wire(gate, source) for gate in self.circuit.gates for source in self._sources(gate)]
        parts += [self._leaf(name) for name in self.circuit.leaves if name in places]
        parts += [self._gate(gate) for gate in self.circuit.gates]
        parts.append(self._exit())
        label = escape(f"The circuit of {self._name(self.circuit.output)}: " + self._spoken(), quote=True)
        return (
            f'<svg class="circuit" role="img" aria-label="{label}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'style="min-width: {min(width, 640):.0f}px" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
        )

    def _spoken(self) -> str:
        if self.circuit.inputs is None:
            return f"{len(self.circuit.gates)} gates"
        named = (*self.circuit.leaves, *self.circuit.gate)
        values, gradients = self.circuit.values, self.circuit.gradients
        return "; ".join(
            f"{self._name(n)} has the value {number_text(values[n])} and the gradient {number_text(gradients[n])}"
            for n in named
        )

    @cached_property
    def _weights(self) -> dict[tuple[str, str], str]:
        """(gate, input) -> the leaf that multiplies the input in a weighted sum, and is written on its wire."""
        found: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for gate in self.circuit.gates:
            terms = list(_terms(gate.formula))
            for left, right in terms if len(terms) > 1 or "net" in gate.name else []:
                weight = next((n for n in (left, right) if self._is_weight(n) and n not in taken), None)
                other = right if weight == left else left
                if weight is not None and (gate.name, other) not in found:
                    found[gate.name, other] = weight
                    taken.add(weight)
        return found

    def _is_weight(self, name: str) -> bool:
        only = len(self.circuit.readers[name]) == 1
        return name in self.circuit.leaves and only and name[0] in "wW"

    def _sources(self, gate: Gate) -> list[str]:
        """What is drawn as a wire into a gate."""
        on_wires = {weight for (g, _), weight in self._weights.items() if g == gate.name}
        return [name for name in gate.inputs if name not in on_wires]

    @cached_property
    def _places(self) -> dict[str, tuple[float, float]]:
        """Column and row of everything that is drawn."""
        column: dict[str, int] = {}
        for gate in self.circuit.gates:
            column[gate.name] = 1 + max((column.get(s, 0) for s in self._sources(gate)), default=0)
        hidden = set(self._weights.values())
        for name in self.circuit.leaves:
            if name not in hidden and self.circuit.readers[name]:
                column[name] = min(column[g.name] for g in self.circuit.readers[name]) - 1
        rows: dict[int, list[str]] = {}
        for name in self._in_order(column):
            rows.setdefault(column[name], []).append(name)
        most = max(map(len, rows.values()))
        return {
            name: (float(c), (most - len(names)) / 2 + r) for c, names in rows.items() for r, name in enumerate(names)
        }

    def _in_order(self, column: dict[str, int]) -> list[str]:
        """From the output backwards, so that what is read together lies together."""
        order: list[str] = []
        stack = [self.circuit.output]
        while stack:
            name = stack.pop()
            if name in order or name not in column:
                continue
            order.append(name)
            if name in self.circuit.gate:
                stack.extend(reversed(self._sources(self.circuit.gate[name])))
        return order

    def _point(self, name: str) -> tuple[float, float]:
        column, row = self._places[name]
        return 45 + column * COLUMN, 34 + row * ROW

    def _wire(self, gate: Gate, source: str) -> str:
        (x1, y1), (x2, y2) = self._point(source), self._point(gate.name)
        start, end = x1 + RADIUS, x2 - RADIUS
        middle = (start + end) / 2
        curve = f"M{start:.0f} {y1:.0f} C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {end:.0f} {y2:.0f}"
        path = f'<path d="{curve}" fill="none" stroke="var(--line)" stroke-width="1.5"/>'
        weight = self._weights.get((gate.name, source))
        if weight is None:
            return path
        text = self._name(weight)
        if self.circuit.inputs is not None:
            text += f" = {number_text(self.circuit.values[weight], 4)}"
        label = _text(middle, (y1 + y2) / 2 - 4, text, 'text-anchor="middle"')
        if self.circuit.inputs is not None:
            slope = number_text(self.circuit.gradients[weight], 4)
            label += _text(middle, (y1 + y2) / 2 + 11, slope, 'text-anchor="middle" fill="var(--second)"')
        return path + label

    def _leaf(self, name: str) -> str:
        x, y = self._point(name)
        return _text(x, y + 4, self._name(name), 'text-anchor="middle" font-style="italic"') + self._on_wire(name)

    def _gate(self, gate: Gate) -> str:
        x, y = self._point(gate.name)
        operation = gate.formula.operation
        sign = "" if operation is None else _SIGNS.get(operation.name, operation.name)
        if operation is not None and operation.name == "add" and any(True for _ in _terms(gate.formula)):
            sign = "Σ"
        circle = f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="var(--raised, none)" stroke="currentColor"/>'
        size = ' font-size="10"' if len(sign) > 3 else ""
        return (
            f'{circle}<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle"{size}>{escape(sign)}</text>'
            + self._on_wire(gate.name)
        )

    def _on_wire(self, name: str) -> str:
        """The value and the gradient behind the place where they are made."""
        if self.circuit.inputs is None:
            return ""
        x, y = self._point(name)
        x += RADIUS + 4
        value, gradient = (number_text(v[name], 4) for v in (self.circuit.values, self.circuit.gradients))
        above = _text(x, y - 5, value, 'fill="var(--first)"')
        return above + _text(x, y + 15, gradient, 'fill="var(--second)"')

    def _exit(self) -> str:
        x, y = self._point(self.circuit.output)
        wire = f'<path d="M{x + RADIUS:.0f} {y:.0f} h56" stroke="var(--line)" stroke-width="1.5"/>'
        return wire + _text(x + RADIUS + 62, y + 4, self._name(self.circuit.output), 'font-style="italic"')


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(text)}</text>'


def _terms(formula: Expression) -> Iterator[tuple[str, str]]:
    """The products of two named values among the addends of a sum."""
    stack = [formula]
    while stack:
        node = stack.pop()
        if node.operation is None:
            continue
        if node.operation.name == "add":
            stack.extend(reversed(node.arguments))
        elif node.operation.name == "multiply":
            left, right = (a.name for a in node.arguments)
            if left is not None and right is not None:
                yield left, right
