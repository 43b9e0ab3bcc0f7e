"""Elements that only move: other views of the same memory where there is one, copies where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.engines.native import views
from chainrule.engines.native.drafts import Stored
from chainrule.engines.native.phases import Buffer, Move, Scatter, Store, View
from chainrule.engines.native.placing import Placing, shape_of
from chainrule.engines.native.views import Layout, squeezed
from chainrule.program import Atom, Equation, Program, Var
from chainrule.program import Literal as Number
from chainrule.shapes import normalise_axes


class Moving(Placing):
    """Placing, with what moves elements."""

    def __init__(self, program: Program, layout: Layout) -> None:
        super().__init__(program, layout)
        self.contiguous: dict[View, Stored] = {}

    def see(self, equation: Equation) -> None:
        """Another view of the same memory, where there is one; reshapes that keep the order of indices wait."""
        source, target = equation.arguments[0], equation.target
        attributes = dict(equation.attributes)
        if equation.operation.name == "reshape" and squeezed(shape_of(source)) == squeezed(target.shape):
            if isinstance(source, Var) and source.name in self.stored:
                self._alias(target, views.reshaped(self.stored[source.name].view, target.shape), source)
            return  # else it waits as an elementwise value does
        stored = self.place_of(source).view
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
        self.stored[target.name] = Stored(view, self.place_of(source).after)

    def _moved(self, stored: View, target: Var) -> View:
        """A copy in the order of another shape: where the old one is a view of it (merged axes), element by element."""
        whole = self.new(target)
        as_source = views.reshaped(whole, stored.shape)
        if as_source is None:
            draft = self.draft(f"move {target.name}", ())
            draft.inner = Move(whole, stored)
            return whole
        draft = self.draft(f"move {target.name}", squeezed(stored.shape))
        operand = self.load(stored.buffer.name, stored, draft.body, stored.shape)
        along = self.along(as_source, stored.shape, draft.body.space)
        draft.body.stores.append(Store(along, operand, exact=True))
        return whole

    def concatenate(self, equation: Equation) -> None:
        """Parts copied into one array."""
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

    def pad(self, equation: Equation) -> None:
        """Zeros, then a copy in the middle of them."""
        source, target = equation.arguments[0], equation.target
        view = self.new(target)
        self.copy(Number(0.0 if target.dtype == "float" else 0), view)
        widths = dict(equation.attributes)["widths"]
        bounds = tuple(
            None if w == (0, 0) else (w[0], w[0] + int(s)) for s, w in zip(shape_of(source), widths, strict=True)
        )
        self.copy(source, views.sliced(view, bounds))
        self.stored[target.name] = Stored(view, len(self.drafts) - 1)

    def _assemble(self, target: Var, axis: int, pieces: Sequence[tuple[Atom, int, int]]) -> None:
        view = self.new(target)
        for atom, start, stop in pieces:
            bounds: list[tuple[int, int] | None] = [None] * len(target.shape)
            bounds[axis] = (start, stop)
            self.copy(atom, views.sliced(view, tuple(bounds)))
        self.stored[target.name] = Stored(view, len(self.drafts) - 1)

    def scatter(self, equation: Equation) -> None:
        """Rows added up by an index."""
        source, index = (self.place_of(a).view for a in equation.arguments)
        view = self.new(equation.target)
        draft = self.draft(f"add_rows {equation.target.name}", squeezed(equation.target.shape[1:]))
        draft.inner = Scatter(view, source, index)
        self.stored[equation.target.name] = Stored(view, draft.number)

    def dense(self, view: View, axis: int) -> View:
        """The view, or a copy of it, in which elements of ``axis`` lie side by side."""
        if view.shape[axis] == 1 or view.strides[axis] == 1:
            return view
        if view not in self.contiguous:
            buffer = Buffer(self.fresh(f"{view.buffer.name}_T"), view.shape, view.buffer.dtype)
            draft = self.draft(f"transpose {view.buffer.name}", squeezed(view.shape))
            operand = self.load(buffer.name + "_element", view, draft.body, view.shape)
            whole = self.layout.whole(buffer)
            draft.body.stores.append(Store(self.along(whole, view.shape, draft.body.space), operand))
            self.contiguous[view] = Stored(whole, draft.number)
        return self.contiguous[view].view
