"""Kernels of matrix products: a tile of the result stays in registers while its sum runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product as pairs

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.elementwise import Value
from chainrule.engines.native.emit import Index
from chainrule.engines.native.kernel import Kernel
from chainrule.engines.native.phases import Phase, Product, View
from chainrule.engines.native.views import Layout
from chainrule.shapes import Size

DEEP = 512
"""Sums of more than so many products are taken in blocks."""

BLOCK_DEPTH = 256
"""How many products of a sum belong to one block."""

LARGE_WEIGHTS = 1 << 18
"""Weights of a layer of which threads take columns: in float32, a megabyte."""

VECTOR_BYTES = 64
"""For counting what fits into a cache."""

FIRST_CACHE = 24 << 10
"""Bytes of the first cache that one matrix may count on."""

BLOCK_ROWS = 128
"""Rows whose sums wait in memory between two blocks: little, since that memory is on the stack."""

BLOCK_BYTES = 1 << 19
"""How much of the right matrix all rows of weights go through together: it should stay in the second cache."""

UNROLLED_STATEMENTS = 4
"""Up to so many statements, the body is written out for every vector of a tile; longer ones become a loop."""


@dataclass(frozen=True)
class Tile:
    """Rows and vectors of columns whose sums are in registers at once."""

    rows: int
    vectors: int


def best_tile(rows: Size, capacity: int, vectors: int, depth: int, registers: int, *, all_columns: bool) -> Tile:
    """The tile that needs the fewest cycles for one step of all sums.

    Counted are products (two vectors a cycle), loads (two a cycle; each row needs one broadcast, each vector of columns
    one load), the latency of four cycles, and the traffic from the second cache (half a vector a cycle) where what all
    tiles read again and again does not fit into the first. Rows of a batch come in whole tiles, so that any number of
    them runs through one piece of code; others have a tile of their own at the end.

    Args:
        rows: the size of the axis of rows.
        capacity: how many rows that is at most.
        vectors: of columns.
        depth: the length of the sums.
        registers: for sums, columns and a row's element.
        all_columns: whether a tile is followed by its neighbours in the row, not in the column.
    """

    def cycles_of(height: int, width: int) -> float:
        again = depth * (vectors if all_columns else width) * VECTOR_BYTES
        fetched = 2.0 * width if again > FIRST_CACHE else 0.0
        return max(height * width / 2, (height + width) / 2, 4.0, fetched) + 0.5

    heights = [1, 2, 4, 8, 16] if rows == "B" else range(1, 17)
    best, least = Tile(1, 1), float("inf")
    for height, width in pairs(heights, range(1, min(vectors, 8) + 1)):
        if height * width + width + 1 > registers or height > max(capacity, 1) * 2 - 1:
            continue
        tiles = [(height, -(-capacity // height) if rows == "B" else capacity // height)]
        if rows != "B" and capacity % height:
            tiles.append((capacity % height, 1))
        panels = [(width, vectors // width), (vectors % width, 1 if vectors % width else 0)]
        cycles = sum(r_count * c_count * cycles_of(r, c) for (r, r_count), (c, c_count) in pairs(tiles, panels))
        cycles *= 1 + 0.01 * (len(tiles) + (1 if vectors % width else 0))
        shared = -(-capacity // height)
        cycles *= 1 if shared == 1 else (1 + -(-shared // 2) * 2 / shared) / 2  # two threads are as fast as the slower
        if cycles < least:
            best, least = Tile(height, width), cycles
    return best


def is_overlapped(phase: Phase) -> bool:
    """Whether the body of a tile runs inside the sums of the next: where it divides, for the weights of a layer."""
    inner, space = phase.inner, phase.body.space
    return (
        isinstance(inner, Product)
        and inner.contracted == "B"
        and space == (inner.left.shape[-2], inner.right.shape[-1])
        and 1 not in space
        and all(isinstance(s, int) for s in space)
        and any(s.operation in ("divide", "sqrt") for s in phase.body.statements)
    )


def by_columns(phase: Phase, layout: Layout) -> bool:
    """Whether threads share the columns of a product, not its rows.

    They do for products with large weights, and for the gradient of those: no thread then reads all weights, which
    would not fit into its second cache, and fewer of those that it reads were written by another.
    """
    inner, space = phase.inner, phase.body.space
    if not isinstance(inner, Product) or len(space) != 2 or len(inner.left.shape) != 2 or not isinstance(space[1], int):
        return False
    rows, columns, depth = layout.size(space[0]), space[1], layout.size(inner.contracted)
    if inner.contracted == "B":
        inputs, batch = rows, depth
    elif space[0] == "B":
        inputs, batch = depth, rows
    else:
        return False
    return inputs * columns > max(LARGE_WEIGHTS, batch * (inputs + columns))


def write_columns(kernel: Kernel, tile: Tile, layout: Layout) -> None:
    """A product whose columns lie side by side in registers."""
    _Columns(kernel, tile, layout).write()


class _Columns:
    def __init__(self, kernel: Kernel, tile: Tile, layout: Layout) -> None:
        inner = kernel.phase.inner
        assert isinstance(inner, Product)
        self.kernel, self.f, self.inner, self.tile = kernel, kernel.function, inner, tile
        self.rows, self.columns = inner.left.shape[-2], inner.right.shape[-1]
        self.depth = layout.size(inner.contracted)
        self.by_columns = by_columns(kernel.phase, layout)
        self.batch = [s for s in inner.left.shape[:-2] if s != 1]
        self.a: Arithmetic = kernel.arithmetic(vector=self.columns != 1)
        self.lanes = self.a.form.lanes
        self.size = self.a.form.bytes

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
        if len(outer) < len(self.batch):
            low, high = self._range(len(outer), self.batch[len(outer)])
            self.f.loop(low, high, 1, lambda i: self._nest((*outer, i)))
        elif not self.kernel.phase.body.space:
            self.f.when(self.f.compare("slt", "%low", "%high"), lambda: self._tile(outer, 0, 1, 0, 1))
        elif self.inner.contracted == "B":
            self._over_rows(outer, lambda i, r: self._over_columns(outer, lambda j, c: self._tile(outer, i, r, j, c)))
        elif self.depth > DEEP and self.rows == "B" and not outer:
            self._over_columns(outer, self._deep_panel)
        else:
            self._over_columns(outer, lambda j, c: self._over_rows(outer, lambda i, r: self._tile(outer, i, r, j, c)))

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
                one = self._step((), i, height, column, vectors)
                keep(i, f.loop(start, stop, 1, one, list(zip(kinds, sums, strict=True))))

            every_tile(go_on)

        def finish(i: Index) -> None:
            self._each_row((), i, height, column, vectors, place(i))

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
        f.when(f.compare("sge", final[0], 0), lambda: self._each_row((), final[0], height, final[1], width, kept))

        def edge(row: Index, rows: int) -> None:
            self._if_mine(last, panels * step, lambda: self._tile((), row, rows, panels * step, rest))

        if rest:
            f.loop(low, high, height, lambda i: edge(i, height))
        if whole < count:
            tail = count - whole

            def bottom() -> None:
                f.loop(first, stop_columns, step, lambda j: self._tile((), whole, tail, j, width))
                if rest:
                    edge(whole, tail)

            self._if_mine(end, whole, bottom)

    def _tile_with_body_before(self, row: Index, column: Index, before_row: str, before_column: str) -> None:
        f, a, height, width = self.f, self.a, self.tile.rows, self.tile.vectors
        body = self.kernel.phase.body
        step = self._step((), row, height, column, width)
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
            f.when(there, lambda: self._one_row((), before_row, r, before_column, width, kept))
            return sums_after

        zeros = [a.constant(0.0)] * len(kinds)
        sums = f.loop(0, height, 1, piece, list(zip(kinds, zeros, strict=True)))
        sums = f.loop(f.multiply(part, height), size, 1, step, list(zip(kinds, sums, strict=True)))
        self._keep(sums)

    def _keep(self, sums: Sequence[str]) -> str:
        stack = self.kernel.scratch(len(sums))
        for place, total in enumerate(sums):
            self.a.store(total, self.f.offset(stack, place * self.lanes * self.size))
        return stack

    def _step(
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

    def _tile(self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int) -> None:
        """One tile: its sums, then the body for each of its vectors."""
        a, f = self.a, self.f
        step = self._step(outer, row, rows, column, vectors)
        first = [(a.type, a.constant(0.0))] * (rows * vectors)
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
            self._each_row(outer, row, rows, column, vectors, self._keep(sums))

    def _each_row(
        self, outer: Sequence[Index], row: Index, rows: int, column: Index, vectors: int, memory: str
    ) -> None:
        """The body for each vector of a tile whose sums are in memory."""
        self.f.loop(0, rows, 1, lambda r: self._one_row(outer, row, r, column, vectors, memory))

    def _one_row(self, outer: Sequence[Index], row: Index, r: Index, column: Index, vectors: int, memory: str) -> None:
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


def write_contracted(kernel: Kernel, capacity: int) -> None:
    """A product with one column: rows are multiplied elementwise, and the sums of several rows gathered in a vector."""
    inner, f = kernel.phase.inner, kernel.function
    assert isinstance(inner, Product)
    kernel.start(True)
    a = kernel.arithmetic(vector=True)
    lanes, size = a.form.lanes, a.form.bytes
    rows = min(lanes, capacity)
    count = kernel.size(inner.contracted)
    down = inner.left.strides[-2] * size
    whole = f.multiply(f.divide(count, lanes), lanes)
    masked = inner.left.buffer.user or inner.right.buffer.user
    left, right = kernel.address(inner.left, ()), kernel.address(inner.right, ())
    last = f.subtract(kernel.size(inner.left.shape[-2]), 1)

    def group(row: Index) -> None:
        starts = [f.offset(left, f.multiply(f.smaller(f.add(row, r), last), down)) for r in range(rows)]

        def step(k: Index, *sums: str) -> list[str]:
            at = f.multiply(k, size)
            y = a.load(f.offset(right, at))
            return [a.fma(a.load(f.offset(s, at)), y, total) for s, total in zip(starts, sums, strict=True)]

        def rest(k: Index, *sums: str) -> list[str]:
            mask, at = kernel.mask(a, f.subtract(count, k)), f.multiply(k, size)

            def load(pointer: str) -> str:
                return a.load_some(pointer, mask) if masked else a.load(pointer)

            y = load(f.offset(right, at))
            products = [a.fma(load(f.offset(s, at)), y, t) for s, t in zip(starts, sums, strict=True)]
            return [a.select(mask, new, old) for new, old in zip(products, sums, strict=True)]

        sums = f.loop(0, whole, lanes, step, [(a.type, a.constant(0.0))] * rows)
        if not (isinstance(count, int) and count == whole):
            sums = f.loop(whole, count, lanes, rest, [(a.type, s) for s in sums])
        total = gathered(a, sums)
        kernel.body(a, kernel.phase.body, (row,), {inner.target: Value(total, "float")})

    f.loop("%low", "%high", lanes, group)


def gathered(a: Arithmetic, vectors: Sequence[str]) -> str:
    """One vector whose lane i is the sum of the lanes of vector i; lanes without a vector are 0."""
    lanes = a.form.lanes
    even, odd = list(range(0, 2 * lanes, 2)), list(range(1, 2 * lanes, 2))
    parts = list(vectors)
    width = lanes
    while width > 1:
        nothing = a.constant(0.0)
        following = []
        for i in range(0, len(parts), 2):
            x, y = parts[i], parts[i + 1] if i + 1 < len(parts) else nothing
            following.append(a.add(a.shuffle(x, y, even), a.shuffle(x, y, odd)))
        parts, width = following, width // 2
    return parts[0]
