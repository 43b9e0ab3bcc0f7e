"""Figures as SVG that takes its colours from the page around it, so that it reads in light and in dark.

Matplotlib draws with colours that stand for roles; in its text they are replaced by what the page defines.
Nothing in a figure comes from the table but numbers, so no font needs to know the letters of a column's name.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.tabular import NumberResults
    from chainrule.training import History

_TEXT, _FAINT, _FIRST, _SECOND = "#010203", "#010204", "#010205", "#010206"
_ROLES: Final = {
    _TEXT: "currentColor",
    _FAINT: "var(--line)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
}
_STYLE: Final[dict[str, Any]] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.edgecolor": _FAINT,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _TEXT,
    "ytick.labelcolor": _TEXT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "font.size": 10,
    "axes.formatter.limits": (-4, 5),
    "svg.fonttype": "none",
    "svg.hashsalt": "chainrule",
}
_SIZE: Final = (4.6, 3.3)
_MOST_SPREAD: Final = 20.0
"""Losses that differ by a larger factor are drawn on a logarithmic axis."""


def learning_curves(history: History) -> str:
    """The losses over the epochs; there must be at least one epoch."""

    def draw(figure: Figure) -> None:
        axes = history.plot(figure.add_subplot())
        colours = [_FIRST, _SECOND][: 1 + bool(history.validation_loss)]
        for line, colour in zip(axes.get_lines(), [*colours, _TEXT], strict=False):
            line.set_color(colour)
            if len(history) == 1 and colour != _TEXT:
                line.set_marker("o")
        losses = [*history.loss, *history.validation_loss]
        if min(losses) > 0 and max(losses) / min(losses) > _MOST_SPREAD:
            axes.set_yscale("log")
        axes.legend()

    return _svg("learning", "Training and validation loss over the epochs", draw)


def predicted_against_actual(results: NumberResults) -> str:
    """One point for each held-out row, and the line on which a perfect prediction would lie."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends = [min(results.actual + results.predicted), max(results.actual + results.predicted)]
        axes.plot(ends, ends, color=_SECOND, linewidth=1.2, label="perfect prediction")
        _points(axes, results.actual, results.predicted)
        axes.set(xlabel="actual", ylabel="predicted")
        axes.legend()

    return _svg("predicted", "Predicted against actual values of the held-out rows", draw)


def residuals(results: NumberResults) -> str:
    """Predicted minus actual, over what was predicted."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axhline(0, color=_SECOND, linewidth=1.2)
        differences = [p - a for p, a in zip(results.predicted, results.actual, strict=True)]
        _points(axes, results.predicted, differences)
        axes.set(xlabel="predicted", ylabel="predicted minus actual")

    return _svg("residuals", "Residuals of the held-out rows: predicted minus actual, over predicted", draw)


def _points(axes: Any, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", color=_FIRST, markersize=3.5, markeredgewidth=0, alpha=0.6)


def _svg(name: str, label: str, draw: Any) -> str:
    """The text of one ``<svg>`` element to stand in a page."""
    from matplotlib import rc_context, style
    from matplotlib.figure import Figure

    file = io.StringIO()
    with style.context("default"), rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", text)
    text = text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    # Several figures share a page, so each gets names of its own.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (\w+ )?(\d+(?:\.\d+)?px) [^;\"]*", r"font-size: \2", text)
    for colour, role in _ROLES.items():
        text = text.replace(colour, role)
    return text
