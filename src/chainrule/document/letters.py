"""Pictures drawn with letters, for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10
from string import ascii_lowercase
from typing import Final

from chainrule.show.numbers import number_text

COLUMNS: Final = 64
ROWS: Final = 14
SHADES: Final = " .:-=+*#%@"
"""From low to high."""

Points = Sequence[tuple[float, float]]


def draw_points(
    series: Sequence[tuple[str, Points]], x_label: str, y_label: str, *, log: str = "", top: float = 1e300
) -> str:
    """Several sets of points, each with a letter of its own, from ``a`` on.

    Args:
        series: name and points (x, y) of each set; what is not finite is left out.
        x_label: what stands below.
        y_label: what stands above.
        log: the axes that are drawn by powers of ten, ``"x"``, ``"y"`` or ``"xy"``; numbers there are above 0.
        top: y above this is left out.

    >>> print(draw_points([("line", [(0, 0), (1, 1), (2, 2)])], "x", "y").splitlines()[1].rstrip())
                2 |                                                               a
    """
    shown = [[(x, y) for x, y in points if isfinite(x) and isfinite(y) and y <= top] for _, points in series]
    everything = [point for points in shown for point in points]
    if not everything:
        return ""
    xs, ys = zip(*everything, strict=True)
    across, up = (log10 if axis in log else float for axis in "xy")
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for letter, points in reversed(list(zip(ascii_lowercase, shown, strict=False))):
        for x, y in points:
            column = _place(across(x), across(min(xs)), across(max(xs)), COLUMNS)
            grid[ROWS - 1 - _place(up(y), up(min(ys)), up(max(ys)), ROWS)][column] = letter
    labels = {0: number_text(max(ys), 4), ROWS - 1: number_text(min(ys), 4)}
    lines = [f"{labels.get(n, ''):>13} |{''.join(row)}".rstrip() for n, row in enumerate(grid)]
    left, right = number_text(min(xs), 4), number_text(max(xs), 4)
    x_label += " (logarithmic)" if "x" in log else ""
    axis = f"{'':14}+{'-' * COLUMNS}"
    numbers = f"{'':15}{left}{x_label:^{COLUMNS - len(left) - len(right)}}{right}"
    names = [f"{letter} {name}" for letter, (name, _) in zip(ascii_lowercase, series, strict=False)]
    above = f"{'':15}{y_label}{' (logarithmic)' if 'y' in log else ''}"
    return "\n".join([above, *lines, axis, numbers, *(f"{'':15}{name}" for name in names)])


def draw_heights(heights: Sequence[Sequence[float]], path: Sequence[tuple[float, float]]) -> str:
    """A map: the denser, the higher; a path on it is drawn with ``o``, from ``S`` to ``E``.

    Args:
        heights: rows of the map, the lowest row first.
        path: places as shares of width and height, from 0 to 1; those outside are left out.

    >>> print(draw_heights([[0.0, 1.0], [2.0, 3.0]], [(0.0, 0.0), (1.0, 1.0)]))
    ##@E
    S:==
    """
    values = sorted(v for row in heights for v in row if isfinite(v))
    levels = [values[len(values) * n // len(SHADES)] for n in range(1, len(SHADES))] if values else []
    grid = [[mark for v in row for mark in 2 * _shade(v, levels)] for row in heights]
    inside = [place for place in path if all(0 <= share <= 1 for share in place)]
    for mark, places in (("o", inside), ("S", inside[:1]), ("E", inside[-1:])):
        for x, y in places:
            grid[_place(y, 0, 1, len(grid))][_place(x, 0, 1, len(grid[0]))] = mark
    return "\n".join("".join(row) for row in reversed(grid))


def _shade(value: float, levels: Sequence[float]) -> str:
    return SHADES[sum(value >= level for level in levels)] if isfinite(value) else SHADES[-1]


def _place(value: float, low: float, high: float, count: int) -> int:
    return min(count - 1, max(0, round((value - low) / (high - low) * (count - 1)))) if high > low else 0
