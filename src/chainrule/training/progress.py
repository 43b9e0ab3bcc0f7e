"""Progress on a terminal, in a notebook, or as lines where there is neither."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from time import monotonic
from typing import Any, Final, TextIO

from chainrule.training.callbacks import Callback, Moment

_LONGEST_SILENCE: Final = 60.0
"""Seconds after which a line shows that training goes on, even where it takes hours."""


def progress_callback(progress: Any) -> Callback | None:
    """The callback that ``progress=`` asks for: nothing, a bar or lines, or a callback given as it is."""
    if isinstance(progress, Callback):
        return progress
    if not progress:
        return None
    if in_notebook() and find_spec("tqdm"):
        return NotebookBar()
    return Bar() if sys.stderr.isatty() else Lines(sys.stderr)


def in_notebook() -> bool:
    """Whether this runs in a notebook, which shows HTML, rather than in a terminal or a script."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config


def place(moment: Moment) -> str:
    """The epoch, and of which network of an ensemble."""
    return f"{moment.member and f'{moment.member}, '}epoch {moment.epoch}/{moment.epochs}"


def status(moment: Moment) -> str:
    """The last epoch in a few words."""
    row = moment.history.row(-1)
    parts = [f"{k.replace('_', ' ')} {v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds", "learning_rate")]
    return ", ".join(parts)


class Lines(Callback):
    """One line an epoch and the last, at most one every ``interval`` seconds; the longer it takes, the fewer."""

    def __init__(self, file: TextIO, interval: float = 1.0) -> None:
        self.file, self.interval, self.start, self.last, self.written = file, interval, monotonic(), 0.0, 0

    def on_epoch(self, moment: Moment) -> None:
        """Write a line if it is time."""
        elapsed = monotonic() - self.start
        if monotonic() - self.last >= min(max(self.interval, elapsed / 5), _LONGEST_SILENCE):
            self._write(moment)

    def on_end(self, moment: Moment) -> None:
        """Write the last epoch."""
        if len(moment.history) and self.written != len(moment.history):
            self._write(moment)

    def _write(self, moment: Moment) -> None:
        self.last, self.written = monotonic(), len(moment.history)
        print(f"{place(moment)}: {status(moment)}", file=self.file, flush=True)


class Bar(Callback):
    """A bar of the ``rich`` package with the last epoch's quantities."""

    def on_start(self, moment: Moment) -> None:
        """Show the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("{task.fields[place]}"),
            BarColumn(bar_width=30),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.bar.add_task("", total=moment.steps, place=place(moment), status="")
        self.bar.start()

    def on_slice(self, moment: Moment) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=moment.step)

    def on_epoch(self, moment: Moment) -> None:
        """Show the epoch's quantities."""
        self.bar.update(self.task, place=place(moment), status=status(moment))

    def on_end(self, moment: Moment) -> None:
        """Remove the bar."""
        self.bar.stop()


class NotebookBar(Callback):
    """A bar of the ``tqdm`` package with the last epoch's quantities, in a notebook."""

    def on_start(self, moment: Moment) -> None:
        """Show the bar."""
        from tqdm.auto import tqdm

        self.bar = tqdm(total=moment.steps, unit="step")

    def on_slice(self, moment: Moment) -> None:
        """Move the bar."""
        self.bar.set_description(place(moment), refresh=False)
        self.bar.update(moment.step - self.bar.n)

    def on_epoch(self, moment: Moment) -> None:
        """Show the epoch's quantities."""
        self.bar.set_postfix_str(status(moment), refresh=False)

    def on_end(self, moment: Moment) -> None:
        """Leave the bar where it stands."""
        self.bar.close()
