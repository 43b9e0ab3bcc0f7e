"""The steps of training on a table: rows split, columns learnt, a network built, its results judged."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import TableEncoder, Target, Task, split_rows
from chainrule.data.splits import single_rows_first
from chainrule.data.values import Floats, column, spelled
from chainrule.errors import CellError, DataError, ModelFileError, unknown_name
from chainrule.judging import HeldOut, Results
from chainrule.judging.table import judge_classes, judge_numbers
from chainrule.network import Network, random_streams
from chainrule.show.numbers import counted

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS: Final = 10
"""Below this the parts to learn from, to stop by and to judge by would hold a row or two each."""


def split_table(
    frame: pl.DataFrame,
    target: str,
    task: Literal["auto"] | Task,
    held_out: float,
    skip_unlabelled: bool,
    seed: int,
) -> tuple[tuple[pl.DataFrame, pl.DataFrame], tuple[NDArray[np.int64], ...], TableEncoder]:
    """Rows to learn from and held-out rows, their places in the table, and what was learnt from the first.

    Rows without a target are left out where ``skip_unlabelled`` says so, and refused otherwise.

    Raises:
        DataError: where the table cannot be learnt from as it is.
    """
    # The whole table first, so that a message about a bad value gives its row in the table. Of what is learnt
    # from it, the task and the classes are kept; means and categories come from the training rows alone.
    places = np.arange(frame.height)
    if skip_unlabelled:
        places = _labelled(frame, target)
        frame = frame[places]
    try:
        table = TableEncoder.learn(frame, target, task)
    except CellError as error:
        raise error.at(int(places[error.row - 1]) + 1) from None
    whole = table.target
    refuse_empty(table)
    if frame.height < FEWEST_ROWS:
        raise DataError(
            f"the table has {counted(frame.height, 'row')}; training needs at least {FEWEST_ROWS}: "
            "some to learn from, some to stop by and some to judge the result by"
        )
    labels = None if whole.task == "regression" else whole.encode(column(frame, target))
    rows = split_rows(frame.height, (1 - held_out, held_out), random_streams(seed)["validation"], labels)
    if labels is not None:
        rows = single_rows_first(rows, labels)
        if not all(map(len, rows[1:])):
            single = (np.bincount(labels) == 1).sum()
            raise DataError(
                f"column {target!r}: {single} of {len(labels)} rows are the only one of their class; "
                "add rows of these classes, or leave these out"
            )
    training, held = (frame[part] for part in rows)
    if training[target].n_unique() == 1:
        raise DataError(
            f"column {target!r}: nearly every row holds {spelled(training[target][0])}, among them all rows "
            "to learn from; add rows that hold something else"
        )
    encoder = TableEncoder.learn(training, target, whole.task)
    learnt = whole if whole.task == "classification" else replace(encoder.target, reason=whole.reason)
    # A row number is seen in the whole table alone: the training rows are a random part of it.
    columns = tuple(w if w.kind == "identifier" else c for w, c in zip(table.columns, encoder.columns, strict=True))
    return (training, held), tuple(places[part] for part in rows), replace(encoder, target=learnt, columns=columns)


def _labelled(frame: pl.DataFrame, target: str) -> NDArray[np.int64]:
    """The places of the rows that have a target; all where none has, which is to be refused."""
    if target not in frame.columns:
        raise unknown_name("target column", target, frame.columns)
    present = column(frame, target).is_not_null().to_numpy()
    return np.flatnonzero(present | ~present.any())


def refuse_empty(table: TableEncoder) -> None:
    """Raise :class:`DataError` for columns without a value."""
    empty = [column.name for column in table.columns if column.kind == "empty"]
    if empty:
        raise DataError(
            f"{'column' if len(empty) == 1 else 'columns'} {', '.join(map(repr, empty))}: no row holds a value; fill "
            f"what is empty, or leave it out ({' '.join(f'--ignore {shlex.quote(name)}' for name in empty)}, in Python "
            f"ignore={empty!r})"
        )


def check_fit(network: Network, encoder: TableEncoder) -> None:
    """Make sure that a network takes the features of a table and gives what its target needs.

    Raises:
        ModelFileError: if not; the two were not trained together.
    """
    features = len(encoder.feature_names)
    if network.model.inputs != (("X", ("B", features)),) or network.outputs != encoder.target.outputs:
        raise ModelFileError(
            f"the network does not belong to the table, which has {features} features "
            f"and needs {encoder.target.outputs} outputs"
        )


def spelled_classes(target: Target) -> tuple[str, ...]:
    """The classes as a table spells them."""
    return tuple(str(label).lower() if isinstance(label, bool) else str(label) for label in target.classes)


def probabilities(network: Network, features: NDArray[np.float32]) -> Floats:
    """The probability of each class, shape ``(rows, classes)``, in float64."""
    output = network.predict(features).astype(np.float64)
    return output if output.shape[1] > 1 else np.hstack([1 - output, output])


def judge(
    network: Network, encoder: TableEncoder, held: HeldOut, actual: NDArray[Any], training: NDArray[Any]
) -> Results:
    """The results on held-out rows.

    Args:
        network: the trained network.
        encoder: of the table.
        held: the held-out rows.
        actual: their encoded targets.
        training: the encoded targets of the training rows.
    """
    summary = network.summary()
    flops = summary.forward_flops / summary.batch_size
    if encoder.target.task == "classification":
        classes = spelled_classes(encoder.target)
        return judge_classes(partial(probabilities, network), flops, encoder, held, classes, actual, training)

    def predict(features: NDArray[np.float32]) -> Floats:
        return encoder.decode_numbers(network.predict(features))

    return judge_numbers(predict, flops, encoder, held, encoder.decode_numbers(actual))
