"""Straight lines that leave room for what is written on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import dist

Place = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def outside(start: Place, end: Place, boxes: Sequence[Box]) -> Iterator[tuple[Place, Place]]:
    """The parts of a line that lie outside of every box.

    >>> list(outside((0, 0), (10, 0), [(4, -1, 6, 1)]))
    [((0.0, 0.0), (4.0, 0.0)), ((6.0, 0.0), (10.0, 0.0))]
    """
    done = 0.0
    for first, last in sorted(filter(None, (_inside(start, end, box) for box in boxes))):
        if first > done:
            yield _on_line(start, end, done), _on_line(start, end, first)
        done = max(done, last)
    if done < 1:
        yield _on_line(start, end, done), _on_line(start, end, 1.0)


def covered(start: Place, end: Place, box: Box) -> float:
    """The length of a line within a box.

    >>> covered((0, 0), (8, 0), (4, -1, 6, 1))
    2.0
    """
    inside = _inside(start, end, box)
    return (inside[1] - inside[0]) * dist(start, end) if inside else 0.0


def _on_line(start: Place, end: Place, share: float) -> Place:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _inside(start: Place, end: Place, box: Box) -> tuple[float, float] | None:
    """From which to which share of its way a line is in a box, as Liang and Barsky (1984) clip lines."""
    first, last = 0.0, 1.0
    for axis in (0, 1):
        way, low, high = end[axis] - start[axis], box[axis] - start[axis], box[axis + 2] - start[axis]
        if way == 0:
            if not low < 0 < high:
                return None
            continue
        enters, leaves = sorted((low / way, high / way))
        first, last = max(first, enters), min(last, leaves)
    return (first, last) if first < last else None
