"""Kernels of matrix products: a tile of the result stays in registers while its sum runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from chainrule.engines.native.emit import Index
from chainrule.engines.native.kernel import Kernel
from chainrule.engines.native.sums import Sums
from chainrule.engines.native.tiles import BLOCK_DEPTH, Tile, by_columns, is_overlapped
from chainrule.engines.native.views import Layout
from chainrule.shapes import Size

DEEP = 512
"""Sums of more than so many products are taken in blocks."""

BLOCK_ROWS = 128
"""Rows whose sums wait in memory between two blocks: little, since that memory is on the stack."""

BLOCK_BYTES = 1 << 19
"""How much of the right matrix all rows of weights go through together: it should stay in the second cache."""


def write_columns(kernel: Kernel, tile: Tile, layout: Layout) -> None:
    """A product whose columns lie side by side in registers."""
    _Columns(kernel, tile, layout).write()


class _Columns(Sums):
    """The order in which the tiles of one product are written."""

    def __init__(self, kernel: Kernel, tile: Tile, layout: Layout) -> None:
        super().__init__(kernel)
        self.tile = tile
        self.depth = layout.size(self.inner.contracted)
        self.by_columns = by_columns(kernel.phase, layout)
        self.batch = [s for s in self.inner.left.shape[:-2] if s != 1]

    def write(self) -> None:
        self.kernel.start(self.columns != 1)
        if is_overlapped(self.kernel.phase):
            self._overlapped()
        else:
            self._nest(())

    def _range(self, axis: int, size: Size) -> tuple[Index, Index]:
        """The indices of an axis of the space that this thread goes through."""
        return ("%low", "%high") if axis == 0 else (0, self.kernel.size(size))

    def _rows(self, outer: Sequence[Index]) -> tuple[Index, Index]:
        """The rows that this thread goes through."""
        return self._range(1 if self.by_columns else len(outer), self.rows)

    def _nest(self, outer: Sequence[Index]) -> None:
        tile = partial(self.one_tile, outer)
        if len(outer) < len(self.batch):
            low, high = self._range(len(outer), self.batch[len(outer)])
            self.f.loop(low, high, 1, lambda i: self._nest((*outer, i)))
        elif not self.kernel.phase.body.space:
            self.f.when(self.f.compare("slt", "%low", "%high"), lambda: tile(0, 1, 0, 1))
        elif self.inner.contracted == "B":
            self._over_rows(outer, lambda i, r: self._over_columns(outer, lambda j, c: tile(i, r, j, c)))
        elif self.depth > DEEP and self.rows == "B" and not outer:
            self._over_columns(outer, self._deep_panel)
        else:
            self._over_columns(
                outer, lambda j, c: self._over_rows(outer, lambda i, r: self.one_tile(outer, i, r, j, c))
            )

    def _over_rows(self, outer: Sequence[Index], then: Callable[[Index, int], None]) -> None:
        if self.rows == 1:
            then(0, 1)
            return
        low, high = self._rows(outer)
        height, f = self.tile.rows, self.f
        if self.rows == "B" and not outer:  # there is memory for whole tiles
            f.loop(low, high, height, lambda i: then(i, height))
            return
        if self.rows == "B":
            whole = f.multiply(f.divide(high, height), height)
            f.loop(0, whole, height, lambda i: then(i, height))
            f.loop(whole, high, 1, lambda i: then(i, 1))
            return
        count = int(self.rows)
        whole = count // height * height
        if whole:
            f.loop(low, f.smaller(high, whole), height, lambda i: then(i, height))
        if whole == count:
            return
        self._if_mine(high, whole, lambda: then(whole, count - whole))

    def _over_columns(self, outer: Sequence[Index], then: Callable[[Index, int], None]) -> None:
        if self.columns == 1:
            then(0, 1)
            return
        alone = not outer and self.rows == 1
        low, high = self._range(0 if alone or self.by_columns else 1, self.columns)
        f, width = self.f, self.tile.vectors * self.lanes
        if alone or self.columns == "B":
            whole = f.add(low, f.multiply(f.divide(f.subtract(high, low), width), width))
            f.loop(low, whole, width, lambda j: then(j, self.tile.vectors))
            f.loop(whole, high, self.lanes, lambda j: then(j, 1))
            return
        vectors = -(-int(self.columns) // self.lanes)
        panels, rest = divmod(vectors, self.tile.vectors)
        f.loop(low, f.smaller(high, panels * width), width, lambda j: then(j, self.tile.vectors))
        if rest:
            self._if_mine(high, panels * width, lambda: then(panels * width, rest))

    def _if_mine(self, high: Index, place: int, then: Callable[[], None]) -> None:
        """What comes at the end of an axis is done by the thread that has the end."""
        if isinstance(high, int):
            then()
        else:
            self.f.when(self.f.compare("sgt", high, place), then)

    def _deep_panel(self, column: Index, vectors: int) -> None:
        """All rows of some columns, where sums are so long that what one tile reads would be gone before the next.

        Sums go on block by block: so many rows of the right matrix stay in the cache for all tiles. Between blocks they
        wait in memory of their own.
        """
        f = self.f
        low, high = self._rows(())

        def rows(start: Index) -> None:
            self._deep_rows(column, vectors, start, f.smaller(f.add(start, BLOCK_ROWS), high))

        f.loop(low, high, BLOCK_ROWS, rows)

    def _deep_rows(self, column: Index, vectors: int, low: Index, high: Index) -> None:
        f, a, height = self.f, self.a, self.tile.rows
        step = self.lanes * self.size
        memory = self.kernel.scratch(BLOCK_ROWS * vectors)
        kinds = [a.type] * (height * vectors)

        def place(i: Index) -> str:
            return f.offset(memory, f.multiply(f.subtract(i, low), vectors * step))

        def every_tile(then: Callable[[Index], None]) -> None:
            f.loop(low, high, height, then)

        def keep(i: Index, sums: Sequence[str]) -> None:
            here = place(i)
            for number, total in enumerate(sums):
                a.store(total, f.offset(here, number * step))

        def block(start: Index) -> None:
            stop = f.smaller(f.add(start, BLOCK_DEPTH), self.kernel.size(self.inner.contracted))

            def go_on(i: Index) -> None:
                here = place(i)
                sums = [a.load(f.offset(here, number * step)) for number in range(len(kinds))]
                one = self.step((), i, height, column, vectors)
                keep(i, f.loop(start, stop, 1, one, list(zip(kinds, sums, strict=True))))

            every_tile(go_on)

        def finish(i: Index) -> None:
            self.each_row((), i, height, column, vectors, place(i))

        f.comment(f"sums of {height} x {vectors} vectors, block by block, kept in memory between blocks")
        every_tile(lambda i: keep(i, [a.constant(0.0)] * len(kinds)))
        f.loop(0, self.kernel.size(self.inner.contracted), BLOCK_DEPTH, block)
        every_tile(finish)

    def _overlapped(self) -> None:
        """Tiles one after another, the body of each inside the sums of the next: the divider works meanwhile."""
        f, height, width = self.f, self.tile.rows, self.tile.vectors
        count, step = int(self.rows), width * self.lanes
        whole = count // height * height
        panels, rest = divmod(-(-int(self.columns) // self.lanes), width)
        low, end = self._rows(())
        high = f.smaller(end, whole)
        first, last = self._range(0 if self.by_columns else 1, panels * step)
        stop_columns = f.smaller(last, panels * step)

        def column(row: Index) -> Callable[..., list[str]]:
            def one(j: Index, before_row: str, before_column: str) -> list[str]:
                self._tile_with_body_before(row, j, before_row, before_column)
                return [str(row), str(j)]

            return one

        # So many columns of the right matrix stay in the cache while all rows go through them.
        together = max(1, BLOCK_BYTES // (self.depth * step * self.size)) * step

        def block(start: Index, *before: str) -> list[str]:
            stop = f.smaller(f.add(start, together), stop_columns)

            def line(i: Index, *before: str) -> list[str]:
                return f.loop(start, stop, step, column(i), [("i64", b) for b in before])

            return f.loop(low, high, height, line, [("i64", b) for b in before])

        final = f.loop(first, stop_columns, together, block, [("i64", "-1"), ("i64", "0")])
        kept = self.kernel.scratch(height * width)
        f.when(f.compare("sge", final[0], 0), lambda: self.each_row((), final[0], height, final[1], width, kept))

        def edge(row: Index, rows: int) -> None:
            self._if_mine(last, panels * step, lambda: self.one_tile((), row, rows, panels * step, rest))

        if rest:
            f.loop(low, high, height, lambda i: edge(i, height))
        if whole < count:
            tail = count - whole

            def bottom() -> None:
                f.loop(first, stop_columns, step, lambda j: self.one_tile((), whole, tail, j, width))
                if rest:
                    edge(whole, tail)

            self._if_mine(end, whole, bottom)

    def _tile_with_body_before(self, row: Index, column: Index, before_row: str, before_column: str) -> None:
        f, a, height, width = self.f, self.a, self.tile.rows, self.tile.vectors
        body = self.kernel.phase.body
        step = self.step((), row, height, column, width)
        size = self.kernel.size(self.inner.contracted)
        part = f.divide(size, height)
        there = f.compare("sge", before_row, 0)
        kinds = [a.type] * (height * width)
        kept = self.kernel.scratch(len(kinds))

        def piece(r: Index, *sums: str) -> list[str]:
            start = f.multiply(r, part)
            for c in range(width):
                self.kernel.prefetch(a, body, (f.add(row, r), f.add(column, c * self.lanes)))
            sums_after = f.loop(start, f.add(start, part), 1, step, list(zip(kinds, sums, strict=True)))
            f.when(there, lambda: self.one_row((), before_row, r, before_column, width, kept))
            return sums_after

        f.comment(f"sums of {height} x {width} vectors, and between them the body of the tile before")
        zeros = [a.constant(0.0)] * len(kinds)
        sums = f.loop(0, height, 1, piece, list(zip(kinds, zeros, strict=True)))
        sums = f.loop(f.multiply(part, height), size, 1, step, list(zip(kinds, sums, strict=True)))
        self.keep(sums)
