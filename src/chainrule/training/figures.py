"""The picture of learning: losses over the epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from chainrule.document.plots import SERIES, TEXT, plot
from chainrule.show.numbers import number_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.training.history import History

MOST_SPREAD: Final = 20.0
"""Values that differ by a larger factor are drawn on a logarithmic axis."""


def learning_curves(histories: Sequence[History]) -> str:
    """The losses over the epochs: of several members thin, with the mean over those still learning thick."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        kinds = (
            ("training loss", [h.loss for h in histories]),
            ("validation loss", [h.validation_loss for h in histories]),
        )
        for (label, curves), colour in zip(kinds, SERIES, strict=False):
            _curves(axes, [curve for curve in curves if curve], colour, label)
        if len(histories) == 1 and histories[0].best_epoch:
            best = histories[0].best_epoch
            axes.axvline(best, linestyle=":", linewidth=1, color=TEXT, label=f"best epoch: {best}")
        if spread(loss for _, curves in kinds for curve in curves for loss in curve) > MOST_SPREAD:
            logarithmic(axes)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()

    return plot("learning", "Training and validation loss over the epochs", draw)


def _curves(axes: Any, curves: Sequence[Sequence[float]], colour: str, label: str) -> None:
    if not curves:
        return
    if len(curves) > 1:
        for curve in curves:
            axes.plot(range(1, len(curve) + 1), curve, color=colour, linewidth=0.7, alpha=0.4)
        label += f", mean of {len(curves)} members"
    together = [_mean([c[epoch] for c in curves]) for epoch in range(min(map(len, curves)))]
    marker = "o" if len(together) == 1 else None
    axes.plot(range(1, len(together) + 1), together, color=colour, linewidth=1.5, marker=marker, label=label)


def logarithmic(axes: Any) -> None:
    """A logarithmic axis with plain numbers: powers of ten would be set as mathematics, which takes long."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def spread(values: Iterable[float]) -> float:
    """The largest over the smallest; 1 where that makes no sense."""
    found = list(values)
    return max(found) / min(found) if min(found) > 0 else 1.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
