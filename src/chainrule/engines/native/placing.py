"""Where values are computed and where they lie, while phases are being made.

Elementwise values wait until something needs them. Then they are placed into the phase that makes the latest of what
they read, if it goes through the same elements, or into one of their own; what they need from other phases is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import replace
from itertools import count

from chainrule.engines.native import views
from chainrule.engines.native.drafts import Computed, Draft, Level, LoopDraft, Stored
from chainrule.engines.native.phases import Buffer, Load, Operand, Scalar, Statement, Store, View
from chainrule.engines.native.views import Layout, squeezed
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import Shape

CHEAP = frozenset(
    {
        "add", "subtract", "multiply", "negative", "abs", "sign", "maximum", "minimum", "where", "less", "less_equal",
        "greater", "greater_equal", "equal", "not_equal", "constant", "to_float", "stop_gradient", "broadcast_to",
    }
)  # fmt: skip
"""Elementwise operations that are computed again rather than stored for a later phase, if what they read is there."""

ELEMENTWISE = CHEAP | {
    "divide", "floor", "to_int", "exp", "expm1", "log", "log1p", "sin", "cos", "sqrt", "power", "tanh", "uniform",
    "take",
}  # fmt: skip

AGAIN = CHEAP - {"broadcast_to"} | {"take"}
"""What a later phase computes or looks up again."""


class Placing:
    """The values of a program that have a place so far.

    Attributes:
        drafts: the phases so far, in the order of their making.
        computed: where a value is computed, by name.
        stored: where a value lies in memory, by name.
        scalars: numbers that every thread computes for itself, by name.
    """

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program, self.layout = program, layout
        self.equations = {e.target.name: e for e in program.equations}
        self.readers = Counter(a for e in program.equations for a in e.arguments)
        self.readers.update(atom for _, atom in program.outputs)
        self.drafts: list[Draft] = []
        self.computed: dict[str, Computed] = {}
        self.stored: dict[str, Stored] = {}
        self.scalars: dict[str, Scalar] = {}
        self._numbers: dict[tuple[Atom, str], Stored] = {}
        self._names = {v.name for v in program.inputs}

    def is_scalar(self, var: Var) -> bool:
        """Whether it is a number of the step."""
        return var.name in self.scalars or (var.role == "constant" and var.shape == ())

    # Into memory

    def store_into(self, atom: Var, view: View) -> None:
        """Store a value in given memory, where it is computed."""
        if atom.name not in self.computed and atom.name not in self.stored and not self.is_scalar(atom):
            self.place(atom)
        if atom.name in self.computed:
            self.append_store(self.computed[atom.name], atom, view)
        else:
            self.copy(atom, view)

    def append_store(self, where: Computed, atom: Var, view: View) -> None:
        """Store a value where it is computed."""
        loop = where.draft.level(where.level)
        exact = not self.layout.owns_padding(view)
        loop.stores.append(Store(self.along(view, atom.shape, loop.space), atom.name, exact))

    def copy(self, atom: Atom, view: View) -> None:
        """A phase that moves a value into given memory."""
        self.prepare(atom, squeezed(view.shape))
        draft = self.draft(f"copy {view.buffer.name}", squeezed(view.shape))
        operand = self.pull(atom, draft, "body", view.shape)
        along = self.along(view, view.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, not self.layout.owns_padding(view)))

    def copy_view(self, source: View, view: View) -> None:
        """A phase that moves what lies in one place to another."""
        draft = self.draft(f"copy {view.buffer.name}", squeezed(view.shape))
        operand = self.load(source.buffer.name, source, draft.body, view.shape)
        along = self.along(view, view.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, not self.layout.owns_padding(view)))

    # Where elementwise values are computed

    def place_of(self, atom: Atom) -> Stored:
        """Where a value lies in memory; it is computed and stored first, if need be."""
        if isinstance(atom, Literal) or self.is_scalar(atom):
            return self._stored_number(atom)
        if atom.name not in self.stored:
            if atom.name not in self.computed:
                self.place(atom)
            self._store_where_computed(atom)
        return self.stored[atom.name]

    def _stored_number(self, atom: Atom) -> Stored:
        dtype = atom.dtype if isinstance(atom, Var) else ("int" if isinstance(atom.value, int) else "float")
        if (atom, dtype) not in self._numbers:
            view = self.layout.whole(Buffer(self.fresh("number"), (), dtype))
            self.copy(atom, view)
            self._numbers[atom, dtype] = Stored(view, len(self.drafts) - 1)
        return self._numbers[atom, dtype]

    def _store_where_computed(self, var: Var) -> None:
        if var.name not in self.stored:
            where = self.computed[var.name]
            view = self.new(var)
            self.append_store(where, var, view)
            self.stored[var.name] = Stored(view, where.draft.number)

    def time(self, atom: Atom) -> int:
        """The last phase that must have run before a waiting value can be computed from memory."""
        leaves, looked_up = self._leaves(atom)
        return max([looked_up, *(self._after(leaf) for leaf in leaves)])

    def _leaves(self, atom: Atom) -> tuple[list[Var], int]:
        """What a waiting value reads element by element that has a place; after which phase come its lookups."""
        found: dict[str, Var] = {}
        looked_up = -1
        seen: set[str] = set()
        stack = [atom]
        while stack:
            atom = stack.pop()
            if isinstance(atom, Literal) or atom.name in seen or self.is_scalar(atom):
                continue
            seen.add(atom.name)
            if atom.name in self.computed or atom.name in self.stored:
                found[atom.name] = atom
            elif self.equations[atom.name].operation.name == "take":
                looked_up = max(looked_up, *(self.place_of(a).after for a in self.equations[atom.name].arguments))
            else:
                stack += self.equations[atom.name].arguments
        return list(found.values()), looked_up

    def prepare(self, atom: Atom, space: Shape) -> None:
        """Give a place to what a waiting value needs but should not compute in a larger space."""
        stack, seen = [atom], set()
        while stack:
            atom = stack.pop()
            if isinstance(atom, Literal) or atom.name in seen or self.is_scalar(atom):
                continue
            seen.add(atom.name)
            if atom.name in self.computed or atom.name in self.stored:
                continue
            equation = self.equations[atom.name]
            smaller = squeezed(atom.shape) != space
            if smaller and (equation.operation.name not in CHEAP):
                self.place_of(atom)
            else:
                stack += equation.arguments

    def place(self, var: Var) -> None:
        """Choose the phase that computes a waiting value, and put it there."""
        space = squeezed(var.shape)
        self.prepare(var, space)
        if var.name in self.computed:
            return
        host, level = self._host(var, space)
        operand = self.pull(var, host, level, var.shape)
        if operand != var.name:  # a reshape of what is there
            host.level(level).statements.append(Statement(var.name, var.dtype, "stop_gradient", (operand,)))
            host.level(level).present.add(var.name)
            self.computed[var.name] = Computed(host, level)

    def _host(self, var: Var, space: Shape) -> tuple[Draft, Level]:
        leaves, looked_up = self._leaves(var)
        here = [self.computed[v.name] for v in leaves if self._at_hand(v, space)]
        latest = max(here, key=lambda c: c.draft.number, default=None)
        others = [v for v in leaves if not (self._at_hand(v, space) and self.computed[v.name] == latest)]
        after = max([looked_up, *(self._after(v) for v in others)])
        if latest is not None and latest.draft.number > after:
            return latest.draft, latest.level
        if latest is not None:
            after = max(after, latest.draft.number)
        for draft in self.drafts:
            if draft.number > after and draft.inner is None and draft.body.space == space:
                return draft, "body"
        return self.draft(var.name, space), "body"

    def _at_hand(self, var: Var, space: Shape) -> bool:
        return var.name in self.computed and squeezed(var.shape) == space

    def _after(self, var: Var) -> int:
        if var.name in self.stored:
            return self.stored[var.name].after
        return self.computed[var.name].draft.number

    def pull(self, atom: Atom, draft: Draft, level: Level, shape: Shape) -> Operand:
        """Make a value available in a loop over the space of ``shape``; the operand by which statements name it."""
        waiting = [self._pulled(atom, draft, level, shape)]
        operand: Operand | None = None
        while True:  # what a value needs comes before it: unfinished ones wait here, so that chains may be long
            try:
                needed, inside = waiting[-1].send(operand)
            except StopIteration as finished:
                operand = finished.value
                waiting.pop()
                if not waiting:
                    return finished.value  # type: ignore[no-any-return]
            else:
                waiting.append(self._pulled(needed, draft, level, inside))
                operand = None

    def _pulled(
        self, atom: Atom, draft: Draft, level: Level, shape: Shape
    ) -> Generator[tuple[Atom, Shape], Operand | None, Operand]:
        """Like :meth:`pull`; asks its caller for the operands of what the value needs, with a shape for each."""
        if isinstance(atom, Literal):
            return atom.value
        if self.is_scalar(atom):
            draft.scalars[atom.name] = None
            return atom.name
        loop = draft.level(level)
        if atom.name in loop.present or atom.name in loop.loads:
            return atom.name
        if atom.name in self.computed and not self._again(atom, draft):
            self._store_where_computed(atom)
        if atom.name in self.stored:
            return self.load(atom.name, self.stored[atom.name].view, loop, shape)
        equation = self.equations[atom.name]
        if equation.operation.name == "take":
            if squeezed(atom.shape) == loop.space:
                self.computed.setdefault(atom.name, Computed(draft, level))
            return self.load(atom.name, self._taken(equation), loop, shape)
        same = squeezed(atom.shape) == loop.space
        inside = atom.shape if same else shape
        if equation.operation.name == "reshape":
            assert same
            inside = shape_of(equation.arguments[0])
        operands: list[Operand] = []
        for argument in equation.arguments:
            operand = yield argument, inside
            assert operand is not None
            operands.append(operand)
        if equation.operation.name == "reshape":
            return operands[0]
        unchanged = equation.operation.name in ("broadcast_to", "stop_gradient") and isinstance(operands[0], str)
        if unchanged and squeezed(shape_of(equation.arguments[0])) == loop.space:
            return operands[0]
        shared = self.readers[atom] > 1
        name, attributes = equation.operation.name, equation.attributes
        statement = Statement(atom.name, atom.dtype, name, tuple(operands), attributes, shared)
        loop.statements.append(statement)
        loop.present.add(atom.name)
        if same and atom.name not in self.computed:
            self.computed[atom.name] = Computed(draft, level)
        return atom.name

    def _again(self, var: Var, draft: Draft) -> bool:
        """Whether a value of an earlier phase is computed again here, from what lies in memory anyway."""
        if var.name in self.stored or var.name not in self.equations:
            return False
        equation = self.equations[var.name]
        return equation.operation.name in AGAIN and all(
            isinstance(a, Literal)
            or self.is_scalar(a)
            or (a.name in self.stored and self.stored[a.name].after < draft.number)
            for a in equation.arguments
        )

    # Small parts

    def draft(self, name: str, space: Shape) -> Draft:
        """A new phase."""
        self.drafts.append(Draft(len(self.drafts), name, LoopDraft(space)))
        return self.drafts[-1]

    def new(self, var: Var) -> View:
        """Memory for a value."""
        return self.layout.whole(Buffer(self.fresh(var.name), var.shape, var.dtype))

    def fresh(self, name: str) -> str:
        """The name, or one like it, that no other buffer has."""
        unused = (
            name if name not in self._names else next(n for i in count(2) if (n := f"{name}_{i}") not in self._names)
        )
        self._names.add(unused)
        return unused

    def load(self, name: str, view: View, loop: LoopDraft, shape: Shape) -> str:
        """Load a view in a loop over the space of ``shape``; the operand by which statements name it."""
        loop.loads[name] = Load(name, self.along(view, shape, loop.space))
        return name

    def _taken(self, equation: Equation) -> View:
        """Rows looked up: the index stands for the first axes."""
        table, index = (self.place_of(a).view for a in equation.arguments)
        first = len(index.shape)
        shape = equation.target.shape
        strides = (*[0] * first, *table.strides[1:])
        spread = views.broadcast(index, index.shape)
        return View(table.buffer, shape, strides, table.offset, spread, table.strides[0])

    def along(self, view: View, shape: Shape, space: Shape) -> View:
        """The view with one stride for each axis of ``space``, which is ``shape`` without its axes of one element."""
        if view.index is not None:
            first = len(view.index.shape)
            whole = (*view.index.shape, *[1] * (len(view.shape) - first))
            index = replace(view.index, shape=whole, strides=(*view.index.strides, *[0] * (len(view.shape) - first)))
            view = replace(view, index=self.along(index, shape, space))
        stretched = views.broadcast(view, shape)
        kept = [a for a, s in enumerate(shape) if s != 1]
        assert tuple(shape[a] for a in kept) == space
        return replace(stretched, shape=space, strides=tuple(stretched.strides[a] for a in kept))


def shape_of(atom: Atom) -> Shape:
    """The shape of a value; that of a number is ()."""
    return atom.shape if isinstance(atom, Var) else ()
