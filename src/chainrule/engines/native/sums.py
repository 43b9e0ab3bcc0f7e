"""One tile of a product: its sums, whose terms come from two matrices, and the body for each of its vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.elementwise import Value
from chainrule.engines.native.emit import Index
from chainrule.engines.native.kernel import Kernel
from chainrule.engines.native.phases import Product, View

UNROLLED_STATEMENTS = 4
"""Up to so many statements, the body is written out for every vector of a tile; longer ones become a loop."""


class Sums:
    """Writes tiles of one product, whose columns lie side by side in registers."""

    def __init__(self, kernel: Kernel) -> None:
        inner = kernel.phase.inner
        assert isinstance(inner, Product)
        self.kernel, self.f, self.inner = kernel, kernel.function, inner
        self.rows, self.columns = inner.left.shape[-2], inner.right.shape[-1]
        self.a: Arithmetic = kernel.arithmetic(vector=self.columns != 1)
        self.lanes = self.a.form.lanes
        self.size = self.a.form.bytes

    def keep(self, sums: Sequence[str]) -> str:
        """Put the sums of a tile into memory of this call; its address."""
        stack = self.kernel.scratch(len(sums))
        for place, total in enumerate(sums):
            self.a.store(total, self.f.offset(stack, place * self.lanes * self.size))
        return stack

    def step(
        self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int
    ) -> Callable[..., list[str]]:
        """One step of all sums of a tile."""
        left, right = self._left(outer, row, rows), self._right(outer, column, vectors)

        def step(k: Index, *sums: str) -> list[str]:
            columns = right(k)
            result: list[str] = []
            for r, pointer in enumerate(left(k)):
                x = self.a.load_one(pointer)
                result += [self.a.fma(x, columns[c], sums[r * vectors + c]) for c in range(vectors)]
            return result

        return step

    def one_tile(self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int) -> None:
        """One tile: its sums, then the body for each of its vectors."""
        a, f = self.a, self.f
        step = self.step(outer, row, rows, column, vectors)
        first = [(a.type, a.constant(0.0))] * (rows * vectors)
        f.comment(f"sums of {rows} x {vectors} vectors")
        sums = f.loop(0, self.kernel.size(self.inner.contracted), 1, step, first)
        self._finish(outer, row, rows, column, vectors, sums)

    def _finish(
        self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int, sums: Sequence[str]
    ) -> None:
        """The body for each vector of a tile whose sums are in registers."""
        if len(self.kernel.phase.body.statements) <= UNROLLED_STATEMENTS or len(sums) == 1:
            for place, total in enumerate(sums):
                self._body(outer, row, column, *divmod(place, vectors), total)
        else:
            self.each_row(outer, row, rows, column, vectors, self.keep(sums))

    def each_row(self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int, memory: str) -> None:
        """The body for each vector of a tile whose sums are in memory."""
        self.f.loop(0, rows, 1, lambda r: self.one_row(outer, row, r, column, vectors, memory))

    def one_row(self, outer: Sequence[Index], row: Index, r: Index, column: Index, vectors: int, memory: str) -> None:
        """The body for row ``r`` of a tile whose sums are in memory."""
        f, step = self.f, self.lanes * self.size
        for c in range(vectors):
            total = self.a.load(f.offset(memory, f.add(f.multiply(r, vectors * step), c * step)))
            self._body(outer, row, column, r, c, total)

    def _body(self, outer: Sequence[Index], row: Index, column: Index, r: Index, c: int, total: str) -> None:
        """The body for one vector: row ``r`` and vector ``c`` of the tile that begins at ``row`` and ``column``."""
        own = [self.f.add(row, r)] if self.rows != 1 else []
        own += [self.f.add(column, c * self.lanes)] if self.columns != 1 else []
        self.kernel.body(self.a, self.kernel.phase.body, (*outer, *own), {self.inner.target: Value(total, "float")})

    def _start(self, view: View, outer: Sequence[Index]) -> str:
        """Where the matrix of these leading indices begins."""
        f = self.f
        indices = iter(outer)
        count: Index = 0
        for size, stride in zip(view.shape[:-2], view.strides[:-2], strict=True):
            if size != 1:
                count = f.add(count, f.multiply(next(indices), stride * self.size))
        return f.offset(self.kernel.address(view, ()), count)

    def _left(self, outer: Sequence[Index], row: Index, rows: int) -> Callable[[Index], list[str]]:
        """From k to the addresses of the elements of each row."""
        f, view = self.f, self.inner.left
        down, along = (s * self.size for s in view.strides[-2:])
        start = self._start(view, outer)
        if view.buffer.user and self.rows == "B":  # there is nothing after the last row
            last = f.subtract("%B", 1)
            starts = [f.offset(start, f.multiply(f.smaller(f.add(row, r), last), down)) for r in range(rows)]
            return lambda k: [f.offset(s, f.multiply(k, along)) for s in starts]
        start = f.offset(start, f.multiply(row, down))

        def pointers(k: Index) -> list[str]:
            here = f.offset(start, f.multiply(k, along))
            return [f.offset(here, r * down) for r in range(rows)]

        return pointers

    def _right(self, outer: Sequence[Index], column: Index, vectors: int) -> Callable[[Index], list[str]]:
        """From k to the vectors of a row."""
        f, a, view = self.f, self.a, self.inner.right
        down = view.strides[-2] * self.size
        step = self.lanes * self.size
        start = f.offset(self._start(view, outer), f.multiply(column, self.size))
        if view.buffer.user and self.lanes > 1:  # there may be nothing after a row
            left = f.subtract(self.kernel.size(self.columns), column)
            masks = [self.kernel.mask(a, f.subtract(left, c * self.lanes)) for c in range(vectors)]

            def some(k: Index) -> list[str]:
                here = f.offset(start, f.multiply(k, down))
                return [a.load_some(f.offset(here, c * step), m) for c, m in enumerate(masks)]

            return some

        def whole(k: Index) -> list[str]:
            here = f.offset(start, f.multiply(k, down))
            return [a.load(f.offset(here, c * step)) for c in range(vectors)]

        return whole
