"""The figures of a report. Names from the table stand in the page around them, never inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from chainrule.document.plots import FAINT, SERIES, plot
from chainrule.training.figures import MOST_SPREAD, logarithmic, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chainrule.judging import NumberResults
    from chainrule.judging.calibration import Calibration
    from chainrule.judging.dependence import Dependence
    from chainrule.training import History, LayerSeries

_FIRST, _SECOND = SERIES[:2]
_SMALL: Final = (3.4, 2.4)
_MIDDLE: Final = (4.0, 2.9)
_BARS: Final = 30


def layers(histories: Sequence[History]) -> list[tuple[str, str]]:
    """What became of the layers of the first member: figures, each with its caption."""
    series = histories[0].layers if histories else []
    shown = {
        "gradient_norms": "Size of the gradient of each layer's parameters, on the same rows each time.",
        "weight_norms": "Size of each layer's parameters.",
        "dead": "Share of each layer's units that no row can change any more.",
        "saturated": "Share of each layer's units that lie in a flat end of their activation function.",
    }
    return [
        (_layer_figure(series, quantity, caption), caption)
        for quantity, caption in shown.items()
        if any(any(getattr(layer, quantity)) for layer in series)
    ]


def _layer_figure(series: Sequence[LayerSeries], quantity: str, label: str) -> str:
    """One quantity over the epochs: a colour for each layer, or shades of one from the first layer to the last."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        few = len(series) <= len(SERIES)
        for place, layer in enumerate(series):
            colour, strength = (SERIES[place], 1.0) if few else (_FIRST, 0.25 + 0.75 * place / (len(series) - 1))
            named = layer.layer if few or place in (0, len(series) - 1) else None
            values = getattr(layer, quantity)
            axes.plot(
                layer.epochs,
                values,
                color=colour,
                alpha=strength,
                linewidth=1.4,
                marker="o",
                markersize=2.5,
                label=named,
            )
        if (
            quantity.endswith("norms")
            and spread(value for layer in series for value in getattr(layer, quantity)) > MOST_SPREAD
        ):
            logarithmic(axes)
        axes.set(xlabel="epoch")
        axes.legend()

    return plot(quantity.replace("_", "-"), label, draw, _MIDDLE)


def predicted_against_actual(results: NumberResults) -> str:
    """One point for each held-out row, and the line on which a perfect prediction would lie."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends = [min(results.actual + results.predicted), max(results.actual + results.predicted)]
        axes.plot(ends, ends, color=_SECOND, linewidth=1.2, label="perfect prediction")
        _points(axes, results.actual, results.predicted)
        axes.set(xlabel="actual", ylabel="predicted")
        axes.legend()

    return plot("predicted", "Predicted against actual values of the held-out rows", draw, _MIDDLE)


def residuals(results: NumberResults) -> str:
    """Predicted minus actual, over what was predicted."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axhline(0, color=_SECOND, linewidth=1.2)
        _points(axes, results.predicted, _residuals(results))
        axes.set(xlabel="predicted", ylabel="predicted minus actual")

    return plot("residuals", "Residuals of the held-out rows: predicted minus actual, over predicted", draw, _MIDDLE)


def residual_counts(results: NumberResults) -> str:
    """How many held-out rows have which residual."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.hist(_residuals(results), bins=_BARS, color=_FIRST, alpha=0.6)
        axes.axvline(0, color=_SECOND, linewidth=1.2)
        axes.set(xlabel="predicted minus actual", ylabel="rows")

    return plot("counts", "How many held-out rows have which residual", draw, _MIDDLE)


def _residuals(results: NumberResults) -> list[float]:
    return [p - a for p, a in zip(results.predicted, results.actual, strict=True)]


def _points(axes: Any, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", color=_FIRST, markersize=3.5, markeredgewidth=0, alpha=0.6)


def calibration(found: Calibration) -> str:
    """The share of rows that were right over their probability, and how many rows there are."""

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=_SECOND, linewidth=1.2, label="as the probabilities say")
        x, y = [b.probability for b in found.bins], [b.share for b in found.bins]
        reach = [
            [max(b.share - b.interval.low, 0.0) for b in found.bins],
            [max(b.interval.high - b.share, 0.0) for b in found.bins],
        ]
        upper.errorbar(x, y, yerr=reach, fmt="o", color=_FIRST, markersize=4, linewidth=1, label="held-out rows")
        upper.set(ylabel="share that was so", ylim=(-0.03, 1.03))
        upper.legend(loc="upper left")
        lower.bar(x, [b.rows for b in found.bins], width=0.05, color=_FIRST, alpha=0.6)
        lower.set(xlabel="probability", ylabel="rows", xlim=(-0.03, 1.03))

    return plot("calibration", "Share of rows that were so, over their probability", draw, (4.6, 4.0))


def dependence(found: Dependence, place: int, limits: tuple[float, float]) -> str:
    """Mean predictions over the values of one column of numbers or dates, and those of single rows.

    Args:
        found: the curves.
        place: of this figure among those of its kind.
        limits: of the predictions, the same in all such figures, so that they can be compared.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        x = _days(axes, found.places) if found.kind == "date" else found.places
        for row in found.rows:
            axes.plot(x, row, color=FAINT, linewidth=0.8)
        for curve, colour in zip(found.curves, SERIES, strict=False):
            axes.plot(x, curve, color=colour, linewidth=1.6, marker="o", markersize=2.5)
        axes.set_ylim(limits)
        axes.locator_params(axis="y", nbins=5)
        if found.kind == "number":
            axes.locator_params(axis="x", nbins=5)

    return plot(f"dependence{place}", "Mean prediction over the values of the column", draw, _SMALL)


def _days(axes: Any, days: Sequence[Any]) -> Any:
    """Days since 1970-01-01 as dates, with an axis that shows them as such."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return num2date(days)
