"""From a program of primitives to phases.

Products, reductions and moves of rows are phases of their own. Elementwise values wait until something needs them; then
they go into the phase that makes the latest of what they read: so bias, activation, derivative and update become the body
of the product before them. What moves no element (a transpose, a part, a reshape) is another view of the same memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Literal, TypeAlias

from chainrule.engines.native import views
from chainrule.engines.native.phases import (
    Buffer,
    Inner,
    Load,
    Loop,
    Move,
    Operand,
    Phase,
    Product,
    Reduction,
    Scalar,
    Scatter,
    Schedule,
    Statement,
    Store,
    View,
)
from chainrule.engines.native.views import Layout, squeezed
from chainrule.errors import EngineError
from chainrule.expression import registered
from chainrule.program import Atom, Equation, Literal as Number, Program, Var
from chainrule.shapes import DType, Shape, normalise_axes

CHEAP = frozenset(
    "add subtract multiply negative abs sign maximum minimum where less less_equal greater greater_equal equal not_equal "
    "constant to_float stop_gradient broadcast_to reshape".split()
)
"""Operations that are computed again rather than stored for a later phase, if what they read is at hand."""

ELEMENTWISE = CHEAP - {"reshape"} | frozenset(
    "divide floor to_int exp expm1 log log1p sin cos sqrt power tanh uniform take".split()
)

MOVES = frozenset("reshape transpose slice pad broadcast_to".split())
"""Operations that leave a number as it is."""

Level: TypeAlias = Literal["inner", "body"]


@dataclass
class LoopDraft:
    """A loop that is being put together."""

    space: Shape
    loads: dict[str, Load] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    """Values that the body of the loop has at hand."""

    def finish(self) -> Loop:
        return Loop(self.space, tuple(self.loads.values()), tuple(self.statements), tuple(self.stores))


@dataclass
class Draft:
    """A phase that is being put together; its number is its place in the order of making."""

    number: int
    name: str
    body: LoopDraft
    inner: Inner = None
    loop: LoopDraft | None = None
    """The loop of a reduction."""
    scalars: dict[str, None] = field(default_factory=dict)

    def level(self, level: Level) -> LoopDraft:
        if level == "body":
            return self.body
        assert self.loop is not None
        return self.loop

    def finish(self) -> Phase:
        inner = self.inner
        if isinstance(inner, Reduction):
            assert self.loop is not None
            inner = replace(inner, loop=self.loop.finish())
        return Phase(self.name, self.body.finish(), inner, tuple(self.scalars))


@dataclass(frozen=True)
class Computed:
    """Where a value is computed."""

    draft: Draft
    level: Level


@dataclass(frozen=True)
class Stored:
    """Where a value lies, and after which phase: -1 for what is there from the start."""

    view: View
    after: int


def lower(
    program: Program,
    *,
    lanes: int,
    rows: int | None,
    carried: Mapping[str, str],
    aside: Collection[str] = (),
    user: Iterable[str] = (),
    in_memory: bool = False,
) -> Lowered:
    """The phases of a program of primitives.

    Args:
        program: what to lower; its sizes are numbers, and ``B``. Other names are those of whole tables (rows taken).
        lanes: floats in a vector.
        rows: how many rows ``B`` stands for at most.
        carried: for outputs, the input in whose memory they are to stand.
        aside: those of them that are computed elsewhere and copied at the end.
        user: inputs that are read where the caller has them.
        in_memory: whether outputs that are numbers of the step are put into memory too.
    """
    return _Lowering(program, Layout(lanes, rows), carried, frozenset(aside), frozenset(user), in_memory).run()


@dataclass(frozen=True)
class Lowered:
    """Drafted phases with what is needed to put them in order."""

    schedule: Schedule
    layout: Layout


class _Lowering:
    """One walk through a program."""

    def __init__(
        self,
        program: Program,
        layout: Layout,
        carried: Mapping[str, str],
        aside: frozenset[str],
        user: frozenset[str],
        in_memory: bool,
    ) -> None:
        self.program, self.layout, self.carried, self.aside, self.user = program, layout, carried, aside, user
        self.in_memory = in_memory
        self.equations = {e.target.name: e for e in program.equations}
        self.readers = Counter(a for e in program.equations for a in e.arguments)
        self.readers.update(atom for _, atom in program.outputs)
        self.drafts: list[Draft] = []
        self.computed: dict[str, Computed] = {}
        self.stored: dict[str, Stored] = {}
        self.scalars: dict[str, Scalar] = {}
        self.constants: list[tuple[str, DType]] = []
        self.inputs: dict[str, View] = {}
        self.contiguous: dict[View, Stored] = {}
        self.numbers: dict[tuple[Atom, DType], Stored] = {}
        self.names = {v.name for v in program.inputs}
        self.late: list[tuple[View, View]] = []

    def run(self) -> Lowered:
        for var in self.program.inputs:
            self._input(var)
        for equation in self.program.equations:
            self._visit(equation)
        outputs = {label: self._output(label, atom) for label, atom in self.program.outputs}
        for source, view in self.late:
            self._copy_view(source, view)
        schedule = Schedule(
            self.program.name,
            self.layout.rows,
            tuple(self.constants),
            tuple(self.scalars.values()),
            tuple(d.finish() for d in self.drafts),
            frozenset(),
            self.inputs,
            outputs,
        )
        return Lowered(schedule, self.layout)

    # Inputs and outputs

    def _input(self, var: Var) -> None:
        if var.shape == () and var.role == "constant":
            self.constants.append((var.name, var.dtype))
            return
        user = var.name in self.user
        shape = tuple(0 if isinstance(s, str) and s != "B" else s for s in var.shape) if user else var.shape
        view = self.layout.whole(Buffer(var.name, shape, var.dtype, user))
        self.inputs[var.name] = view
        self.stored[var.name] = Stored(view, -1)

    def _output(self, label: str, atom: Atom) -> View | Operand:
        if isinstance(atom, Number):
            return atom.value
        goal = self.carried.get(label)
        if goal is None:
            if self._is_scalar(atom) and not self.in_memory:
                return atom.name
            view = self.layout.whole(Buffer(self._fresh(f"{label}_out"), atom.shape, atom.dtype))
        else:
            view = self.inputs[goal]
            if goal == atom.name:
                return view
        if label in self.aside:
            copy = self.layout.whole(Buffer(self._fresh(f"{label}_aside"), atom.shape, atom.dtype))
            self._store_into(atom, copy)
            self.late.append((copy, view))
        else:
            self._store_into(atom, view)
        return view

    def _store_into(self, atom: Var, view: View) -> None:
        """Store a value in given memory, where it is computed."""
        if atom.name not in self.computed and atom.name not in self.stored and not self._is_scalar(atom):
            self._place(atom)
        if atom.name in self.computed:
            self._append_store(self.computed[atom.name], atom, view)
        else:
            self._copy(atom, view)

    def _append_store(self, where: Computed, atom: Var, view: View) -> None:
        loop = where.draft.level(where.level)
        loop.stores.append(Store(self._along(view, atom.shape, loop.space), atom.name, not self.layout.owns_padding(view)))

    def _copy(self, atom: Atom, view: View) -> None:
        """A phase that moves a value into given memory."""
        self._prepare(atom, squeezed(view.shape))
        draft = self._draft(f"copy {view.buffer.name}", squeezed(view.shape))
        operand = self._pull(atom, draft, "body", view.shape)
        along = self._along(view, view.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, not self.layout.owns_padding(view)))

    def _copy_view(self, source: View, view: View) -> None:
        """A phase that moves what lies in one place to another."""
        draft = self._draft(f"copy {view.buffer.name}", squeezed(view.shape))
        operand = self._load(source.buffer.name, source, draft.body, view.shape)
        along = self._along(view, view.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, not self.layout.owns_padding(view)))

    # Equations

    def _visit(self, equation: Equation) -> None:
        target, name = equation.target, equation.operation.name
        if self._becomes_scalar(equation):
            double = target.dtype == "float" and self._is_weak(equation)
            operands = tuple(a.value if isinstance(a, Number) else a.name for a in equation.arguments)
            name = "stop_gradient" if name in MOVES else name
            statement = Statement(target.name, target.dtype, name, operands, equation.attributes)
            self.scalars[target.name] = Scalar(statement, double)
        elif name in ELEMENTWISE:
            if name == "take":
                self._stored(equation.arguments[0])
                self._stored(equation.arguments[1])
        elif name in ("reshape", "transpose", "slice"):
            self._see(equation)
        elif name == "matmul":
            self._product(equation)
        elif name in ("sum", "max"):
            self._reduce(equation)
        elif name == "concatenate":
            self._concatenate(equation)
        elif name == "pad":
            self._pad(equation)
        elif name == "add_rows":
            self._scatter(equation)
        else:
            raise EngineError(f"the native engine cannot compile {name} yet: use engine='numpy'")

    def _becomes_scalar(self, equation: Equation) -> bool:
        """Whether it is a number that depends on constants alone: every thread computes it for itself."""
        return (
            equation.target.shape == ()
            and equation.operation.name in (ELEMENTWISE | MOVES | {"size"}) - {"uniform", "take"}
            and all(isinstance(a, Number) or self._is_scalar(a) for a in equation.arguments)
        )

    def _is_scalar(self, var: Var) -> bool:
        return var.name in self.scalars or (var.role == "constant" and var.shape == ())

    def _is_weak(self, equation: Equation) -> bool:
        """Whether it is a plain number, of double precision."""
        if equation.operation.name == "size":
            return True
        return equation.operation.weak is not None and all(
            isinstance(a, Number) or a.role == "constant" or (a.name in self.scalars and self.scalars[a.name].double)
            for a in equation.arguments
        )

    def _see(self, equation: Equation) -> None:
        """Another view of the same memory, where there is one; reshapes that keep the order of indices wait."""
        source, target = equation.arguments[0], equation.target
        attributes = dict(equation.attributes)
        if equation.operation.name == "reshape" and squeezed(_shape(source)) == squeezed(target.shape):
            if isinstance(source, Var) and source.name in self.stored:
                self._alias(target, views.reshaped(self.stored[source.name].view, target.shape), source)
            return  # else it waits as an elementwise value does
        stored = self._stored(source).view
        if equation.operation.name == "transpose":
            seen: View | None = views.transposed(stored, attributes["axes"])
        elif equation.operation.name == "slice":
            seen = views.sliced(stored, attributes["bounds"])
        else:
            seen = views.reshaped(stored, target.shape)
        if seen is None:
            seen = self._moved(stored, target)
            self.stored[target.name] = Stored(seen, len(self.drafts) - 1)
        else:
            self._alias(target, seen, source)

    def _alias(self, target: Var, view: View | None, source: Atom) -> None:
        assert view is not None
        self.stored[target.name] = Stored(view, self._stored(source).after)

    def _moved(self, stored: View, target: Var) -> View:
        """A copy in the order of another shape: where the old one is a view of it (merged axes), element by element."""
        whole = self._new(target)
        as_source = views.reshaped(whole, stored.shape)
        if as_source is None:
            draft = self._draft(f"move {target.name}", ())
            draft.inner = Move(whole, stored)
            return whole
        draft = self._draft(f"move {target.name}", squeezed(stored.shape))
        operand = self._load(stored.buffer.name, stored, draft.body, stored.shape)
        along = self._along(as_source, stored.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, exact=True))
        return whole

    def _concatenate(self, equation: Equation) -> None:
        target = equation.target
        axis = normalise_axes(dict(equation.attributes)["axis"], len(target.shape))[0]
        start = 0
        pieces: list[tuple[Atom, int, int]] = []
        for part in equation.arguments:
            assert isinstance(part, Var)
            width = part.shape[axis]
            assert isinstance(width, int)
            pieces.append((part, start, start + width))
            start += width
        self._assemble(target, axis, pieces)

    def _pad(self, equation: Equation) -> None:
        source, target = equation.arguments[0], equation.target
        view = self._new(target)
        self._copy(Number(0.0 if target.dtype == "float" else 0), view)
        widths = dict(equation.attributes)["widths"]
        bounds = tuple(
            None if w == (0, 0) else (w[0], w[0] + int(s)) for s, w in zip(_shape(source), widths, strict=True)
        )
        self._copy(source, views.sliced(view, bounds))
        self.stored[target.name] = Stored(view, len(self.drafts) - 1)

    def _assemble(self, target: Var, axis: int, pieces: Sequence[tuple[Atom, int, int]]) -> None:
        view = self._new(target)
        for atom, start, stop in pieces:
            bounds: list[tuple[int, int] | None] = [None] * len(target.shape)
            bounds[axis] = (start, stop)
            self._copy(atom, views.sliced(view, tuple(bounds)))
        self.stored[target.name] = Stored(view, len(self.drafts) - 1)

    def _scatter(self, equation: Equation) -> None:
        source, index = (self._stored(a).view for a in equation.arguments)
        view = self._new(equation.target)
        draft = self._draft(f"add_rows {equation.target.name}", squeezed(equation.target.shape[1:]))
        draft.inner = Scatter(view, source, index)
        self.stored[equation.target.name] = Stored(view, draft.number)

    # Products

    def _product(self, equation: Equation) -> None:
        left, right = (self._stored(a).view for a in equation.arguments)
        target = equation.target
        *batch, m, n = target.shape
        if n == 1 and m != 1:
            if left.strides[-2] == 1:
                left, right = _swapped(right), _swapped(left)
            elif left.strides[-1] in (0, 1) and not batch:
                self._dot(target, left, self._dense(right, -2))
                return
            else:
                left, right = _swapped(right), self._dense(_swapped(left), -1)
        right = self._dense(right, -1)
        shape = (*batch, left.shape[-2], right.shape[-1])
        space = squeezed(target.shape)
        draft = self._draft(f"{target.name}", space)
        left = views.broadcast(left, (*batch, *left.shape[-2:]))
        right = views.broadcast(right, (*batch, *right.shape[-2:]))
        assert squeezed(shape) == space
        draft.inner = Product(target.name, left, right)
        self._made(target, draft)

    def _dot(self, target: Var, left: View, right: View) -> None:
        draft = self._draft(target.name, squeezed(target.shape))
        draft.inner = Product(target.name, left, right, along="contracted")
        self._made(target, draft)

    def _dense(self, view: View, axis: int) -> View:
        """The view, or a copy of it, in which elements of ``axis`` lie side by side."""
        if view.shape[axis] == 1 or view.strides[axis] == 1:
            return view
        if view not in self.contiguous:
            buffer = Buffer(self._fresh(f"{view.buffer.name}_T"), view.shape, view.buffer.dtype)
            draft = self._draft(f"transpose {view.buffer.name}", squeezed(view.shape))
            operand = self._load(buffer.name + "_element", view, draft.body, view.shape)
            whole = self.layout.whole(buffer)
            draft.body.stores.append(Store(self._along(whole, view.shape, draft.body.space), operand))
            self.contiguous[view] = Stored(whole, draft.number)
        return self.contiguous[view].view

    def _made(self, target: Var, draft: Draft) -> None:
        self.computed[target.name] = Computed(draft, "body")
        draft.body.present.add(target.name)

    # Reductions

    def _reduce(self, equation: Equation) -> None:
        source, target = equation.arguments[0], equation.target
        axes = normalise_axes(dict(equation.attributes)["axis"], len(_shape(source)))
        kept = [a for a, s in enumerate(_shape(source)) if s != 1]
        reduced = tuple(kept.index(a) for a in axes if a in kept)
        if not reduced:  # nothing but axes of one element
            equation = Equation(target, registered("reshape"), (source,), (("shape", target.shape),))
            self.equations[target.name] = equation
            self._see(equation)
            return
        assert isinstance(source, Var)
        if len(reduced) == len(kept) > 1:  # first the rest of each row, which threads share, then the rows
            source = self._rows_reduced(equation, source, kept)
            reduced = (0,)
        if len(reduced) == len(kept):  # one thread adds up, all compute what is added
            self._stored(source)
        space = squeezed(source.shape)
        self._prepare(source, space)
        draft = self._joinable_reduction(source, space, reduced, target.dtype)
        if draft is None:
            outer = tuple(s for i, s in enumerate(space) if i not in reduced)
            draft = self._draft(target.name, outer)
            draft.loop = LoopDraft(space)
            draft.inner = Reduction(draft.loop.finish(), reduced, (), target.dtype)
        operand = self._pull(source, draft, "inner", source.shape)
        assert isinstance(draft.inner, Reduction)
        how: Literal["sum", "max"] = "sum" if equation.operation.name == "sum" else "max"
        draft.inner = replace(draft.inner, results=(*draft.inner.results, (target.name, how, operand)))
        self._made(target, draft)

    def _rows_reduced(self, equation: Equation, source: Var, kept: Sequence[int]) -> Var:
        """What is left of a value when all but its first axis are reduced."""
        part = Var(self._fresh(f"{equation.target.name}_rows"), (source.shape[kept[0]],), source.dtype, anonymous=True)
        attributes = (("axis", tuple(kept[1:])), ("keepdims", False))
        self._reduce(Equation(part, equation.operation, (source,), attributes))
        return part

    def _joinable_reduction(
        self, source: Var, space: Shape, reduced: tuple[int, ...], dtype: DType
    ) -> Draft | None:
        """A reduction over the same axes that comes late enough."""
        earliest = self._time(source)
        for draft in self.drafts:
            if (
                isinstance(draft.inner, Reduction)
                and draft.number > earliest
                and draft.inner.axes == reduced
                and draft.inner.dtype == dtype
                and draft.loop is not None
                and draft.loop.space == space
            ):
                return draft
        return None

    # Where elementwise values are computed

    def _stored(self, atom: Atom) -> Stored:
        """Where a value lies in memory; it is computed and stored first, if need be."""
        if isinstance(atom, Number) or self._is_scalar(atom):
            return self._stored_number(atom)
        if atom.name not in self.stored:
            if atom.name not in self.computed:
                self._place(atom)
            self._store_where_computed(atom)
        return self.stored[atom.name]

    def _stored_number(self, atom: Atom) -> Stored:
        dtype = atom.dtype if isinstance(atom, Var) else ("int" if isinstance(atom.value, int) else "float")
        if (atom, dtype) not in self.numbers:
            view = self.layout.whole(Buffer(self._fresh("number"), (), dtype))
            self._copy(atom, view)
            self.numbers[atom, dtype] = Stored(view, len(self.drafts) - 1)
        return self.numbers[atom, dtype]

    def _store_where_computed(self, var: Var) -> None:
        if var.name not in self.stored:
            where = self.computed[var.name]
            view = self._new(var)
            self._append_store(where, var, view)
            self.stored[var.name] = Stored(view, where.draft.number)

    def _time(self, atom: Atom) -> int:
        """The last phase that must have run before a waiting value can be computed from memory."""
        leaves, looked_up = self._leaves(atom)
        return max([looked_up, *(self._after(leaf) for leaf in leaves)])

    def _leaves(self, atom: Atom) -> tuple[list[Var], int]:
        """What a waiting value reads element by element that has a place already; after which phase come its lookups."""
        found: dict[str, Var] = {}
        looked_up = -1
        seen: set[str] = set()
        stack = [atom]
        while stack:
            atom = stack.pop()
            if isinstance(atom, Number) or atom.name in seen or self._is_scalar(atom):
                continue
            seen.add(atom.name)
            if atom.name in self.computed or atom.name in self.stored:
                found[atom.name] = atom
            elif self.equations[atom.name].operation.name == "take":
                looked_up = max(looked_up, *(self._stored(a).after for a in self.equations[atom.name].arguments))
            else:
                stack += self.equations[atom.name].arguments
        return list(found.values()), looked_up

    def _prepare(self, atom: Atom, space: Shape) -> None:
        """Give a place to what a waiting value needs but should not compute in a larger space."""
        stack, seen = [atom], set()
        while stack:
            atom = stack.pop()
            if isinstance(atom, Number) or atom.name in seen or self._is_scalar(atom):
                continue
            seen.add(atom.name)
            if atom.name in self.computed or atom.name in self.stored:
                continue
            equation = self.equations[atom.name]
            smaller = squeezed(atom.shape) != space
            if smaller and (equation.operation.name not in CHEAP or equation.operation.name == "reshape"):
                self._stored(atom)
            else:
                stack += equation.arguments

    def _place(self, var: Var) -> None:
        """Choose the phase that computes a waiting value, and put it there."""
        space = squeezed(var.shape)
        self._prepare(var, space)
        if var.name in self.computed:
            return
        host, level = self._host(var, space)
        operand = self._pull(var, host, level, var.shape)
        if operand != var.name:  # a reshape of what is there
            host.level(level).statements.append(Statement(var.name, var.dtype, "stop_gradient", (operand,)))
            host.level(level).present.add(var.name)
            self.computed[var.name] = Computed(host, level)

    def _host(self, var: Var, space: Shape) -> tuple[Draft, Level]:
        leaves, looked_up = self._leaves(var)
        here = [self.computed[v.name] for v in leaves if self._at_hand(v, space)]
        latest = max(here, key=lambda c: c.draft.number, default=None)
        others = [v for v in leaves if latest is None or self.computed.get(v.name) != latest or squeezed(v.shape) != space]
        after = max([looked_up, *(self._after(v) for v in others)])
        if latest is not None and latest.draft.number > after:
            return latest.draft, latest.level
        if latest is not None:
            after = max(after, latest.draft.number)
        for draft in self.drafts:
            if draft.number > after and draft.inner is None and draft.body.space == space:
                return draft, "body"
        return self._draft(var.name, space), "body"

    def _at_hand(self, var: Var, space: Shape) -> bool:
        return var.name in self.computed and squeezed(var.shape) == space

    def _after(self, var: Var) -> int:
        if var.name in self.stored:
            return self.stored[var.name].after
        return self.computed[var.name].draft.number

    def _pull(self, atom: Atom, draft: Draft, level: Level, shape: Shape) -> Operand:
        """Make a value available in a loop over the space of ``shape``; the operand by which statements name it."""
        if isinstance(atom, Number):
            return atom.value
        if self._is_scalar(atom):
            draft.scalars[atom.name] = None
            return atom.name
        loop = draft.level(level)
        if atom.name in loop.present or atom.name in loop.loads:
            return atom.name
        if atom.name in self.computed and not self._again(atom, draft):
            self._store_where_computed(atom)
        if atom.name in self.stored:
            return self._load(atom.name, self.stored[atom.name].view, loop, shape)
        equation = self.equations[atom.name]
        if equation.operation.name == "take":
            if squeezed(atom.shape) == loop.space:
                self.computed.setdefault(atom.name, Computed(draft, level))
            return self._load(atom.name, self._taken(equation), loop, shape)
        same = squeezed(atom.shape) == loop.space
        inside = atom.shape if same else shape
        if equation.operation.name == "reshape":
            source = equation.arguments[0]
            assert same
            return self._pull(source, draft, level, _shape(source))
        operands = tuple(self._pull(a, draft, level, inside) for a in equation.arguments)
        if equation.operation.name in ("broadcast_to", "stop_gradient") and isinstance(operands[0], str):
            if squeezed(_shape(equation.arguments[0])) == loop.space:
                return operands[0]
        shared = self.readers[atom] > 1
        statement = Statement(atom.name, atom.dtype, equation.operation.name, operands, equation.attributes, shared)
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
        return equation.operation.name in CHEAP - {"reshape", "broadcast_to"} | {"take"} and all(
            isinstance(a, Number)
            or self._is_scalar(a)
            or (a.name in self.stored and self.stored[a.name].after < draft.number)
            for a in equation.arguments
        )

    # Small parts

    def _draft(self, name: str, space: Shape) -> Draft:
        self.drafts.append(Draft(len(self.drafts), name, LoopDraft(space)))
        return self.drafts[-1]

    def _new(self, var: Var) -> View:
        return self.layout.whole(Buffer(self._fresh(var.name), var.shape, var.dtype))

    def _fresh(self, name: str) -> str:
        """The name, or one like it, that no other buffer has."""
        unused = name if name not in self.names else next(n for i in count(2) if (n := f"{name}_{i}") not in self.names)
        self.names.add(unused)
        return unused

    def _load(self, name: str, view: View, loop: LoopDraft, shape: Shape) -> str:
        loop.loads[name] = Load(name, self._along(view, shape, loop.space))
        return name

    def _taken(self, equation: Equation) -> View:
        """Rows looked up: the index stands for the first axes."""
        table, index = (self._stored(a).view for a in equation.arguments)
        first = len(index.shape)
        shape = equation.target.shape
        strides = (*[0] * first, *table.strides[1:])
        spread = views.broadcast(index, index.shape)
        return View(table.buffer, shape, strides, table.offset, spread, table.strides[0])

    def _along(self, view: View, shape: Shape, space: Shape) -> View:
        """The view with one stride for each axis of ``space``, which is ``shape`` without its axes of one element."""
        if view.index is not None:
            first = len(view.index.shape)
            whole = (*view.index.shape, *[1] * (len(view.shape) - first))
            index = replace(view.index, shape=whole, strides=(*view.index.strides, *[0] * (len(view.shape) - first)))
            view = replace(view, index=self._along(index, shape, space))
        stretched = views.broadcast(view, shape)
        kept = [a for a, s in enumerate(shape) if s != 1]
        assert tuple(shape[a] for a in kept) == space
        return replace(stretched, shape=space, strides=tuple(stretched.strides[a] for a in kept))


def _shape(atom: Atom) -> Shape:
    return atom.shape if isinstance(atom, Var) else ()


def _swapped(view: View) -> View:
    rank = len(view.shape)
    return views.transposed(view, (*range(rank - 2), rank - 1, rank - 2))
