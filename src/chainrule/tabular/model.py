"""A network together with what was learnt about the columns of its table."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.data import TableEncoder, Task
from chainrule.errors import ChainruleError, ModelFileError, require, unknown_name, whole_number
from chainrule.files import write_atomically
from chainrule.judging import HeldOut, Results, results_from_json
from chainrule.network import Network, network_from
from chainrule.optim import Adam
from chainrule.storage import read_model, write_model
from chainrule.tabular.folder import HISTORY, REPORT, check_folder, fill_folder
from chainrule.tabular.parts import (
    build_network,
    check_fit,
    judge,
    probabilities,
    spelled_classes,
    split_table,
)
from chainrule.training import History

if TYPE_CHECKING:
    import polars as pl

    from chainrule.export import Exported

Announce = Callable[[TableEncoder, Network], None]


@dataclass(frozen=True)
class TableModel:
    """A network with what was learnt about a table: table in, predictions in the table's own terms out.

    Attributes:
        network: the trained network.
        encoder: what was learnt about the columns, from the training rows.
        history: loss and validation loss of each epoch.
        results: how good the model is on the held-out rows, beside a trivial guess.
        settings: what is needed to train the same model again: arguments, rows in each part, versions.

    >>> import polars as pl
    >>> x = pl.Series([i / 4 for i in range(60)])
    >>> table = pl.DataFrame({"x": x, "y": x * x})
    >>> model = TableModel.train(table, "y", epochs=40)
    >>> model.results.beats_baseline
    True
    >>> model.predict(pl.DataFrame({"x": [3.0]})).columns
    ['prediction']
    """

    network: Network
    encoder: TableEncoder
    history: History
    results: Results
    settings: dict[str, Any]

    @classmethod
    def train(
        cls,
        frame: pl.DataFrame,
        target: str,
        *,
        task: Literal["auto"] | Task = "auto",
        hidden: Sequence[int] = (64, 64),
        dropout: float = 0.2,
        epochs: int = 300,
        batch_size: int | Literal["all"] = 32,
        lr: float = 1e-3,
        seed: int = 0,
        engine: str = "auto",
        ignore: Sequence[str] = (),
        held_out: float = 0.2,
        validation: float = 0.15,
        patience: int = 20,
        progress: Any = None,
        callbacks: Sequence[Any] = (),
        announce: Announce | None = None,
    ) -> TableModel:
        """Learn to predict a column from the others.

        The rows are split at random, each class in the same proportions: most are learnt from, some decide
        when to stop, some are held out to judge the result. Hidden layers are ReLU with dropout; the
        optimiser is Adam. The weights are those of the epoch with the lowest validation loss.

        Args:
            frame: the table, with at least 10 rows.
            target: the column to predict.
            task: ``"classification"``, ``"regression"``, or ``"auto"`` to let the target's values decide.
            hidden: the units of each hidden layer; none gives a linear model.
            dropout: the share of hidden units that each training step leaves out.
            epochs: how many times to go through the training rows, at most.
            batch_size: rows in a step, or ``"all"``.
            lr: the learning rate.
            seed: of the split, starting values, order of rows and dropout: same seed, same model.
            engine: ``"auto"`` or the name of an engine.
            ignore: columns to leave out.
            held_out: the share of rows to judge the result by.
            validation: the share of rows to stop by.
            patience: stop after so many epochs without a lower validation loss.
            progress: ``True`` shows a bar on a terminal and lines elsewhere.
            callbacks: as in :meth:`chainrule.Network.fit`. Ctrl-C ends training with the best weights so far.
            announce: called before the first step, with the encoder and the untrained network.

        Raises:
            DataError: where the table cannot be learnt from as it is; says in which column and row.
            ArgumentError: for an argument outside its range.
            NonFiniteError: when the loss becomes infinite or undefined.
        """
        seed = whole_number("the seed", seed, 0)
        for name, share in (("held_out", held_out), ("validation", validation)):
            require(0 < share < 1, f"{name} is a share of the rows between 0 and 1, not {share!r}")
        require(
            held_out + validation < 1,
            "held_out and validation leave no rows to learn from: their sum must be below 1",
        )
        for name in ignore:
            if name not in frame.columns or name == target:
                raise unknown_name("column to ignore", name, (c for c in frame.columns if c != target))
        frame = frame.drop(ignore)
        optimizer = Adam(lr)
        parts, numbers, encoder = split_table(
            frame, target, task, (1 - held_out - validation, validation, held_out), seed
        )
        features = [encoder.encode(part) for part in parts]
        targets = [encoder.encode_target(part) for part in parts]
        network = build_network(encoder, hidden, dropout, seed)
        if announce:
            announce(encoder, network)
        history = network.fit(
            features[0],
            targets[0],
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            engine=engine,
            validation=(features[1], targets[1]),
            patience=patience,
            callbacks=callbacks,
            progress=progress,
        )
        settings = {
            "target": target,
            "task": task,
            "hidden": list(hidden),
            "dropout": dropout,
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "seed": seed,
            "engine": engine,
            "ignore": list(ignore),
            "held_out": held_out,
            "validation": validation,
            "patience": patience,
            "optimizer": optimizer.to_json(),
            "rows": dict(zip(("training", "validation", "held_out"), map(len, parts), strict=True)),
            "versions": _versions(),
        }
        held = HeldOut(parts[2], numbers[2], features[2])
        results = judge(network, encoder, held, targets[2], targets[0])
        return cls(network, encoder, history, results, settings)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes as text; none in regression."""
        return spelled_classes(self.encoder.target)

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Predictions for each row of a table, in the terms of the training table.

        Args:
            frame: the columns that were used, in any order, among others; the target need not be there.

        Returns:
            The column ``prediction``; for classes also one column for each with its probability, named such
            as ``probability Adelie``.

        Raises:
            DataError: where columns are absent, a value has another type than in training, or the table has
                no rows.
        """
        import polars as pl

        features = self.encoder.encode(frame)
        if self.encoder.target.task == "regression":
            output = self.network.predict(features)[:, 0]
            return pl.DataFrame({"prediction": self.encoder.decode_numbers(output)})
        shares = probabilities(self.network, features)
        columns = {"prediction": pl.Series(self.encoder.decode_classes(shares.argmax(axis=1)).tolist())}
        for name, values in zip(self.classes, shares.T, strict=True):
            columns[f"probability {name}"] = pl.Series(values)
        return pl.DataFrame(columns)

    def export(
        self, path: str | os.PathLike[str], format: str | None = None, *, table: pl.DataFrame | None = None
    ) -> Exported:
        """Write the model for another program, with the preprocessing inside, and compare it with :meth:`predict`.

        Args:
            path: the file, or the folder for ``"safetensors"``.
            format: as in :meth:`chainrule.Network.export`; by default the file's ending decides.
            table: rows on which the two are compared, such as the training table; by default rows are drawn like
                those that were learnt from, with missing values and categories unseen in training.

        Returns:
            What was written, with the largest difference; it is written in the file too.

        Raises:
            ChainruleError: where a prediction differs by more than 1e-5; then nothing is written.
        """
        from chainrule.export import export_table, subject_of_table, synthetic

        network = self.network
        subject = subject_of_table(self.encoder, network.program("predict"), network.arrays(), network.dtype)
        rows = synthetic(self.encoder) if table is None else table
        of = "drawn like those learnt from" if table is None else "of the table given"
        return export_table(subject, Path(path), format, rows, self._outputs, of)

    def _outputs(self, frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
        """Predictions as an exported model gives them."""
        predicted = self.predict(frame)
        outputs = {"prediction": predicted["prediction"].to_numpy()}
        if self.classes:
            outputs["probabilities"] = predicted.drop("prediction").to_numpy()
        return outputs

    @property
    def recipe(self) -> str:
        """What to run to train the same model again: the command where there was one, else Python."""
        if "command" in self.settings:
            return str(self.settings["command"])
        passed = {k: v for k, v in self.settings.items() if k not in ("target", "optimizer", "rows", "versions")}
        arguments = "".join(f",\n    {name}={value!r}" for name, value in passed.items())
        return f"TableModel.train(\n    frame,\n    {self.settings['target']!r}{arguments},\n)"

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write ``model.safetensors``, ``model.json``, ``history.csv`` and ``report.html`` to a folder.

        Either all four are written, or the folder stays as it was. An earlier model there is replaced.

        Args:
            folder: new, empty, or with an earlier model.
            force: whether it may hold other files.

        Raises:
            ArgumentError: if the folder cannot be used.
            ChainruleError: if writing fails.
        """
        from chainrule.report import render

        check_folder(folder, force=force)
        page = render(self)
        description = {
            **self.network.to_json(),
            "table": self.encoder.to_json(),
            "results": self.results.to_json(),
            "history": asdict(self.history),
            "settings": self.settings,
        }

        def write(place: Path) -> None:
            write_model(place, description, self.network.arrays())
            self.history.to_csv(place / HISTORY)
            write_atomically(place / REPORT, page.encode())

        fill_folder(folder, write)
        return Path(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> TableModel:
        """The model that :meth:`save` wrote.

        Raises:
            ModelFileError: if it is missing, damaged, truncated or not one of ours.
        """
        path = Path(folder)
        description, arrays = read_model(path)
        if "table" not in description:
            raise ModelFileError(
                f"{path} holds a network without a table; read it with chainrule.load, "
                "or make one with a table by chainrule train"
            )
        try:
            network = network_from(description, arrays, path)
            encoder = TableEncoder.from_json(description["table"])
            check_fit(network, encoder)
            results = results_from_json(description.get("results"))
            history = History(**_object(description, "history"))
            settings = _object(description, "settings")
        except (ChainruleError, ValueError, TypeError) as error:
            raise ModelFileError(f"{path} is damaged: {error}") from None
        return cls(network, encoder, history, results, settings)


def _object(description: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = description.get(key)
    if not isinstance(value, dict):
        raise ModelFileError(f"{key!r} is not an object")
    return value


def _versions() -> dict[str, str]:
    """What decides the bits of a result besides the arguments."""
    import polars as pl

    return {
        "chainrule": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": pl.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
