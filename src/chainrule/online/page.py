"""The page of a model that learnt online: what was measured on the way, and what such a page cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainrule.document import Code, Document, Figure, Heading, Paragraph, Table
from chainrule.document.plots import SERIES, plot
from chainrule.show.numbers import counted, grouped_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure as Canvas

    from chainrule.document import Block
    from chainrule.online.prequential import Prequential
    from chainrule.online.tables import OnlineTable
    from chainrule.tabular import TableModel

_FEW_POINTS = 20
"""Of so many points each is shown."""

_KINDS = (("", "all rows so far"), ("_window", "the last rows"), ("_fading", "fading"))
_LABELS = {"loss": "loss", "accuracy": "accuracy", "r2": "R²", "mae": "mean absolute error", "rmse": "RMSE"}


def page(table: OnlineTable, model: TableModel, record: Prequential) -> Document:
    """The page of a stream's model."""
    target, online = model.encoder.target, model.settings["online"]
    rows = [[column.name, column.kind, column.sentence] for column in model.encoder.columns]
    before = online["rows"] - record.rows
    went_on = f" It went on from a model that had learnt {counted(before, 'row')}." if before else ""
    skipped = [[str(problem.line), problem.problem] for problem in table.problems]
    left_out: Sequence[Block] = (
        [
            Heading("Lines that were left out"),
            Paragraph(f"{counted(table.skipped, 'line')} could not be used." + _first(len(skipped), table.skipped)),
            Table(("line", "why"), skipped),
        ]
        if skipped
        else []
    )
    return Document(
        f"Predicting {target.name}, learnt online",
        (
            Paragraph(
                f"{record.rows} rows were learnt one by one, each once, in the order in which they came; "
                f"{model.histories[0].stopped}.{went_on} Each row was predicted before it was learnt, so every error "
                "counted here is one on a row that the model had not seen."
            ),
            Heading("How well it predicted"),
            _averages(record),
            *_figures(record),
            Paragraph(
                f"“The last rows” are the last {record.window}. “Fading” is an average in which each row counts "
                f"{1 - 1 / record.window:.6g} times as much as the one after it. A bend of these two that the average "
                "of all rows hardly shows is a change of what is to be learnt."
            ),
            Heading(f"The last {model.results.rows} rows"),
            Table(
                ("measure", "value", "95% interval", "best constant guess"),
                model.results.measures,
            ),
            Heading("The columns"),
            Paragraph(f"Means, scales and categories come from the first {model.encoder.rows} rows."),
            Table(("column", "kind", "what is done with it"), rows),
            *left_out,
            *_again(model),
            Heading("What is not here"),
            Paragraph(
                "No rows were held out: the rows above take their place. The stream was not kept, so there is no "
                "picture of what the model looks at and no list of rows to look at; for these, keep the rows in a "
                "file and use chainrule train on it. The loss is that of the network, whose target is standardised "
                "where it is a number."
            ),
        ),
    )


def _first(shown: int, all_: int) -> str:
    return "" if shown == all_ else f" The first {shown}:"


def _names(record: Prequential) -> list[str]:
    return [name for name in _LABELS if name in record.curve]


def _averages(record: Prequential) -> Table:
    found, names = (record.running(), record.windowed(), record.fading()), _names(record)
    rows = [[kind, *(grouped_text(values[n]) for n in names)] for (_, kind), values in zip(_KINDS, found, strict=True)]
    return Table(("", *(_LABELS[name] for name in names)), rows)


def _again(model: TableModel) -> list[Block]:
    """The network, and what makes it again."""
    command = str(model.settings.get("command", ""))
    versions = ", ".join(f"{name} {version}" for name, version in model.settings["versions"].items())
    return [
        Heading("The network"),
        Code(str(model.network.summary())),
        Paragraph(
            f"Adam with a learning rate of {model.settings['online']['lr']:g} makes a step for each row. The same "
            f"lines in the same order give the same model, with these versions: {versions}."
        ),
        *([Code(command)] if command else []),
    ]


def _figures(record: Prequential) -> list[Figure]:
    """A figure for each quantity, where there is a curve to draw."""
    curve = record.curve_to_now()
    return [_figure(name, curve) for name in _names(record)] if len(curve["rows"]) > 1 else []


def _figure(name: str, curve: Mapping[str, Sequence[float]]) -> Figure:
    """The three averages of a quantity over the rows."""
    label = f"{_LABELS[name]} over the rows learnt"

    def draw(figure: Canvas) -> None:
        axes: Any = figure.add_subplot()
        points = {"marker": "o", "markersize": 2.5} if len(curve["rows"]) <= _FEW_POINTS else {}
        for (suffix, kind), colour in zip(_KINDS, SERIES, strict=False):
            axes.plot(curve["rows"], curve[name + suffix], color=colour, linewidth=1.4, label=kind, **points)
        axes.set(xlabel="rows learnt", ylabel=_LABELS[name])
        figure.legend(loc="outside upper center", ncols=3)

    return Figure(plot(f"online-{name}", label, draw), label)
