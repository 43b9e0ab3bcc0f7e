"""A table's model judged: results, and what the model looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chainrule.data.encoder import TableEncoder
from chainrule.data.values import Floats
from chainrule.judging.classes import ClassResults, row_log_losses
from chainrule.judging.examples import confused, missed
from chainrule.judging.importance import Predict, Quality
from chainrule.judging.inspection import HeldOut, inspect
from chainrule.judging.numbers import NumberResults
from chainrule.training.metrics import mae, rmse


def judge_classes(
    predict: Predict,
    flops: float,
    encoder: TableEncoder,
    held: HeldOut,
    classes: tuple[str, ...],
    actual: NDArray[np.int64],
    training: NDArray[np.int64],
) -> ClassResults:
    """The results of a classification.

    Args:
        predict: from features to the probability of each class, shape ``(rows, classes)``.
        flops: floating-point operations of the prediction of one row.
        encoder: of the table.
        held: the held-out rows.
        classes: as people read them.
        actual: the class of each held-out row.
        training: the class of each training row.
    """
    shares = predict(held.features)

    def quality(outputs: Floats) -> Quality:
        codes = actual[: len(outputs)]
        hits = outputs.argmax(axis=1) == codes
        return Quality(float(row_log_losses(outputs, codes).mean()), float(hits.mean()))

    mistakes = confused(actual, shares, classes)
    inspection = inspect(held, encoder, predict, quality, mistakes, classes, flops)
    return ClassResults.judge(classes, actual, shares, training, inspection)


def judge_numbers(
    predict: Predict, flops: float, encoder: TableEncoder, held: HeldOut, actual: Floats
) -> NumberResults:
    """The results of a regression.

    Args:
        predict: from features to numbers in the table's unit, shape ``(rows, 1)``.
        flops: floating-point operations of the prediction of one row.
        encoder: of the table.
        held: the held-out rows.
        actual: the number of each held-out row, in the table's unit.
    """
    predicted = predict(held.features)[:, 0]

    def quality(outputs: Floats) -> Quality:
        numbers = actual[: len(outputs)]
        return Quality(rmse(outputs[:, 0], numbers), mae(outputs[:, 0], numbers))

    mistakes = missed(actual, predicted)
    inspection = inspect(held, encoder, predict, quality, mistakes, (), flops)
    return NumberResults.judge(actual, predicted, encoder.target.mean, inspection)
