"""Which tile of a product's result stays in registers, and what threads share of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as pairs

from chainrule.engines.native.phases import Phase, Product
from chainrule.engines.native.target import Target
from chainrule.engines.native.views import Layout
from chainrule.shapes import Size

BLOCK_DEPTH = 256
"""How many products of a sum belong to one block."""

LARGE_WEIGHTS = 1 << 18
"""Weights of a layer of which threads take columns: in float32, a megabyte."""

VECTOR_BYTES = 64
"""For counting what fits into a cache."""

FIRST_CACHE = 24 << 10
"""Bytes of the first cache that one matrix may count on."""

BODY_REGISTERS = 6
"""Left free by the sums of a tile, where a body runs among them."""


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


def tile_of(phase: Phase, layout: Layout, registers: int) -> Tile:
    """The tile of a product whose columns lie side by side."""
    inner = phase.inner
    assert isinstance(inner, Product)
    vectors = -(-layout.size(inner.right.shape[-1]) // layout.lanes)
    rows = inner.left.shape[-2]
    room = registers - BODY_REGISTERS if is_overlapped(phase) else registers
    depth = min(layout.size(inner.contracted), BLOCK_DEPTH)
    by_rows = inner.contracted == "B"
    return best_tile(rows, layout.size(rows), vectors, depth, room, all_columns=by_rows)


def registers(target: Target) -> int:
    """How many vector registers there are: 32 with AVX-512 and on ARM, else 16."""
    return 32 if target.vector_bytes == 64 or not target.triple.startswith("x86_64") else 16
