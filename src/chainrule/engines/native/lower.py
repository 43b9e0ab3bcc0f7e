"""From a program of primitives to phases.

Products, reductions and moves of rows are phases of their own. Elementwise values wait until something needs them;
then they are placed into the phase that makes the latest of what they read: so bias, activation, derivative and update
become the body of the product before them. What moves no element (a transpose, a part, a reshape) is another view of
the same memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chainrule.engines.native import views
from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.drafts import Computed, Draft, LoopDraft, Stored
from chainrule.engines.native.moving import Moving
from chainrule.engines.native.phases import (
    Buffer,
    Operand,
    Product,
    Reduction,
    Scalar,
    Schedule,
    Statement,
    View,
)
from chainrule.engines.native.placing import ELEMENTWISE, shape_of
from chainrule.engines.native.views import Layout, squeezed
from chainrule.errors import EngineError
from chainrule.expression import registered
from chainrule.program import Atom, Equation, Program, Var
from chainrule.program import Literal as Number
from chainrule.shapes import DType, Shape, normalise_axes

MOVES = frozenset({"reshape", "transpose", "slice", "pad", "broadcast_to"})
"""Operations that leave a number as it is."""


def lower(
    program: Program,
    *,
    form: Form,
    rows: int | None,
    carried: Mapping[str, str],
    aside: Collection[str] = (),
    user: Iterable[str] = (),
    in_memory: bool = False,
) -> Lowered:
    """The phases of a program of primitives.

    Args:
        program: what to lower; its sizes are numbers, and ``B``. Other names are those of whole tables (rows taken).
        form: of its floats in registers.
        rows: how many rows ``B`` stands for at most.
        carried: for outputs, the input in whose memory they are to stand.
        aside: those of them that are computed elsewhere and copied at the end.
        user: inputs that are read where the caller has them.
        in_memory: whether outputs that are numbers of the step are put into memory too.

    Raises:
        EngineError: for an operation without an expansion that is none of the primitives.
    """
    return _Lowering(program, form, rows, carried, frozenset(aside), frozenset(user), in_memory).run()


@dataclass(frozen=True)
class Lowered:
    """Drafted phases with what is needed to put them in order."""

    schedule: Schedule
    layout: Layout


class _Lowering(Moving):
    """One walk through a program."""

    def __init__(
        self,
        program: Program,
        form: Form,
        rows: int | None,
        carried: Mapping[str, str],
        aside: frozenset[str],
        user: frozenset[str],
        in_memory: bool,
    ) -> None:
        super().__init__(program, Layout(form.lanes, rows))
        self.form = form
        self.carried, self.aside, self.user, self.in_memory = carried, aside, user, in_memory
        self.constants: list[tuple[str, DType]] = []
        self.inputs: dict[str, View] = {}
        self.late: list[tuple[View, View]] = []

    def run(self) -> Lowered:
        for var in self.program.inputs:
            self._input(var)
        for equation in self.program.equations:
            self._visit(equation)
        outputs = {label: self._output(label, atom) for label, atom in self.program.outputs}
        for source, view in self.late:
            self.copy_view(source, view)
        schedule = Schedule(
            self.program.name,
            self.form,
            self.layout.rows,
            tuple(self.constants),
            tuple(self.scalars.values()),
            tuple(d.finish() for d in self.drafts),
            inputs=self.inputs,
            outputs=outputs,
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
            if self.is_scalar(atom) and not self.in_memory:
                return atom.name
            view = self.layout.whole(Buffer(self.fresh(f"{label}_out"), atom.shape, atom.dtype))
        else:
            view = self.inputs[goal]
            if goal == atom.name:
                return view
        if label in self.aside:
            copy = self.layout.whole(Buffer(self.fresh(f"{label}_aside"), atom.shape, atom.dtype))
            self.store_into(atom, copy)
            self.late.append((copy, view))
        else:
            self.store_into(atom, view)
        return view

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
                self.place_of(equation.arguments[0])
                self.place_of(equation.arguments[1])
        elif name in ("reshape", "transpose", "slice"):
            self.see(equation)
        elif name == "matmul":
            self._product(equation)
        elif name in ("sum", "max"):
            self._reduce(equation)
        elif name == "concatenate":
            self.concatenate(equation)
        elif name == "pad":
            self.pad(equation)
        elif name == "add_rows":
            self.scatter(equation)
        else:
            raise EngineError(f"the native engine cannot compile {name} yet: use engine='numpy'")

    def _becomes_scalar(self, equation: Equation) -> bool:
        """Whether it is a number that depends on constants alone: every thread computes it for itself."""
        return (
            equation.target.shape == ()
            and equation.operation.name in (ELEMENTWISE | MOVES | {"size"}) - {"uniform", "take"}
            and all(isinstance(a, Number) or self.is_scalar(a) for a in equation.arguments)
        )

    def _is_weak(self, equation: Equation) -> bool:
        """Whether it is a plain number, of double precision."""
        if equation.operation.name == "size":
            return True
        return equation.operation.weak is not None and all(
            isinstance(a, Number) or a.role == "constant" or (a.name in self.scalars and self.scalars[a.name].double)
            for a in equation.arguments
        )

    # Products

    def _product(self, equation: Equation) -> None:
        left, right = (self.place_of(a).view for a in equation.arguments)
        target = equation.target
        *batch, m, n = target.shape
        if n == 1 and m != 1:
            if left.strides[-2] == 1:
                left, right = _swapped(right), _swapped(left)
            elif left.strides[-1] in (0, 1) and not batch:
                self._dot(target, left, self.dense(right, -2))
                return
            else:
                left, right = _swapped(right), self.dense(_swapped(left), -1)
        right = self.dense(right, -1)
        shape = (*batch, left.shape[-2], right.shape[-1])
        space = squeezed(target.shape)
        draft = self.draft(f"{target.name}", space)
        left = views.broadcast(left, (*batch, *left.shape[-2:]))
        right = views.broadcast(right, (*batch, *right.shape[-2:]))
        assert squeezed(shape) == space
        draft.inner = Product(target.name, left, right)
        self._made(target, draft)

    def _dot(self, target: Var, left: View, right: View) -> None:
        draft = self.draft(target.name, squeezed(target.shape))
        draft.inner = Product(target.name, left, right, along="contracted")
        self._made(target, draft)

    def _made(self, target: Var, draft: Draft) -> None:
        self.computed[target.name] = Computed(draft, "body")
        draft.body.present.add(target.name)

    # Reductions

    def _reduce(self, equation: Equation) -> None:
        source, target = equation.arguments[0], equation.target
        axes = normalise_axes(dict(equation.attributes)["axis"], len(shape_of(source)))
        kept = [a for a, s in enumerate(shape_of(source)) if s != 1]
        reduced = tuple(kept.index(a) for a in axes if a in kept)
        if not reduced:  # nothing but axes of one element
            equation = Equation(target, registered("reshape"), (source,), (("shape", target.shape),))
            self.equations[target.name] = equation
            self.see(equation)
            return
        assert isinstance(source, Var)
        if len(reduced) == len(kept) > 1:  # first the rest of each row, which threads share, then the rows
            source = self._rows_reduced(equation, source, kept)
            reduced = (0,)
        if len(reduced) == len(kept):  # one thread adds up, all compute what is added
            self.place_of(source)
        space = squeezed(source.shape)
        self.prepare(source, space)
        draft = self._joinable_reduction(source, space, reduced, target.dtype)
        if draft is None:
            outer = tuple(s for i, s in enumerate(space) if i not in reduced)
            draft = self.draft(target.name, outer)
            draft.loop = LoopDraft(space)
            draft.inner = Reduction(draft.loop.finish(), reduced, (), target.dtype)
        operand = self.pull(source, draft, "inner", source.shape)
        assert isinstance(draft.inner, Reduction)
        how: Literal["sum", "max"] = "sum" if equation.operation.name == "sum" else "max"
        draft.inner = replace(draft.inner, results=(*draft.inner.results, (target.name, how, operand)))
        self._made(target, draft)

    def _rows_reduced(self, equation: Equation, source: Var, kept: Sequence[int]) -> Var:
        """What is left of a value when all but its first axis are reduced."""
        part = Var(self.fresh(f"{equation.target.name}_rows"), (source.shape[kept[0]],), source.dtype, anonymous=True)
        attributes = (("axis", tuple(kept[1:])), ("keepdims", False))
        self._reduce(Equation(part, equation.operation, (source,), attributes))
        return part

    def _joinable_reduction(self, source: Var, space: Shape, reduced: tuple[int, ...], dtype: DType) -> Draft | None:
        """A reduction over the same axes that comes late enough."""
        earliest = self.time(source)
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


def _swapped(view: View) -> View:
    rank = len(view.shape)
    return views.transposed(view, (*range(rank - 2), rank - 1, rank - 2))
