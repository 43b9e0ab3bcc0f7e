"""Training in TensorBoard."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from chainrule.callbacks.follower import Follower, described, library
from chainrule.training import Moment

FLUSH_SECONDS = 2
"""How long a reader waits for what was written."""


@dataclass
class TensorBoard(Follower):
    """Writes the quantities of every epoch for TensorBoard: ``tensorboard --logdir FOLDER`` shows them.

    It needs tensorboardX: ``pip install 'chainrule[follow]'``. Quantities have the names of the history: ``loss``,
    ``validation_loss``, the metrics, ``learning_rate`` and ``seconds``; ``about`` says what was trained, and how.

    Args:
        folder: the log folder; each training gets a folder of its own there.
        run: the name of that folder; the time of the training's start by default.
    """

    folder: str | Path
    run: str = ""

    @property
    def place(self) -> str:
        """The folder."""
        return f"the TensorBoard folder {self.folder}"

    def begin(self, moment: Moment, run: str) -> None:
        """Open the file of events, and say what is trained and how."""
        writer = library("tensorboardX", "tensorboardX").SummaryWriter
        self._writer = writer(str(Path(self.folder) / run), flush_secs=FLUSH_SECONDS)
        self._writer.add_text("about", f"```json\n{json.dumps(described(moment), indent=2)}\n```")

    def add(self, moment: Moment) -> None:
        """The quantities of the last epoch."""
        quantities = moment.history.row(-1)
        epoch = quantities.pop("epoch")
        for name, value in quantities.items():
            self._writer.add_scalar(name, value, epoch)

    def finish(self, moment: Moment) -> None:
        """Say how training ended, and close the file."""
        self._writer.add_text("verdict", moment.history.verdict)
        self._writer.close()
