"""The record: averages against their definitions, and curves of streams that go on for ever."""

import csv

import numpy as np
import pytest

from chainrule.losses import loss_of
from chainrule.online import Prequential
from chainrule.online.prequential import POINTS
from chainrule.online.quantities import quantities


def record_of(metrics=("r2",), loss="squared_error", window=100):
    return Prequential(quantities(metrics, loss_of(loss)), window)


def errors(count, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(count, 1)) + 1e6  # a mean that would cost all digits of a sum of squares in float32
    p = y + 0.3 * rng.normal(size=(count, 1))
    return ((p - y) ** 2)[:, 0], p, y


def test_a_curve_is_what_its_definition_gives_at_each_point():
    losses, p, y = errors(950)
    record = record_of()
    for start in range(0, 950, 37):
        record.add(losses[start : start + 37], p[start : start + 37], y[start : start + 37])
    assert record.curve["rows"] == list(range(25, 951, 25))
    for place, rows in enumerate(record.curve["rows"]):
        window = slice(max(0, rows - 100), rows)
        weights = 0.99 ** np.arange(rows - 1, -1, -1)
        assert record.curve["loss"][place] == pytest.approx(losses[:rows].mean(), rel=1e-12)
        assert record.curve["loss_window"][place] == pytest.approx(losses[window].mean(), rel=1e-12)
        assert record.curve["loss_fading"][place] == pytest.approx(
            np.average(losses[:rows], weights=weights), rel=1e-12
        )
        r2 = 1 - losses[window].sum() / ((y[window] - y[window].mean()) ** 2).sum()
        assert record.curve["r2_window"][place] == pytest.approx(r2, rel=1e-6)


def test_averages_between_points_have_all_rows():
    losses, p, y = errors(123)
    record = record_of()
    record.add(losses, p, y)
    assert record.running()["loss"] == pytest.approx(losses.mean(), rel=1e-12)
    assert record.windowed()["loss"] == pytest.approx(losses[-100:].mean(), rel=1e-12)
    mark = record.mark()
    assert record.since(mark) == {}
    record.add(losses[:7], p[:7], y[:7])
    assert record.since(mark)["loss"] == pytest.approx(losses[:7].mean(), rel=1e-9)


def test_the_curve_of_a_long_stream_keeps_few_points_evenly():
    record = record_of(window=10)
    losses, p, y = errors(50_000)
    record.add(losses, p, y)
    rows = np.array(record.curve["rows"])
    assert POINTS / 2 <= len(rows) <= POINTS + 1
    assert len(set(np.diff(rows))) == 1
    place = len(rows) // 2
    assert record.curve["loss"][place] == pytest.approx(losses[: rows[place]].mean(), rel=1e-9)
    assert len(record.last()[0]) == 10


def test_accuracy_counts_what_the_targets_mean():
    def accuracy(loss, p, y):
        record = record_of(None, loss)
        record.add(np.zeros(len(p)), np.array(p), np.array(y))
        return record.running()["accuracy"]

    assert accuracy("binary_cross_entropy", [[0.6], [0.4], [0.6]], [[1.0], [1.0], [0.0]]) == pytest.approx(1 / 3)
    assert accuracy("hinge", [[0.1], [-3.0], [0.4]], [[1.0], [-1.0], [-1.0]]) == pytest.approx(2 / 3)
    assert accuracy("cross_entropy", [[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]], [[0, 1, 0], [0, 0, 1.0]]) == 0.5


def test_the_curve_as_csv_gives_the_numbers_back(tmp_path):
    losses, p, y = errors(200)
    record = record_of()
    record.add(losses, p, y)
    record.to_csv(tmp_path / "curve.csv")
    with open(tmp_path / "curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss_window"]) for row in rows] == record.curve["loss_window"]
    assert list(rows[0]) == list(record.curve)
