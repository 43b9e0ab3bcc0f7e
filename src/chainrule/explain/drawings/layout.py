"""Where the gates of a circuit lie: columns from left to right, with few crossings and nearly straight wires.

The layered drawing of Sugiyama, Tagawa and Toda (1981): wires that pass columns get a bend in each of them, the order
within columns is improved by barycentres, and heights are averages of the neighbours' that keep their distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

Point = tuple[str, int]
"""A node, or the bend of a wire from it, in one column: (name of the node, number of the column)."""

Wire = tuple[Point, Point]
"""A part of a wire, from one column to the next."""

SWEEPS = 12
"""How often order and heights are improved; drawings of 100 wires stop changing before."""


def bent(columns: Mapping[str, int], source: str, target: str) -> list[Point]:
    """The points that a wire passes: its source, a bend in each column between, its target.

    >>> bent({"x": 0, "f": 2}, "x", "f")
    [('x', 0), ('x', 1), ('f', 2)]
    """
    return [*((source, c) for c in range(columns[source], columns[target])), (target, columns[target])]


def heights(columns: Mapping[str, int], wires: Sequence[tuple[str, str]]) -> dict[Point, float]:
    """The height of each node and bend, from 0 at the top, in units of the distance of two nodes.

    Args:
        columns: the column of each node, in the order in which nodes of a column are first tried.
        wires: (source, target); the source lies in an earlier column.

    >>> placed = heights({"a": 0, "b": 0, "f": 1}, [("a", "f"), ("b", "f")])
    >>> placed["a", 0], placed["b", 0], placed["f", 1]
    (0.0, 1.0, 0.5)
    """
    steps = {step for wire in wires for step in _steps(bent(columns, *wire))}
    order = list(columns)
    points = {(name, column) for name, column in columns.items()} | {point for step in steps for point in step}
    by_column: list[list[Point]] = [[] for _ in range(max(columns.values()) + 1)]
    for point in sorted(points, key=lambda p: (order.index(p[0]), p[1])):
        by_column[point[1]].append(point)
    left: dict[Point, list[Point]] = {point: [] for point in points}
    right: dict[Point, list[Point]] = {point: [] for point in points}
    for start, end in sorted(steps):
        right[start].append(end)
        left[end].append(start)
    return _levelled(_ordered(by_column, left, right), left, right, columns)


def _steps(points: Sequence[Point]) -> list[Wire]:
    return list(pairwise(points))


Neighbours = Mapping[Point, Sequence[Point]]


def _ordered(columns: list[list[Point]], left: Neighbours, right: Neighbours) -> list[list[Point]]:
    """The order within each column with the fewest crossings that sweeps find."""
    best, fewest = columns, _crossings(columns, right)
    current = columns
    for sweep in range(SWEEPS):
        neighbours = right if sweep % 2 == 0 else left
        places = {point: place for column in current for place, point in enumerate(column)}
        made = list(current)
        numbers = range(len(current))
        for n in reversed(numbers) if sweep % 2 == 0 else numbers:
            made[n] = sorted(current[n], key=lambda p: _mean([places[q] for q in neighbours[p]], places[p]))
            places |= {point: place for place, point in enumerate(made[n])}
        current = made
        if (count := _crossings(current, right)) < fewest:
            best, fewest = current, count
    return best


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(columns: list[list[Point]], right: Neighbours) -> int:
    count = 0
    for column, following in pairwise(columns):
        places = {point: place for place, point in enumerate(following)}
        ends = [(n, places[end]) for n, point in enumerate(column) for end in right[point]]
        count += sum(a < c and b > d for a, b in ends for c, d in ends)
    return count


def _levelled(
    order: list[list[Point]], left: Neighbours, right: Neighbours, columns: Mapping[str, int]
) -> dict[Point, float]:
    """Heights near those of the neighbours, in this order and with distances kept."""
    level = {point: place - (len(column) - 1) / 2 for column in order for place, point in enumerate(column)}
    for sweep in range(2 * SWEEPS):
        for column in order if sweep % 2 else reversed(order):
            wished = [_between(level[p], sorted(level[q] for q in (*left[p], *right[p]))) for p in column]
            offsets = [0.0]
            for above, below in pairwise(column):
                bends = sum(columns[name] != at for name, at in (above, below))
                offsets.append(offsets[-1] + (1.0, 0.75, 0.4)[bends])
            level |= dict(zip(column, _apart(wished, offsets), strict=True))
    top = min(level.values())
    return {point: height - top for point, height in level.items()}


def _between(height: float, neighbours: Sequence[float]) -> float:
    """The nearest height with as many neighbours above as below, so that wires of one way run straight."""
    if not neighbours:
        return height
    count = len(neighbours)
    return min(max(height, neighbours[(count - 1) // 2]), neighbours[count // 2])


def _apart(wished: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The heights nearest to the wished ones (in squares) that rise at least as the offsets do.

    Neighbours that come too close are merged into one block at the mean of their wishes, as in isotonic regression.
    """
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        mean, size = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            above, count = blocks.pop()
            mean = (above * count + mean * size) / (count + size)
            size += count
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
