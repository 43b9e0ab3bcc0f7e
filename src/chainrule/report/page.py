"""The page of a model: what is shown, in the order in which a reader asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.document.html import environment
from chainrule.report import figures

if TYPE_CHECKING:
    from chainrule.tabular import Results, TableModel


def render(model: TableModel) -> str:
    """The report as the text of one HTML file: no network, no scripts, no other files."""
    shown = {name: value for name, value in model.settings.items() if name not in ("command", "versions")}
    return (
        environment("chainrule.report")
        .get_template("report.html")
        .render(
            model=model,
            columns=model.encoder.columns,
            used=model.encoder.inputs,
            target=model.encoder.target,
            results=model.results,
            history=model.history,
            summary=model.network.summary(),
            curves=figures.learning_curves(model.history) if len(model.history) else "",
            plots=_plots(model.results),
            program=model.network.program().python(),
            settings={name: _spelled(value) for name, value in shown.items()},
            versions=model.settings.get("versions", {}),
        )
    )


def _plots(results: Results) -> list[tuple[str, str]]:
    """The figures of a regression, each with its caption."""
    if results.task == "classification":
        return []
    return [
        (figures.predicted_against_actual(results), "The nearer to the line, the better the prediction."),
        (figures.residuals(results), "A pattern here is something that the model has not learnt."),
    ]


def _spelled(value: object) -> str:
    """A setting in words: lists and dictionaries without their brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
