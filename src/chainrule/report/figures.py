"""The figures of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chainrule.document.plots import SERIES, TEXT, plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.tabular import NumberResults
    from chainrule.training import History

_FIRST, _SECOND = SERIES[:2]
_MOST_SPREAD: Final = 20.0
"""Losses that differ by a larger factor are drawn on a logarithmic axis."""


def learning_curves(history: History) -> str:
    """The losses over the epochs; there must be at least one epoch."""

    def draw(figure: Figure) -> None:
        axes = history.plot(figure.add_subplot())
        colours = [_FIRST, _SECOND][: 1 + bool(history.validation_loss)]
        for line, colour in zip(axes.get_lines(), [*colours, TEXT], strict=False):
            line.set_color(colour)
            if len(history) == 1 and colour != TEXT:
                line.set_marker("o")
        losses = [*history.loss, *history.validation_loss]
        if min(losses) > 0 and max(losses) / min(losses) > _MOST_SPREAD:
            axes.set_yscale("log")
        axes.legend()

    return plot("learning", "Training and validation loss over the epochs", draw)


def predicted_against_actual(results: NumberResults) -> str:
    """One point for each held-out row, and the line on which a perfect prediction would lie."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends = [min(results.actual + results.predicted), max(results.actual + results.predicted)]
        axes.plot(ends, ends, color=_SECOND, linewidth=1.2, label="perfect prediction")
        _points(axes, results.actual, results.predicted)
        axes.set(xlabel="actual", ylabel="predicted")
        axes.legend()

    return plot("predicted", "Predicted against actual values of the held-out rows", draw)


def residuals(results: NumberResults) -> str:
    """Predicted minus actual, over what was predicted."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axhline(0, color=_SECOND, linewidth=1.2)
        differences = [p - a for p, a in zip(results.predicted, results.actual, strict=True)]
        _points(axes, results.predicted, differences)
        axes.set(xlabel="predicted", ylabel="predicted minus actual")

    return plot("residuals", "Residuals of the held-out rows: predicted minus actual, over predicted", draw)


def _points(axes: Any, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", color=_FIRST, markersize=3.5, markeredgewidth=0, alpha=0.6)
