"""A log of trainings: one JSON object a line."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from chainrule.callbacks.follower import Follower, described
from chainrule.training import Moment


@dataclass
class JSONLines(Follower):
    """Adds a line to a file at the start of a training, after each epoch, and at the end.

    Each line is written at once and whole, so that a file is valid whatever happens; a run without an ``end`` goes on
    or was killed. All lines have ``event`` (``"start"``, ``"epoch"`` or ``"end"``) and ``run``, so that several
    trainings can share a file. Numbers that are infinite or undefined, which JSON does not have, are null.

    Args:
        path: the file; lines are added to one that is there.
        run: the name of the training in all its lines; the time of its start by default.

    >>> import json, tempfile
    >>> import chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = cr.callbacks.JSONLines(f"{folder}/log.jsonl")
    ...     history = cr.mlp([1, 1]).fit([[0], [1]], [0, 1], epochs=2, callbacks=[log])
    ...     with open(log.path) as file:
    ...         lines = [json.loads(line) for line in file]
    >>> [line["event"] for line in lines], [line["loss"] for line in lines[1:3]] == history.loss
    (['start', 'epoch', 'epoch', 'end'], True)
    """

    path: str | Path
    run: str = ""

    @property
    def place(self) -> str:
        """The file."""
        return f"the log {self.path}"

    def begin(self, moment: Moment, run: str) -> None:
        """Open the file, and say what is trained and how."""
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - closed at the end of training
        self._name, self._began = run, time.perf_counter()
        self._write("start", {"time": datetime.now(UTC).isoformat(timespec="seconds"), **described(moment)})

    def add(self, moment: Moment) -> None:
        """The line of the last epoch."""
        self._write("epoch", moment.history.row(-1))

    def finish(self, moment: Moment) -> None:
        """The last line, and the file is closed."""
        history = moment.history
        record = {
            "stopped": history.stopped,
            "interrupted": history.interrupted,
            "failed": history.failed,
            "epochs": len(history),
            "best_epoch": history.best_epoch,
            "monitor": history.monitor,
            "steps": history.steps,
            "seconds": time.perf_counter() - self._began,
        }
        with self._file:
            self._write("end", record)

    def _write(self, event: str, record: dict[str, Any]) -> None:
        line = {"event": event, "run": self._name, **_known(record)}
        self._file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()


def _known(value: Any) -> Any:
    """A value in which numbers that JSON does not have are unknown."""
    if isinstance(value, dict):
        return {name: _known(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value
