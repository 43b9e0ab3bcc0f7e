"""Windows: every row once an epoch, drawn from the random stream alone, mixed as well as it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule.engines.protocol import Share
from chainrule.streaming import Mixed, Mixing
from chainrule.streaming.quality import between_chunks
from chainrule.streaming.windows import StreamedRows
from chainrule.training.windows import Source


def prepared(X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    return {"X": X, "Y": np.asarray(y)[:, None]}


def epoch(windows, seed: int) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """The row numbers of an epoch in order, and copies of what each window loaded."""
    rows, loaded = [], []
    for window in windows.epoch(np.random.default_rng(seed)):
        if window.load:
            loaded.append({name: array.copy() for name, array in window.load().items()})
        rows.append(windows.numbers()[window.order])
    return np.concatenate(rows), loaded


@pytest.fixture
def learnt(sorted_folder):
    return cr.Stream(sorted_folder).learn("y")


def in_windows(learnt, rows: int) -> StreamedRows:
    """Windows of about so many rows of three features and a target."""
    return replace(learnt.rows, memory=2 * rows * (4 * 3 + 8 + 16))


def test_every_row_comes_once_in_every_epoch(learnt):
    windows = in_windows(learnt, 900).windows(prepared, 32)
    assert windows.count > 5
    first, loaded = epoch(windows, 0)
    second, _ = epoch(windows, 1)
    left_out = np.concatenate([learnt.held.numbers, learnt.watched.numbers])
    expected = np.setdiff1d(np.arange(8000), left_out)
    np.testing.assert_array_equal(np.sort(first), expected)
    np.testing.assert_array_equal(np.sort(second), expected)
    assert (first != second).mean() > 0.99
    sizes = [len(data["all_X"]) for data in loaded]
    assert sum(sizes) == windows.rows == len(expected)
    assert len(set(sizes[:-1])) == 1
    assert sizes[0] % 32 == 0


def test_windows_hold_the_encoded_rows_that_they_say(sorted_folder, learnt):
    table = cr.read_table(sorted_folder / "1.parquet").vstack(cr.read_table(sorted_folder / "2.parquet"))
    windows = in_windows(learnt, 700).windows(prepared, 50)
    for window in windows.epoch(np.random.default_rng(3)):
        data = window.load()
        rows = table[windows.numbers().tolist()]
        np.testing.assert_array_equal(data["all_X"], learnt.encoder.encode(rows))
        np.testing.assert_array_equal(data["all_Y"][:, 0], learnt.encoder.encode_target(rows))


def test_a_window_that_is_skipped_is_not_read_and_changes_no_other(learnt, monkeypatch):
    windows = in_windows(learnt, 900).windows(prepared, 32)
    whole = [
        (window.order, {k: a.copy() for k, a in window.load().items()})
        for window in windows.epoch(np.random.default_rng(5))
    ]
    read = []
    files = learnt.rows.files
    plain = files.read
    monkeypatch.setattr(files, "read", lambda chunk, *rest: (read.append(chunk), plain(chunk, *rest))[1])
    fresh = in_windows(learnt, 900).windows(prepared, 32)
    for number, window in enumerate(fresh.epoch(np.random.default_rng(5))):
        np.testing.assert_array_equal(window.order, whole[number][0])
        if number < fresh.count - 1:
            assert read == []
            continue
        data = window.load()
        for name, array in whole[number][1].items():
            np.testing.assert_array_equal(data[name], array)
    assert 0 < len(read) < len(learnt.survey.chunks) / 4


@pytest.mark.parametrize("rows", [600, 100_000])
def test_processes_have_shares_of_the_windows_that_one_alone_has(learnt, monkeypatch, rows):
    """Three processes with 2, 2 and 1 of 5 parts; each reads the chunks of its own rows alone."""
    source, parts = in_windows(learnt, rows), 5
    alone = source.windows(prepared, 16)
    whole, loaded = epoch(alone, 0)
    read = []
    files = learnt.rows.files
    plain = files.read
    monkeypatch.setattr(files, "read", lambda chunk, *rest: (read.append(chunk), plain(chunk, *rest))[1])
    shared = []
    for first, last in [(0, 2), (2, 4), (4, 5)]:
        read.clear()
        windows = source.windows(prepared, 16, Share(first, last, parts))
        assert windows.to_json() == alone.to_json()
        numbers, own = epoch(windows, 0)
        np.testing.assert_array_equal(numbers, whole)
        part = -(-windows.capacity // parts)
        assert {len(data["all_X"]) for data in own} == {part * (last - first)}
        assert len(read) < len(learnt.survey.chunks) * (last - first) / parts + 2 * len(own)
        shared.append(own)
    for wanted, *found in zip(loaded, *shared, strict=True):
        for name, array in wanted.items():
            np.testing.assert_array_equal(np.concatenate([own[name] for own in found])[: len(array)], array)


def test_batches_that_do_not_fit_into_the_memory_are_an_error(learnt):
    net = cr.mlp([3, 4, 1], loss="mean_squared_error")
    with pytest.raises(cr.ArgumentError, match="two batches of 500 rows do not fit into the"):
        net.fit(in_windows(learnt, 400), None, epochs=1, batch_size=500, validation=learnt.validation)


def test_many_small_row_groups_are_read_together(tmp_path):
    table = pl.DataFrame({"x": np.arange(2000.0), "y": np.arange(2000.0) ** 2})
    table.write_parquet(tmp_path / "t.parquet", row_group_size=2)
    files = cr.Stream(tmp_path).files
    chunks, frames = zip(*files.survey(["x", "y"]), strict=True)
    assert len(chunks) < 20
    assert pl.concat(frames).equals(table)
    assert [chunk.first for chunk in chunks] == np.cumsum([0, *(frame.height for frame in frames[:-1])]).tolist()


def test_rows_that_fit_into_one_window_are_read_once(learnt, monkeypatch):
    read = []
    files = learnt.rows.files
    plain = files.read
    monkeypatch.setattr(files, "read", lambda chunk, *rest: (read.append(chunk), plain(chunk, *rest))[1])
    net = cr.mlp([3, 4, 1], loss="mean_squared_error")
    net.fit(learnt.rows, None, epochs=3, validation=learnt.validation)
    assert len(read) == len(learnt.survey.chunks)


def test_an_epoch_is_mixed_as_well_as_is_said(learnt):
    chunk_of = np.concatenate([np.full(chunk.rows, n) for n, chunk in enumerate(learnt.survey.chunks)])
    windows = in_windows(learnt, 1300).windows(prepared, 64)
    mixing = learnt.mixing(windows.mixed, 64)
    assert mixing.chunks == 40
    assert mixing.mixed == windows.mixed >= 5
    for seed in range(5):
        rows, _ = epoch(windows, seed)
        found = Mixed.of(rows, chunk_of[rows], 64)
        assert abs(found.correlation) < mixing.correlation
        assert found.distinct >= mixing.mixed * (1 - (1 - 1 / mixing.mixed) ** 64) - 0.5
    in_order = Mixed.of(np.arange(8000), chunk_of, 64)  # what the measures say where nothing is mixed
    assert in_order.correlation == pytest.approx(1)
    assert in_order.distinct < 1.5


@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_batches_vary_as_much_as_the_formula_says(between):
    rng = np.random.default_rng(0)
    chunks, size, mixed, batch = 60, 100, 6, 48
    values = np.sqrt(between) * np.repeat(rng.normal(size=chunks), size) + np.sqrt(1 - between) * rng.normal(
        size=chunks * size
    )
    values = (values - values.mean()) / values.std()
    means = []
    for _ in range(400):
        order = rng.permutation(chunks).reshape(-1, mixed)
        for window in order:
            rows = (window[:, None] * size + np.arange(size)).ravel()
            means += values[rng.permutation(rows)[: 5 * batch]].reshape(5, batch).mean(axis=1).tolist()
    said = Mixing(chunks, mixed, batch, between).effective
    actual = 1 / np.var(means)
    assert actual == pytest.approx(said, rel=0.25)


def test_how_much_lies_between_chunks_is_measured(sorted_folder, tmp_path):
    assert cr.Stream(sorted_folder).learn("y").between > 0.95
    frame = cr.read_table(sorted_folder / "1.parquet").sample(fraction=1, shuffle=True, seed=0)
    frame.write_parquet(tmp_path / "shuffled.parquet", row_group_size=200)
    assert cr.Stream(tmp_path / "shuffled.parquet").learn("y").between < 0.02


def test_classes_lie_between_chunks_as_their_ones_and_zeros_do():
    rng = np.random.default_rng(0)
    chunk = rng.integers(0, 30, 2000)
    code = (chunk // 3 + rng.integers(0, 4, 2000)) % 7
    shares = [between_chunks(chunk, (code == each).astype(float)) for each in range(7)]
    assert min(shares) < between_chunks(chunk, code) < max(shares)
    two = code % 2
    assert between_chunks(chunk, two) == pytest.approx(between_chunks(chunk, two.astype(float)), rel=1e-12)
    assert between_chunks(chunk, chunk) == 1.0
    many = np.arange(50_000) % 10_000  # ones and zeros would take 4 GB
    assert between_chunks(np.arange(50_000) // 1000, many) < 0.001


def test_rows_to_fit_are_a_source(learnt):
    assert isinstance(learnt.rows, Source)
    assert not isinstance(np.zeros((3, 2)), Source)
