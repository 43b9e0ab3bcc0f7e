"""The page of a model: what is shown, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from chainrule.diagnosis.diagnosis import TITLES
from chainrule.document.html import environment
from chainrule.network import Network
from chainrule.nn import Join
from chainrule.report import figures
from chainrule.show.numbers import counted, grouped_text, plural
from chainrule.training.figures import learning_curves

if TYPE_CHECKING:
    from jinja2 import Environment

    from chainrule.judging import ClassResults, NumberResults, Results
    from chainrule.judging.dependence import Dependence
    from chainrule.tabular import TableModel
    from chainrule.training import History

MOST_CLASSES: Final = 20
"""Of more classes, the page shows those that are found least often instead of the whole matrix."""

MOST_COLUMNS: Final = 100
"""Columns whose treatment is listed; of more, the most important."""

MOST_BARS: Final = 15
"""Columns whose importance is listed."""

_TITLES: Final = {
    "results": "Results on held-out rows",
    "calibration": "What the probabilities mean",
    "rows": "Rows to look at",
    "importance": "Which columns it needs",
    "dependence": "How predictions change with a column",
    "training": "How it learnt",
    "table": "The table as recognised",
    "network": "The network",
    "again": "To get the same model again",
}


_PARTS: Final = {"training": "learning", "watching": "watching training", "held_out": "judging the result"}


def render(model: TableModel) -> str:
    """The report as the text of one HTML file: no network, no scripts, no other files."""
    results, settings, histories = model.results, model.settings, list(model.histories)
    shown = {name: value for name, value in settings.items() if name not in ("columns", "command", "versions")}
    return (
        _templates()
        .get_template("report.html")
        .render(
            model=model,
            target=model.encoder.target,
            results=results,
            diagnosis=model.diagnosis,
            sections=[(name, title) for name, title in _TITLES.items() if _has(name, results)],
            columns=_columns(model),
            parts=_parts(settings.get("rows", {}), settings.get("skip_unlabelled", False)),
            run=_run(histories),
            layer_plots=figures.layers(histories),
            curves=learning_curves(histories) if any(map(len, histories)) else "",
            summary=_member(model.network).summary(),
            program=model.network.program().python(),
            settings={name: _spelled(value) for name, value in shown.items()},
            versions=settings.get("versions", {}),
            severities=TITLES,
            most_bars=MOST_BARS,
            **(_class_parts(results) if results.task == "classification" else _number_parts(results)),
            **_dependence_parts(results),
        )
    )


def _has(section: str, results: Results) -> bool:
    match section:
        case "calibration":
            return results.task == "classification"
        case "rows" | "importance":
            return results.inspection is not None
        case "dependence":
            return results.inspection is not None and bool(results.inspection.dependences)
    return True


def _class_parts(results: ClassResults) -> dict[str, Any]:
    counts = map(sum, results.confusion)
    classes = [each for each in zip(results.classes, counts, results.recall, strict=True) if each[2] is not None]
    return {
        "matrix": len(results.classes) <= MOST_CLASSES,
        "least_found": sorted(classes, key=lambda each: each[2] or 0.0)[:MOST_CLASSES],
        "reliability": figures.calibration(results.calibration),
    }


def _number_parts(results: NumberResults) -> dict[str, Any]:
    return {
        "plots": [
            (figures.predicted_against_actual(results), "The nearer to the line, the better the prediction."),
            (figures.residuals(results), "A pattern here is something that the model has not learnt."),
            (figures.residual_counts(results), "To the right of the line predictions are too high."),
        ]
    }


def _dependence_parts(results: Results) -> dict[str, Any]:
    if not results.inspection or not results.inspection.dependences:
        return {}
    found = results.inspection.dependences
    limits = _limits(found)
    room = 0.04 * (limits[1] - limits[0])
    padded = (limits[0] - room, limits[1] + room)
    return {
        "limits": limits,
        "dependences": [
            (each, "" if each.kind == "category" else figures.dependence(each, place, padded))
            for place, each in enumerate(found)
        ],
    }


def _limits(found: Sequence[Dependence]) -> tuple[float, float]:
    """Of all curves, those of single rows too."""
    values = [value for each in found for curve in (*each.curves, *each.rows) for value in curve]
    return min(values), max(values)


def _parts(rows: Mapping[str, int], unlabelled: bool) -> str:
    """Into which parts the rows of the table were split; ``unlabelled`` says that some may have been left out."""
    if not rows:
        return ""
    parts = ", ".join(f"{count} for {_PARTS.get(part, part)}" for part, count in rows.items())
    having = " with a target" if unlabelled else ""
    return f"The table's {sum(rows.values())} rows{having} were split at random: {parts}."


def _columns(model: TableModel) -> list[Any]:
    """The columns to list."""
    columns = list(model.encoder.columns)
    if len(columns) <= MOST_COLUMNS:
        return columns
    inspection = model.results.inspection
    most = [importance.column for importance in inspection.importances] if inspection else []
    rank = {name: place for place, name in enumerate(most)}
    return sorted(columns, key=lambda column: rank.get(column.name, len(rank)))[:MOST_COLUMNS]


def _templates() -> Environment:
    templates = environment("chainrule.report")
    templates.filters |= {
        "short": grouped_text,
        "percent": lambda share: f"{share:.1%}",
        "recall": lambda share: "no rows" if share is None else f"{share:.1%}",
        "counted": counted,
        "plural": plural,
        "over": lambda value, largest: min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0,
        "between": lambda value, ends: (value - ends[0]) / ((ends[1] - ends[0]) or 1.0),
    }
    return templates


def _member(network: Network) -> Network:
    """The network itself, or the first member of an ensemble."""
    first = network.layers[0]
    if not isinstance(first, Join):
        return network
    return Network(*first.branches[0], loss=network.loss_function, inputs=network.inputs)


def _run(histories: Sequence[History]) -> str:
    """How training ended."""
    if len(histories) == 1:
        verdict = histories[0].verdict
        return verdict[:1].upper() + verdict[1:]
    epochs = [len(history) for history in histories]
    losses = [min(history.validation_loss) for history in histories if history.validation_loss]
    return (
        f"{len(histories)} members were trained, each by itself; their predictions are averaged. "
        f"They took {_range(epochs)} epochs; their best validation losses are {_range(losses)}."
    )


def _range(values: Sequence[float]) -> str:
    low, high = grouped_text(min(values)), grouped_text(max(values))
    return low if low == high else f"{low} to {high}"


def _spelled(value: object) -> str:
    """A setting in words: lists and dictionaries without their brackets."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {_spelled(item)}" for name, item in value.items() if item is not None
        )
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
