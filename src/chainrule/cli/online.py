"""``chainrule train - --online``: a stream of lines in; a network that learnt from each of them out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.errors import ArgumentError, ChainruleError

if TYPE_CHECKING:
    from chainrule.online import Prequential
    from chainrule.online.prequential import Mark
    from chainrule.online.tables import OnlineTable
    from chainrule.tabular import TableModel

INTERRUPTED = 130

MOST_LINES: Final = 10
"""Lines that were left out of which each is named on stderr; of more, the count alone."""

LONGEST_SILENCE: Final = 60.0
"""Seconds after which a line of progress comes, even where learning goes on for hours."""

KEPT_SECONDS: Final = 60.0
"""Seconds from one writing of the model to the next, if nothing else is said."""

KEPT_RATIO: Final = 20
"""How many times longer than writing it takes learning goes on, at least."""

STREAM_OPTIONS: Final = ("header", "format", "warm_up", "before")
"""What only a stream has."""

_TABLE_OPTIONS: Final = (
    *("members", "dropout", "epochs", "patience", "batch_size", "skip_unlabelled"),
    *("log", "tensorboard", "mlflow", "checkpoint", "resume", "on_disk", "memory"),
    *("processes", "joining"),
)
"""What only a table in a file has."""

_ANEW_OPTIONS: Final = ("task", "hidden", "warm_up", "seed")
"""What a model to go on with has decided."""


def streaming(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that learns from a stream."""
    for option in (
        click.option(
            "--from",
            "before",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="A model to go on with (with --online).",
        ),
        click.option(
            "--warm-up",
            metavar="ROWS",
            type=click.IntRange(min=10),
            help="First rows, from which the columns are learnt (with --online).  [default: 1000]",
        ),
        click.option(
            "--format", type=click.Choice(["csv", "jsonl"]), help="Of the lines (with --online).  [default: csv]"
        ),
        click.option(
            "--header", metavar="NAMES", help="The columns, as a,b,c, where no line names them (with --online)."
        ),
        click.option(
            "--online",
            is_flag=True,
            help="Learn from each line as it comes; DATA is - for standard input, or tcp://host:port.",
        ),
    ):
        command = option(command)
    return command


def check_options(context: click.Context, *, online: bool) -> None:
    """Refuse options that were given for the other way to train, and a stream where none is expected."""
    source = str(context.params["data"])
    if not online and (source == "-" or source.startswith("tcp:")):
        raise ArgumentError(f"{source} is a stream of lines, and learnt from as they come: add --online")
    refused = dict.fromkeys(
        _TABLE_OPTIONS if online else STREAM_OPTIONS, f"{'is not for' if online else 'needs'} --online"
    )
    if context.params["before"]:
        refused |= dict.fromkeys(_ANEW_OPTIONS, "is not for --from: the model to go on with has it already")
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in refused and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise ArgumentError(f"{parameter.opts[0]} {refused[name]}")


def learn(
    source: str, folder: Path, *, command: str, force: bool, as_json: bool, every: float | None, **arguments: Any
) -> int:
    """Learn from a stream until it ends or Ctrl-C is pressed, and write the model, from time to time and in the end.

    Args:
        source: ``-`` or ``tcp://host:port``.
        folder: for the model.
        command: that was given.
        force: whether the folder may hold other files.
        as_json: whether to print an object for programs.
        every: seconds from one writing to the next.
        **arguments: of :class:`chainrule.online.tables.OnlineTable`, with ``header`` and ``format``.
    """
    from chainrule.cli import show
    from chainrule.online.folder import save
    from chainrule.online.lines import LineReader
    from chainrule.online.sources import stream_bytes
    from chainrule.online.tables import OnlineTable
    from chainrule.tabular import check_folder

    check_folder(folder, force=force)
    header, format_ = arguments.pop("header"), arguments.pop("format") or "csv"
    reader = LineReader(format_, header.split(",") if header else None)
    table = OnlineTable(**{name: value for name, value in arguments.items() if value is not None})
    write = partial(save, folder=folder, command=command, force=force)
    progress, keeping = _Progress(quiet=as_json), _Keeping(write, KEPT_SECONDS if every is None else every)

    def watch(table: OnlineTable) -> None:
        progress(table)
        keeping(table)

    broken: ChainruleError | None = None
    try:
        table.consume(stream_bytes(source), reader, watch)
    except ChainruleError as error:  # what was learnt before is kept
        if not table.record or not table.record.rows:
            raise
        table.record.stopped, broken = "ended by an error", error
    model = write(table)
    assert table.record is not None
    if broken:
        raise type(broken)(f"{broken} (the model of the {table.record.rows} rows before is in {folder})") from None
    if as_json:
        show.as_json(_summary(table, model, table.record, folder))
    else:
        show.unless_closed(_show, table, table.record, folder)
    return INTERRUPTED if table.record.interrupted else 0


class _Progress:
    """Lines on stderr: what was recognised, lines that were left out, and what was measured since the line before."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.start, self.last = quiet, monotonic(), monotonic()
        self.mark: Mark = (0, 0.0)
        self.named, self.recognised = 0, False

    def __call__(self, table: OnlineTable) -> None:
        """Tell what there is to tell, if it is time."""
        from chainrule.show.numbers import counted

        for problem in table.problems[self.named : MOST_LINES]:
            _say(f"{problem}; left out")
            self.named += 1
            if self.named == MOST_LINES:
                _say("further lines that are left out are counted only")
        record = table.record
        if record is None or self.quiet:
            return
        if not self.recognised:
            self.recognised = True
            _say(_recognised(table))
        now = monotonic()
        if record.stopped or now - self.last >= min(max(1.0, (now - self.start) / 5), LONGEST_SILENCE):
            self.last = now
            since, self.mark = record.since(self.mark), record.mark()
            if since:
                _say(f"{counted(record.rows, 'row')}: {_values(since)}{_left_out(table)}")


class _Keeping:
    """Writes the model from time to time: a stream may go on for ever, and a power cut must not take all of it."""

    def __init__(self, write: Callable[[OnlineTable], Any], seconds: float) -> None:
        self.write, self.seconds = write, seconds
        self.due, self.rows = monotonic() + seconds, 0

    def __call__(self, table: OnlineTable) -> None:
        """Write it, if it is time and there is something new; the end of the stream sees to itself."""
        record = table.record
        if record is None or record.rows in (0, self.rows) or record.stopped or monotonic() < self.due:
            return
        start = monotonic()
        try:
            self.write(table)
            self.rows = record.rows
        except ChainruleError as error:
            _say(f"{error} (learning goes on; the model is written later)")
        now = monotonic()
        self.due = now + max(self.seconds, KEPT_RATIO * (now - start))


def _say(text: str) -> None:
    click.echo(f"chainrule: {text}", err=True)
    sys.stderr.flush()


def _recognised(table: OnlineTable) -> str:
    from chainrule.show.numbers import counted, listed

    encoder = table.encoder
    assert encoder is not None
    target = encoder.target
    kind = f"one of {listed(target.classes, 12)}" if target.classes else "a number"
    return (
        f"columns learnt from {counted(encoder.rows, 'row')}: {counted(len(encoder.inputs), 'column')}, "
        f"{counted(len(encoder.feature_names), 'feature')}; {target.name} is {kind} ({target.reason})"
    )


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _left_out(table: OnlineTable) -> str:
    from chainrule.show.numbers import counted

    return f"; {counted(table.skipped, 'line')} left out" if table.skipped else ""


def _show(table: OnlineTable, record: Prequential, folder: Path) -> None:
    """Print what was learnt, and where it is."""
    from chainrule.tabular import FILES

    if record.interrupted:
        click.echo("Interrupted by Ctrl-C: what was learnt so far is kept.")
    click.echo(f"{record}{_left_out(table)}.")
    click.echo(f"In {folder}: {', '.join(FILES)}")


def _summary(table: OnlineTable, model: TableModel, record: Prequential, folder: Path) -> dict[str, Any]:
    """What a program that called this one may want to know."""
    return {
        "model": str(folder),
        "rows": record.rows,
        "running": record.running(),
        "windowed": record.windowed(),
        "fading": record.fading(),
        "skipped": table.skipped,
        "problems": [str(problem) for problem in table.problems],
        "interrupted": record.interrupted,
        "stopped": record.stopped,
        "settings": model.settings,
    }
