"""What is learnt in one pass is what is learnt from the same rows in memory."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest

import chainrule as cr
from chainrule.data import TableEncoder
from chainrule.streaming import facts, surveyor
from chainrule.streaming.facts import Counts, Moments
from chainrule.streaming.lots import lots


def to_learn(survey) -> np.ndarray:
    """The rows of the table that are learnt from."""
    parts = [survey.to_learn(n) + chunk.first for n, chunk in enumerate(survey.chunks)]
    return np.concatenate(parts)


def assert_same_columns(found: TableEncoder, expected: TableEncoder) -> None:
    assert found.feature_names == expected.feature_names
    for have, want in zip(found.columns, expected.columns, strict=True):
        for field in fields(want):
            value, other = getattr(have, field.name), getattr(want, field.name)
            assert value == (pytest.approx(other, rel=1e-12, abs=1e-9) if isinstance(other, float) else other)


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv"])
def test_one_pass_learns_what_the_same_rows_teach_in_memory(mixed_table, tmp_path, ending):
    whole = tmp_path / f"whole.{ending}"
    parts = [mixed_table[:1300], mixed_table[1300:]]
    if ending == "parquet":
        mixed_table.write_parquet(whole)
        for n, part in enumerate(parts):
            part.write_parquet(tmp_path / f"part-{n}.parquet", row_group_size=100)
    else:
        separator = "," if ending == "csv" else "\t"
        mixed_table.write_csv(whole, separator=separator)
        for n, part in enumerate(parts):
            part.write_csv(tmp_path / f"part-{n}.{ending}", separator=separator)
    learnt = cr.Stream(str(tmp_path / "part-*")).learn("y")
    rows = cr.read_table(whole)[to_learn(learnt.survey)]
    expected = TableEncoder.learn(rows, "y")
    numbered = learnt.encoder.columns[0]  # the training rows alone do not count without gaps
    assert numbered.kind == "identifier"
    found = replace(learnt.encoder, columns=learnt.encoder.columns[1:])
    assert_same_columns(found, replace(expected, columns=expected.columns[1:]))
    assert learnt.encoder.rows == len(rows)
    assert learnt.encoder.target.mean == pytest.approx(expected.target.mean, rel=1e-12)
    assert learnt.encoder.target.scale == pytest.approx(expected.target.scale, rel=1e-12)


def test_rows_are_learnt_from_or_watched_or_held_out(mixed_table, tmp_path):
    mixed_table.write_parquet(tmp_path / "t.parquet", row_group_size=250)
    learnt = cr.Stream(tmp_path).learn("y", held_out=0.3)
    parts = [to_learn(learnt.survey), learnt.watched.numbers, learnt.held.numbers]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
    assert len(parts[2]) == pytest.approx(900, abs=4 * np.sqrt(3000 * 0.3 * 0.7))
    assert mixed_table[parts[2].tolist()].equals(learnt.held.frame)


def test_which_rows_are_held_out_does_not_depend_on_the_files(mixed_table, tmp_path):
    mixed_table.write_parquet(tmp_path / "one.parquet", row_group_size=1000)
    (tmp_path / "two").mkdir()
    mixed_table[:7].write_parquet(tmp_path / "two" / "a.parquet")
    mixed_table[7:].write_parquet(tmp_path / "two" / "b.parquet", row_group_size=90)
    one, two = (cr.Stream(tmp_path / name).learn("y") for name in ("one.parquet", "two"))
    np.testing.assert_array_equal(one.held.numbers, two.held.numbers)
    np.testing.assert_array_equal(one.watched.numbers, two.watched.numbers)


def test_few_rows_are_put_aside_of_many(mixed_table, tmp_path, monkeypatch):
    monkeypatch.setattr(surveyor, "MOST_ROWS", 200)
    mixed_table.write_parquet(tmp_path / "t.parquet", row_group_size=100)
    learnt = cr.Stream(tmp_path).learn("y")
    survey = learnt.survey
    assert 50 < len(survey.aside.numbers) <= 200
    assert 50 < len(survey.sample.numbers) <= 200
    rows = to_learn(survey)
    assert not set(rows) & set(survey.aside.numbers)
    assert set(survey.sample.numbers) <= set(rows)
    expected = TableEncoder.learn(mixed_table[rows.tolist()], "y")
    x, known = learnt.encoder.columns[1], expected.columns[1]
    assert x.mean == pytest.approx(known.mean, rel=1e-12)
    assert (x.scale, x.missing) == (pytest.approx(known.scale, rel=1e-9), known.missing)
    below = (mixed_table["x"].drop_nulls() < x.median).mean()
    assert 0.35 < below < 0.65  # 200 rows: 4 standard deviations


@pytest.mark.parametrize("seed", range(3))
def test_lots_are_uniform_and_differ_from_seed_to_seed(seed):
    drawn = lots(10**12, 20_000, seed)
    assert kstest(drawn, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / np.sqrt(20_000)
    assert abs(np.corrcoef(drawn, lots(10**12, 20_000, seed + 1))[0, 1]) < 4 / np.sqrt(20_000)


def test_moments_of_pieces_are_those_of_all_even_far_from_zero():
    rng = np.random.default_rng(0)
    numbers = 1e9 + rng.normal(size=10_000)
    moments = Moments()
    for part in np.split(numbers, [1, 5, 3000, 3000, 9000]):
        moments.see(part)
    exact = (numbers - 1e9).astype(np.longdouble)
    assert moments.scale == pytest.approx(float(exact.std()), rel=1e-6)
    assert moments.mean - 1e9 == pytest.approx(float(exact.mean()), abs=1e-6)
    huge = Moments()
    huge.see(np.array([1e300, -1e300]))
    huge.see(np.array([1e300, -1e300]))
    assert huge.scale == pytest.approx(1e300)


def test_counts_of_too_many_texts_are_close(monkeypatch):
    monkeypatch.setattr(facts, "MOST_COUNTED", 1000)
    rng = np.random.default_rng(0)
    texts = rng.zipf(1.2, 60_000) % 50_000
    counts = Counts()
    for part in np.array_split(texts, 30):
        counts.see(pl.Series("value", part).cast(pl.String).value_counts())
    actual = np.bincount(texts)
    assert counts.kept is not None
    assert counts.kept.height <= 1000
    for value, count in counts.kept.rows():
        assert actual[int(value)] - counts.lost <= count <= actual[int(value)]
    frequent = set(map(str, np.argsort(-actual)[:50]))
    assert frequent <= set(counts.kept["value"])
    assert counts.distinct == pytest.approx(len(np.unique(texts)), rel=0.05)


def test_a_column_that_turns_out_to_be_text_late_is_one_of_categories(tmp_path):
    codes = [str(n % 7) for n in range(40_000)] + ["A", "B"] * 5000
    lines = [f"{code},{n % 13}.5" for n, code in enumerate(codes)]
    (tmp_path / "t.csv").write_text("code,y\n" + "\n".join(lines) + "\n")
    learnt = cr.Stream(tmp_path / "t.csv", memory="1MB").learn("y")
    assert len(learnt.survey.chunks) > 2
    assert learnt.encoder.columns[0].categories == (*"0123456", "A", "B")


def test_classes_are_those_of_all_rows(tmp_path):
    frame = pl.DataFrame({"x": np.arange(600.0) % 17, "label": ["no", "yes", "perhaps"] * 200})
    frame.write_csv(tmp_path / "t.csv")
    assert cr.Stream(tmp_path).learn("label").encoder.target.classes == ("no", "perhaps", "yes")
    numbered = frame.with_columns(label=pl.Series([0, 1, 2] * 200))
    numbered.write_csv(tmp_path / "t.csv")
    target = cr.Stream(tmp_path).learn("label").encoder.target
    assert (target.task, target.classes) == ("classification", (0, 1, 2))


def test_rows_that_are_kept_do_not_keep_the_text_that_they_were_drawn_from(tmp_path, monkeypatch):
    monkeypatch.setattr(surveyor, "MOST_ROWS", 50)
    lines = [",".join([f"a text of {n % 7} that is kept elsewhere"] * 5) + f",{n}.5\n" for n in range(20_000)]
    (tmp_path / "t.csv").write_text("a,b,c,d,e,y\n" + "".join(lines))
    survey = cr.Stream(tmp_path, memory="1MB").learn("y").survey
    for drawn in (survey.aside, survey.sample):
        assert len(drawn.numbers) <= 50
        texts = drawn.frame.select(pl.col(pl.String)).to_arrow(compat_level=pl.CompatLevel.newest())
        buffers = [b for column in texts.columns for chunk in column.chunks for b in chunk.buffers() if b]
        assert sum(buffer.size for buffer in buffers) < 200_000  # of 3.6 MB
