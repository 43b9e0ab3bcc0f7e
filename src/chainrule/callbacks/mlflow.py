"""Training as a run in MLflow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from chainrule.callbacks.follower import Follower, described, library
from chainrule.errors import ArgumentError
from chainrule.training import Moment

MODEL = "model"
"""The folder of a run's artifacts in which the model is."""

WRITE_SECONDS = 1.0
"""How long quantities are gathered before they are sent: a server takes many at once as fast as one."""

MOST_QUANTITIES = 1000
"""Quantities that MLflow takes at once."""

LONGEST_VALUE = 500
"""Letters of a parameter of a run that every MLflow server takes."""


@dataclass
class MLflow(Follower):
    """Keeps a training as a run of MLflow: how it was trained, the quantities of every epoch, the model.

    It needs MLflow: ``pip install 'chainrule[follow]'`` for what a tracking server needs, ``pip install mlflow`` for a
    database of one's own. Where runs go, and under which experiment, is set as for everything else in MLflow
    (``MLFLOW_TRACKING_URI``, ``mlflow.set_experiment``). A run that is active is written to, and stays active.

    Args:
        run: the name of the run; MLflow finds one by default.
        model: whether the network is kept among the run's artifacts, as ``model/network.chainrule``.

    Attributes:
        run_id: MLflow's name of the last run.
        parent: of a member of an ensemble, the run of which its run is a part; empty if there is none.
    """

    run: str = ""
    model: bool = True
    run_id: str = field(default="", init=False)
    parent: str | None = field(default=None, init=False, repr=False)

    @property
    def place(self) -> str:
        """The run."""
        return "the MLflow run"

    def begin(self, moment: Moment, run: str) -> None:
        """Start a run, and say what is trained and how."""
        self._started = self._start()
        self._waiting: list[Any] = []
        self._sent = time.monotonic()
        about = described(moment)
        parameters = _flat(about | about.pop("settings"))
        mlflow = library("mlflow", "mlflow")
        try:
            mlflow.log_params({name: str(value)[:LONGEST_VALUE] for name, value in parameters.items()})
        except mlflow.MlflowException as error:
            _end(self._started, "FAILED")
            raise ArgumentError(f"MLflow does not take the parameters of the run: {error}") from None

    def add(self, moment: Moment) -> None:
        """The quantities of the last epoch."""
        from mlflow.entities import Metric

        quantities = moment.history.row(-1)
        epoch, now = int(quantities.pop("epoch")), int(1000 * time.time())
        self._waiting += [Metric(name, value, now, epoch) for name, value in quantities.items()]
        if time.monotonic() - self._sent >= WRITE_SECONDS:
            self._send()

    def finish(self, moment: Moment) -> None:
        """The rest, how training ended, and the network."""
        history = moment.history
        try:
            self._send()
            self._client.set_tag(self.run_id, "stopped", history.stopped)
            self._client.log_metric(self.run_id, "best_epoch", history.best_epoch)
            if self.model and len(history):
                with tempfile.TemporaryDirectory() as folder:
                    moment.network.save(Path(folder) / "network.chainrule")
                    self.keep(folder)
        finally:
            _end(self._started, "FAILED" if history.failed else "KILLED" if history.interrupted else "FINISHED")

    def keep(self, folder: str | Path) -> None:
        """Add the files of a folder to the run's model, also after training."""
        self._client.log_artifacts(self.run_id, str(folder), MODEL)

    @contextmanager
    def around(self) -> Iterator[None]:
        """One run for all that is trained inside: a single training writes to it, members have runs within it."""
        started, status = self._start(), "FAILED"
        try:
            yield
            status = "FINISHED"
        finally:
            _end(started, status)

    def of_member(self, number: int, start: str) -> Self:
        """The same for one member, whose run is a part of the one that is active now."""
        own = super().of_member(number, start)
        active = library("mlflow", "mlflow").active_run()
        own.parent = active.info.run_id if active else ""
        return own

    def _start(self) -> bool:
        """Take the active run, or start one; says whether one was started."""
        mlflow = library("mlflow", "mlflow")
        active = mlflow.active_run() if self.parent is None else None
        try:
            run = active or mlflow.start_run(run_name=self.run or None, nested=True, parent_run_id=self.parent or None)
        except mlflow.MlflowException as error:
            remedy = "set MLFLOW_TRACKING_URI to a server, or pip install mlflow for a database of your own"
            raise ArgumentError(f"MLflow cannot start a run ({str(error).strip()}): {remedy}") from None
        self.run_id = run.info.run_id
        self._client = mlflow.MlflowClient()
        return active is None

    def _send(self) -> None:
        for start in range(0, len(self._waiting), MOST_QUANTITIES):
            self._client.log_batch(self.run_id, metrics=self._waiting[start : start + MOST_QUANTITIES])
        self._waiting, self._sent = [], time.monotonic()


def _end(started: bool, status: str) -> None:
    """End the active run, if it was started here."""
    if started:
        library("mlflow", "mlflow").end_run(status)


def _flat(record: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """A record within a record as single values, with points in their names."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat |= _flat(value, f"{start}{name}.") if isinstance(value, Mapping) else {f"{start}{name}": value}
    return flat
