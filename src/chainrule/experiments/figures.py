"""The figures of experiments: drawn as SVG, and with letters for terminals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final

from chainrule.document import Figure
from chainrule.document.letters import draw_points
from chainrule.document.plots import LINES, SERIES, plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_MOST_SPREAD: Final = 20.0
"""Values that differ by a larger factor are drawn on a logarithmic axis."""
_HEADROOM: Final = 1.5
"""A curve that rises further above the highest start leaves the picture."""
_RUNAWAY: Final = 1000.0
"""A curve that starts so many times higher than the lowest start is not looked at for that."""


@dataclass(frozen=True)
class Curve:
    """A line of a figure: its name, and a value for each place."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def loss_curves(
    name: str, curves: Sequence[Curve], x_label: str, caption: str, *, y_label: str = "loss", log_x: bool = False
) -> Figure:
    """Losses as lines; one that runs away leaves the picture at its upper edge, and the caption says so.

    Args:
        name: of the figure within its page.
        curves: what to draw.
        x_label: what x counts.
        caption: what stands below.
        y_label: what y is.
        log_x: whether x, which must be above 0 then, is drawn by its powers of ten.
    """
    top = _top(curves)
    seen = [y for curve in curves for y in curve.y if isfinite(y) and y <= top]
    gone = [curve.name for curve in curves if not all(y <= top for y in curve.y)]
    caption += f" Above the picture: {', '.join(gone)}." if gone else ""
    log_y = min(seen) > 0 and max(seen) / min(seen) > _MOST_SPREAD
    description = f"{y_label} over {x_label}: {', '.join(curve.name for curve in curves)}"

    def draw(axes: Any) -> None:
        for n, curve in enumerate(curves):
            style = {"color": SERIES[n % 4], "linestyle": LINES[(n + n // 4) % 4], "linewidth": 1.6}
            points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if isfinite(y)]
            axes.plot([x for x, _ in points], [y for _, y in points], label=curve.name, **style)
        axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
        if not log_x:
            axes.xaxis.get_major_locator().set_params(integer=True)
        room = (max(seen) - min(seen)) / 20
        low, high = (min(seen) / 1.2, max(seen) * 1.2) if log_y else (min(seen) - room, max(seen) + room)
        if high > low:
            axes.set_ylim(low, high)
        axes.legend()

    points = [(curve.name, list(zip(curve.x, curve.y, strict=True))) for curve in curves]
    text = draw_points(points, x_label, y_label, log="x" * log_x + "y" * log_y, top=top)
    return figure(name, description, caption, draw, x_label, y_label, text)


def _top(curves: Sequence[Curve]) -> float:
    """The highest value that is shown; everything where no curve has a finite start."""
    starts = [curve.y[0] for curve in curves if isfinite(curve.y[0])]
    return _HEADROOM * max((s for s in starts if s <= _RUNAWAY * min(starts)), default=max(starts, default=inf))


def figure(
    name: str,
    description: str,
    caption: str,
    draw: Callable[[Any], None],
    x_label: str,
    y_label: str,
    text: str,
) -> Figure:
    """A figure with one pair of axes, on which ``draw`` draws."""

    def on_canvas(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        draw(axes)
        axes.set(xlabel=x_label, ylabel=y_label)

    return Figure(plot(name, description, on_canvas), description, caption, text)
