"""A network together with what was learnt about the columns of its table."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.data import TableEncoder, Task
from chainrule.diagnosis import Diagnosis, Record, findings
from chainrule.diagnosis.record import ClassFacts
from chainrule.engines.choice import Engine, engine_from_json, engine_to_json
from chainrule.errors import require, whole_number
from chainrule.judging import Results
from chainrule.network import Network
from chainrule.recipes import Recipe
from chainrule.streaming import Stream
from chainrule.tabular.given import given as given_table
from chainrule.tabular.given import shape_of
from chainrule.tabular.parts import judge, spelled_classes
from chainrule.tabular.predicting import Wanted, predict_frame
from chainrule.tabular.saving import read_model_folder, write_model_folder
from chainrule.training import Checkpoints, Finding, History
from chainrule.training.keeping import Folder

if TYPE_CHECKING:
    import polars as pl

    from chainrule.export import Exported

Announce = Callable[[TableEncoder, Recipe, Network, Diagnosis], None]


@dataclass(frozen=True)
class TableModel:
    """A network with what was learnt about a table: table in, predictions in the table's own terms out.

    Attributes:
        network: the trained network.
        encoder: what was learnt about the columns, from the training rows.
        histories: loss and validation loss of each epoch of each member.
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
    histories: tuple[History, ...]
    results: Results
    settings: dict[str, Any]

    @classmethod
    def train(
        cls,
        frame: pl.DataFrame | Stream,
        target: str,
        *,
        task: Literal["auto"] | Task = "auto",
        hidden: Sequence[int] | None = None,
        dropout: float | None = None,
        epochs: int | None = None,
        batch_size: int | Literal["all"] | None = None,
        lr: float | None = None,
        patience: int | None = None,
        members: int | None = None,
        seed: int = 0,
        engine: Engine = "auto",
        ignore: Sequence[str] = (),
        held_out: float = 0.2,
        skip_unlabelled: bool = False,
        progress: Any = None,
        callbacks: Sequence[Any] = (),
        checkpoints: Checkpoints | Folder | None = None,
        resume: Folder | None = None,
        announce: Announce | None = None,
    ) -> TableModel:
        """Learn to predict a column from the others.

        The rows are split at random, each class in the same proportions: some are held out to judge the result, from
        the others several networks learn, whose outputs are averaged. Each of these members holds back other rows, and
        gets the weights of the epoch with the lowest loss on them. What is not given is chosen by the measured
        defaults, :class:`chainrule.recipes.Recipe`.

        Args:
            frame: the table, with at least 10 rows; or a stream of files, of which some rows are held out, some watch
                training, and all others are learnt from by every member.
            target: the column to predict.
            task: ``"classification"``, ``"regression"``, or ``"auto"`` to let the target's values decide.
            hidden: the units of each hidden layer; an empty list gives linear models.
            dropout: the share of hidden units that each training step leaves out.
            epochs: how many times to go through the training rows, at most.
            batch_size: rows in a step, or ``"all"``.
            lr: the learning rate at the start.
            patience: stop after so many epochs without a lower loss on the rows held back.
            members: how many networks are trained and averaged.
            seed: of the split, starting values, order of rows and dropout: same seed, same model.
            engine: as for :meth:`chainrule.Network.fit`.
            ignore: columns to leave out.
            held_out: the share of rows to judge the result by.
            skip_unlabelled: whether rows without a target are left out; otherwise they are an error.
            progress: ``True`` shows a bar on a terminal and lines elsewhere.
            callbacks: as in :meth:`chainrule.Network.fit`; they see one member after another. Ctrl-C ends training
                with the best weights so far.
            checkpoints: a folder, or :class:`chainrule.Checkpoints`, in which training writes down where it stands
                from time to time, so that one that was killed can go on.
            resume: the folder of checkpoints to go on from, with the same arguments, to the same bits as without a
                break; where it is empty, from the start.
            announce: called before the first step, with the encoder, the recipe, a member before it is trained, and
                what there is to say of the columns.

        Raises:
            DataError: where the table cannot be learnt from as it is; says in which column and row.
            ArgumentError: for an argument outside its range.
            NonFiniteError: when the loss becomes infinite or undefined.
        """
        seed = whole_number("the seed", seed, 0)
        require(0 < held_out < 1, f"held_out is a share of the rows between 0 and 1, not {held_out!r}")
        table = given_table(frame, target, task, ignore, held_out, skip_unlabelled, seed)
        encoder = table.encoder
        given = {
            "hidden": None if hidden is None else tuple(hidden),
            "dropout": dropout,
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "patience": patience,
            "members": members,
        }
        features = len(encoder.feature_names)
        recipe = Recipe.choose(table.rows["training"], features).but(**given)
        preflight = table.preflight(recipe)
        if announce:
            member = recipe.network(features=features, seed=seed, **shape_of(encoder))
            announce(encoder, recipe, member, preflight)
        made = table.learn(
            recipe,
            seed,
            engine=engine,
            callbacks=callbacks,
            progress=progress,
            checkpoints=checkpoints,
            resume=resume,
        )
        settings = {
            "target": target,
            "task": task,
            **recipe.to_json(),
            "seed": seed,
            "engine": engine_to_json(engine),
            "ignore": list(ignore),
            "held_out": held_out,
            "skip_unlabelled": skip_unlabelled,
            "optimizer": recipe.optimizer.to_json(),
            "given": [name for name, value in given.items() if value is not None],
            "rows": table.rows,
            **({"stream": frame.to_json()} if isinstance(frame, Stream) else {}),
            "columns": [finding.to_json() for finding in preflight.findings if finding.severity != "good"],
            "versions": versions(),
        }
        results = judge(made.network, encoder, *table.held, table.targets)
        return cls(made.network, encoder, made.histories, results, settings)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training of a member."""
        return any(history.interrupted for history in self.histories)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What there is to say of the columns and of the training."""
        results = self.results
        classes: tuple[ClassFacts, ...] = ()
        if results.task == "classification":
            predicted = map(sum, zip(*results.confusion, strict=True))
            classes = tuple(map(ClassFacts, results.classes, map(sum, results.confusion), predicted))
        layers = tuple(tuple(history.layers) for history in self.histories if history.layers)
        record = Record(histories=self.histories, layers=layers, classes=classes, beats_guess=results.beats_baseline)
        columns = tuple(Finding(**finding) for finding in self.settings["columns"])
        return Diagnosis("How training went", columns + findings(record))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes as text; none in regression."""
        return spelled_classes(self.encoder.target)

    def predict(
        self,
        frame: pl.DataFrame,
        *,
        probabilities: bool = True,
        interval: float | None = None,
        quantiles: Sequence[float] = (),
    ) -> pl.DataFrame:
        """Predictions for each row of a table, in the terms of the training table.

        Intervals and quantiles come from the residuals of the held-out rows, by split conformal prediction: for rows
        like these, the actual number lies in the interval with at least the probability asked for, on average over all
        rows. Their width is the same in every row.

        Args:
            frame: the columns that were used, in any order, among others; the target need not be there.
            probabilities: whether to give, for classes, the probability of each.
            interval: for a number, the probability with which the actual one shall lie between ``low`` and ``high``.
            quantiles: for a number, the probabilities with which the actual one shall lie below.

        Returns:
            The column ``prediction``; for classes also one column for each with its probability, named such
            as ``probability Adelie``; for numbers ``low 0.9`` and ``high 0.9`` of an interval, and ``quantile 0.05``.

        Raises:
            DataError: where columns are absent, a value has another type than in training, or the table has
                no rows.
            ArgumentError: for intervals of classes, and where there were too few held-out rows.
        """
        return predict_frame(self, frame, Wanted(probabilities, interval, tuple(quantiles)))

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
        predictions = self.predict(frame)
        outputs = {"prediction": predictions["prediction"].to_numpy()}
        if self.classes:
            outputs["probabilities"] = predictions.drop("prediction").to_numpy()
        return outputs

    @property
    def reproduction(self) -> str:
        """What to run to train the same model again: the command where there was one, else Python."""
        if "command" in self.settings:
            return str(self.settings["command"])
        names = ("task", *self.settings["given"], "seed", "engine", "ignore", "held_out", "skip_unlabelled")
        values = {**self.settings, "engine": engine_from_json(self.settings["engine"])}
        arguments = "".join(f",\n    {name}={values[name]!r}" for name in names).replace(
            "=JaxEngine(", "=cr.JaxEngine("
        )
        stream = self.settings.get("stream")
        table = "cr.Stream({source!r}, memory={memory})".format(**stream) if stream else "frame"
        return f"cr.TableModel.train(\n    {table},\n    {self.settings['target']!r}{arguments},\n)"

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
        write_model_folder(self, folder, force=force)
        return Path(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> TableModel:
        """The model that :meth:`save` wrote.

        Raises:
            ModelFileError: if it is missing, damaged, truncated or not one of ours.
        """
        return cls(**read_model_folder(Path(folder)))


def versions() -> dict[str, str]:
    """What decides the bits of a result besides the arguments."""
    import polars as pl

    return {
        "chainrule": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": pl.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
