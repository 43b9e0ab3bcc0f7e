"""Phases as people read them: what each computes, as it would stand in Python, and what that takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from chainrule.engines.native.cost import phase_cost
from chainrule.engines.native.phases import (
    Move,
    Operand,
    Phase,
    Product,
    Reduction,
    Scatter,
    Schedule,
    Split,
    Statement,
    View,
)
from chainrule.engines.native.transposes import is_transpose
from chainrule.engines.native.views import Layout
from chainrule.expression import registered
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import Shape, show_shape
from chainrule.show.layout import lay_out
from chainrule.show.numbers import counted, plural
from chainrule.show.python import PYTHON

Attributes: TypeAlias = tuple[tuple[str, Any], ...]


def listing(schedule: Schedule) -> str:
    """All phases in order, with the meetings of threads between them."""
    batch = f" for batches of {counted(schedule.rows, 'row')}" if schedule.rows and not schedule.pieces else ""
    rows = [f"{schedule.name}: {counted(len(schedule.phases), 'phase')}{batch}, {schedule.form.precision}"]
    numbers = _scalar_lines(schedule)
    if numbers:
        rows += ["", "    each thread first computes for itself", *(f"        {line}" for line in numbers)]
    rows.append("")
    for place, phase in enumerate(schedule.phases):
        if schedule.pieces is not None and place == schedule.pieces[0]:
            rows.append(f"    for each {schedule.rows} rows of the batch:")
        if schedule.pieces is not None and place == schedule.pieces[1]:
            rows.append("    after the last of them:")
        if place in schedule.barriers:
            rows.append("    --- all threads meet ---")
        rows += _entry(schedule, place, phase)
    return "\n".join(rows) + "\n"


def _entry(schedule: Schedule, place: int, phase: Phase) -> list[str]:
    cost = phase_cost(phase, schedule.form, schedule.rows or 1)
    reads = ", ".join(dict.fromkeys(view.buffer.name for view in phase.reads()))
    written = {view.buffer.name: view.buffer for view in phase.writes()}
    writes = ", ".join(f"{name} {show_shape(buffer.shape)}" for name, buffer in written.items())
    work = f"{cost.flops:,} {plural(cost.flops, 'FLOP')}, {cost.bytes:,} bytes"
    return [
        f"{place + 1:>3} {_kind(phase)}, {_share(schedule.splits[place], phase)}: {work}",
        *(f"        {line}" for line in phase_lines(schedule, phase)),
        f"        reads {reads}; writes {writes}" if reads else f"        writes {writes}",
    ]


def _kind(phase: Phase) -> str:
    names = {Product: "product", Reduction: "reduction", Scatter: "scatter", Move: "reshape"}
    if phase.inner is not None:
        return names[type(phase.inner)]
    if is_transpose(phase):
        return "transpose"
    if phase.body.statements:
        return "elementwise"
    if not phase.body.loads:
        return "fill"
    return "gather" if any(load.view.index is not None for load in phase.body.loads) else "copy"


def _share(split: Split, phase: Phase) -> str:
    """How threads share a phase."""
    if split.extent is None:
        return "one thread"
    if split.axis == 1:
        return f"threads share columns by {split.unit}"
    what = "elements" if len(phase.body.space) == 1 and split.extent != "B" else "rows"
    return f"threads share {what} by {split.unit}"


def _scalar_lines(schedule: Schedule) -> list[str]:
    """What each thread computes for itself; values that are needed once stand where they are."""
    wanted = [name for phase in schedule.phases for name in phase.scalars]
    wanted += [output for output in schedule.outputs.values() if isinstance(output, str)]
    statements = [scalar.statement for scalar in schedule.scalars]
    known = {name: Var(name, ()) for name, _ in schedule.constants}
    text = _Text(known, [o for s in statements for o in s.operands], wanted)
    for statement in statements:
        text.add(statement, ())
    return [f"{name} = {value}" for name, value in text.lines()]


def phase_lines(schedule: Schedule, phase: Phase) -> list[str]:
    """What a phase computes, such as ``h1 = tanh(X @ W1 + b1)``; values that are needed once stand where they are."""
    inner, body = phase.inner, phase.body
    layout = Layout(schedule.form.lanes, schedule.rows)
    if isinstance(inner, Scatter):
        index, source = (view_text(view, layout) for view in (inner.index, inner.source))
        return [f"{inner.target.buffer.name}[{index}] += {source}, row by row"]
    if isinstance(inner, Move):
        sizes = ", ".join(map(str, inner.target.shape))
        return [f"{inner.target.buffer.name} = {view_text(inner.source, layout)}.reshape({sizes})"]
    loops = [inner.loop, body] if isinstance(inner, Reduction) else [body]
    stores = [store for loop in loops for store in loop.stores]
    reduced = [value for _, _, value in inner.results] if isinstance(inner, Reduction) else []
    known = {name: Var(name, ()) for name in schedule.buffers()} | _scalar_names(schedule)
    known |= {load.target: Var(view_text(load.view, layout), loop.space) for loop in loops for load in loop.loads}
    read = [o for loop in loops for s in loop.statements for o in s.operands] + reduced
    text = _Text(known, read, [store.value for store in stores])
    if isinstance(inner, Product):
        sides = [Var(view_text(view, layout), view.shape) for view in (inner.left, inner.right)]
        text.append(inner.target, body.space, "matmul", sides)
    if isinstance(inner, Reduction):
        for statement in inner.loop.statements:
            text.add(statement, inner.loop.space)
        axes = None if len(inner.axes) == len(inner.loop.space) else inner.axes
        axis = axes[0] if axes is not None and len(axes) == 1 else axes
        for target, how, value in inner.results:
            text.append(target, body.space, how, [text.atom(value)], (("axis", axis), ("keepdims", False)))
    for statement in body.statements:
        text.add(statement, body.space)
    lines = text.lines()
    places = Counter(store.value for store in stores)
    for store in stores:
        alone = places[store.value] == 1
        lines = _stored(lines, view_text(store.view, layout), text.atom(store.value), alone=alone)
    return [f"{name} = {value}" for name, value in lines]


def _scalar_names(schedule: Schedule) -> dict[str, Var]:
    """The numbers of the step; sizes have their own names."""
    statements = [scalar.statement for scalar in schedule.scalars]
    names = {s.target: str(dict(s.attributes)["of"]) if s.operation == "size" else s.target for s in statements}
    return {name: Var(shown, ()) for name, shown in names.items()} | {n: Var(n, ()) for n, _ in schedule.constants}


Line: TypeAlias = tuple[str, str]
"""A name, and what it is."""


class _Text:
    """Statements as a small program, laid out as others are.

    Args:
        known: what they read, as it is called in the text, by the name that statements use.
        read: what equations read, as often as they do.
        wanted: what is read after them.
    """

    def __init__(self, known: dict[str, Var], read: Sequence[Operand], wanted: Sequence[Operand]) -> None:
        self.known = dict(known)
        self.inputs = list(known.values())
        self.equations: list[Equation] = []
        self.wanted = set(wanted)
        self.readers = Counter(read)

    def add(self, s: Statement, space: Shape) -> None:
        """Add a statement for each element of a space."""
        operation = "stop_gradient" if s.operation == "broadcast_to" else s.operation
        self.append(s.target, space, operation, [self.atom(o) for o in s.operands], s.attributes)

    def append(
        self, target: str, shape: Shape, operation: str, arguments: Sequence[Atom], attributes: Attributes = ()
    ) -> None:
        """Add an equation."""
        self.inputs += [a for a in arguments if isinstance(a, Var)]
        passing = self.readers[target] <= 1 and target not in self.wanted
        self.known[target] = var = Var(target, shape, anonymous=passing)
        self.equations.append(Equation(var, registered(operation), tuple(arguments), attributes))

    def atom(self, operand: Operand) -> Atom:
        """An operand as it is called in the text."""
        return self.known[operand] if isinstance(operand, str) else Literal(operand)

    def lines(self) -> list[Line]:
        """The lines, without NumPy's name."""
        laid = lay_out(Program("text", tuple(self.inputs), tuple(self.equations), ()), PYTHON)
        return [(line.name, line.text.replace("np.", "")) for line in laid.lines]


def _stored(lines: list[Line], goal: str, value: Atom, *, alone: bool) -> list[Line]:
    """The lines with a value stored: under the name of its place, if that is its only one.

    If a line after it still reads what was there, it is stored in a line of its own.
    """
    own = str(value.value) if isinstance(value, Literal) else value.name
    if own == goal:
        return lines
    place = next((i for i, (name, _) in enumerate(lines) if name == own), None)
    if place is None or not alone or any(_mentions(text, goal) for _, text in lines[place + 1 :]):
        return [*lines, (goal, own)]
    word = re.compile(rf"\b{own}\b")
    return [(goal if name == own else name, word.sub(goal, text)) for name, text in lines]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def view_text(view: View, layout: Layout) -> str:
    """Where a view lies, as one would write it: ``W2.T``, ``h1[:, 3:5]``, ``all_X[rows]``."""
    name = view.buffer.name
    if view.index is not None:
        return f"{name}[{view_text(view.index, layout)}]"
    own, offset = layout.strides(view.buffer), view.offset
    if any(stride not in own for stride in view.strides if stride):
        return f"{name}.reshape({', '.join(map(str, view.shape))})"
    parts, axes = [], []
    for axis, (size, stride) in enumerate(zip(view.buffer.shape, own, strict=True)):
        if not stride:
            continue
        start, offset = divmod(offset, stride)
        if stride not in view.strides:
            parts.append(str(start))
            continue
        seen = view.strides.index(stride)
        axes.append((axis, seen))
        extent = view.shape[seen]
        parts.append(":" if extent == size or isinstance(extent, str) else f"{start}:{start + extent}")
    text = name if set(parts) <= {":"} else f"{name}[{', '.join(parts)}]"
    matrix = len(view.shape) == len(view.buffer.shape) == 2
    turned = any(a != b for a, b in axes) if matrix else axes != sorted(axes, key=lambda pair: pair[1])
    return f"{text}.T" if turned else text
