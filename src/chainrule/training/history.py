"""What happened during training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError
from chainrule.training.curves import curve_finding
from chainrule.training.series import LayerSeries

if TYPE_CHECKING:
    from chainrule.engines.native.profile import Profile
    from chainrule.training.checkpoint import Checkpoint


@dataclass
class History:
    """One entry an epoch, and how training ended.

    Attributes:
        loss: mean training loss of the epoch's steps, each weighted by its rows; their sum for ``reduction="sum"``
            (in which a penalty on the weights counts once a step).
        validation_loss: loss of the validation rows after the epoch; empty without any.
        metrics: further quantities of the validation rows (of the training rows without any), by name.
        learning_rate: that of the epoch's last step; for L-BFGS the length that the line search found.
        seconds: duration of the epoch.
        steps: updates made in all.
        best_epoch: the epoch (from 1) whose weights were the best by ``monitor``; 0 before the first.
        monitor: the quantity by which epochs are compared.
        stopped: why training ended, in words.
        interrupted: whether Ctrl-C ended it.
        failed: whether an error ended it.
        restored: whether the weights are those of the best epoch instead of the last.
        start: the largest loss of the first steps, those of the first 32 rows: what training began from.
        layers: norms and units of each layer over the epochs, where :class:`chainrule.LayerRecorder` watched.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    steps: int = 0
    best_epoch: int = 0
    monitor: str = "loss"
    stopped: str = ""
    interrupted: bool = False
    failed: bool = False
    restored: bool = False
    start: float | None = None
    layers: list[LayerSeries] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layers = [s if isinstance(s, LayerSeries) else LayerSeries(**s) for s in self.layers]
        self._profiler: Callable[[], Profile] | None = None  # no part of the record
        self.checkpoint: Checkpoint | None = None
        """Where training ended, to go on from; no part of the record, and not known of one that failed."""

    def continued(self) -> History:
        """A copy, to which further epochs can be added."""
        record = deepcopy({f.name: getattr(self, f.name) for f in fields(self)})
        return History(**record | {"stopped": "", "interrupted": False, "failed": False, "restored": False})

    def measured_by(self, profiler: Callable[[], Profile]) -> None:
        """Say how :attr:`profile` is measured."""
        self._profiler = profiler

    def __len__(self) -> int:
        return len(self.loss)

    def columns(self) -> dict[str, list[float]]:
        """The quantities by name, those that were recorded."""
        table = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics}
        table |= {"learning_rate": self.learning_rate, "seconds": self.seconds}
        return {name: values for name, values in table.items() if values}

    def row(self, epoch: int) -> dict[str, float]:
        """The quantities of one epoch (from 1; -1 for the last) by name, its number first."""
        place = epoch - 1 if epoch > 0 else len(self) + epoch
        return {"epoch": place + 1, **{name: values[place] for name, values in self.columns().items()}}

    def rows(self) -> Iterator[dict[str, float]]:
        """One dictionary an epoch."""
        return map(self.row, range(1, len(self) + 1))

    def watched(self, name: str) -> list[float]:
        """The values of one quantity."""
        return self.columns().get(name, [])

    @property
    def verdict(self) -> str:
        """How training ended, which epoch was best, and what the curve of the loss says."""
        if not self.loss:
            return f"{self.stopped}; no epoch was finished."
        best = self.watched(self.monitor)[self.best_epoch - 1] if self.best_epoch else self.loss[-1]
        ended = (
            f"{self.stopped}; best {self.monitor.replace('_', ' ')} {best:.4g} in epoch {self.best_epoch or len(self)}."
        )
        finding = curve_finding(self)
        return f"{ended} {finding.text}" if finding else ended

    @property
    def profile(self) -> Profile:
        """Where the time of a training step goes, phase by phase; measured anew, for some tenths of a second."""
        if self._profiler is None:
            raise ArgumentError("a history that was read from a file cannot be profiled: use net.profile(X, y)")
        return self._profiler()

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the record, not the data behind a profile."""
        return vars(self) | {"_profiler": None}

    def to_csv(self, path: str | Path) -> None:
        """Write one line an epoch."""
        import csv

        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *self.columns()])
            writer.writeheader()
            writer.writerows(self.rows())

    def _repr_html_(self) -> str:
        """What a notebook shows: the curve of the losses, and how training ended."""
        from chainrule.document import Document, Figure, Paragraph
        from chainrule.training.figures import learning_curves

        label = "Training and validation loss over the epochs"
        curves = [Figure(learning_curves([self]), label)] if len(self) else []
        verdict = self.verdict[:1].upper() + self.verdict[1:]
        return Document("Training", (*curves, Paragraph(verdict)))._repr_html_()

    def plot(self, axes: Any = None) -> Any:
        """Draw the losses over the epochs on Matplotlib axes (new ones by default), and return them."""
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(7, 4), layout="constrained").add_subplot()
        epochs = range(1, len(self) + 1)
        axes.plot(epochs, self.loss, label="training loss")
        if self.validation_loss:
            axes.plot(epochs, self.validation_loss, label="validation loss")
        if self.best_epoch:
            axes.axvline(self.best_epoch, linestyle=":", linewidth=1, label=f"best epoch: {self.best_epoch}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()
        return axes


def write_histories(path: str | Path, histories: Sequence[History]) -> None:
    """Write one line for each epoch of each member of an ensemble."""
    import csv

    names = list(dict.fromkeys(name for history in histories for name in history.columns()))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["member", "epoch", *names])
        writer.writeheader()
        for member, history in enumerate(histories, 1):
            writer.writerows({"member": member, **row} for row in history.rows())
