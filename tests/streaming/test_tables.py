"""A table's model from a stream: as good as from memory, with the same folder, report and predictions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.train import _stem
from chainrule.errors import ArgumentError

ROWS = 6000


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS, 3))
    colour = np.array(["red", "green", "blue"])[rng.integers(0, 3, ROWS)]
    y = x[:, 0] - x[:, 1] * (colour == "red") + 0.1 * rng.normal(size=ROWS)
    label = np.where(y > 0.5, "high", np.where(y < -0.5, "low", "middle"))
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "colour": colour, "y": y, "label": label})


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory) -> Path:
    """Two files, sorted by the target."""
    place = tmp_path_factory.mktemp("rows")
    ordered = table.sort("y")
    ordered[: ROWS // 2].write_parquet(place / "1.parquet", row_group_size=400)
    ordered[ROWS // 2 :].write_parquet(place / "2.parquet", row_group_size=400)
    return place


SMALL = {"hidden": (16,), "epochs": 6, "members": 2, "batch_size": 64}


def test_numbers_are_predicted_as_well_as_from_memory(table, folder):
    streamed = cr.TableModel.train(cr.Stream(folder, memory="1MB"), "y", ignore=["label"], **SMALL)
    whole = cr.TableModel.train(table, "y", ignore=["label"], **SMALL)
    assert streamed.results.rmse < 1.15 * whole.results.rmse
    assert streamed.results.r2 > 0.9
    rows = streamed.settings["rows"]
    assert sum(rows.values()) == ROWS
    assert set(rows) == {"training", "watching", "held_out"}
    assert len(streamed.histories) == 2


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_classes_are_told_apart_and_the_folder_is_complete(table, folder, tmp_path, ending):
    if ending == "csv":
        table.write_csv(tmp_path / "table.csv")
    source = folder if ending == "parquet" else tmp_path / "table.csv"
    model = cr.TableModel.train(cr.Stream(source, memory="1MB"), "label", ignore=["y"], **SMALL)
    assert model.results.accuracy > 0.85
    saved = model.save(tmp_path / "model")
    loaded = cr.TableModel.load(saved)
    assert loaded.predict(table).equals(model.predict(table))
    report = (saved / "report.html").read_text()
    assert re.search(r"rows were split at random: \d+ for learning, \d+ for watching training, \d+ for judging", report)
    assert "are mixed at a time" in report
    assert f"cr.Stream(&#39;{source}&#39;, memory=1000000)" in report or f"cr.Stream('{source}'" in report


def test_the_same_seed_gives_the_same_model(folder):
    models = [cr.TableModel.train(cr.Stream(folder), "y", ignore=["label"], **SMALL) for _ in range(2)]
    first, second = (model.network.parameters.theta.tobytes() for model in models)
    assert first == second


def test_the_model_of_several_members_does_not_depend_on_how_many_are_trained_at_a_time(folder, monkeypatch):
    models = []
    for cores in ("1", "3"):
        monkeypatch.setenv("CHAINRULE_THREADS", cores)
        how = {**SMALL, "epochs": 1, "members": 3, "engine": "numpy"}
        models.append(cr.TableModel.train(cr.Stream(folder, memory="1MB"), "y", ignore=["label"], **how))
    first, second = (model.network.parameters.theta.tobytes() for model in models)
    assert first == second


def test_a_batch_of_all_rows_is_refused(folder):
    with pytest.raises(ArgumentError, match="a stream has no batch of all rows"):
        cr.TableModel.train(cr.Stream(folder), "y", batch_size="all")


def train(*words: str):
    return CliRunner().invoke(main, ["train", *words, "--epochs", "2", "--members", "1", "--hidden", "8"])


def test_a_folder_is_trained_on_from_the_command_line(folder, tmp_path):
    out = tmp_path / "model"
    result = train(str(folder), "--target", "y", "--ignore", "label", "--memory", "1MB", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "at most 1 MB of memory besides the program itself" in result.output
    assert "Shuffling:" in result.output
    settings = json.loads((out / "model.json").read_text())["settings"]
    assert settings["command"].startswith(f"chainrule train {folder} --target y")
    assert "--stream" in settings["command"]
    assert settings["table"]["files"] == ["1.parquet", "2.parquet"]
    report = (out / "report.html").read_text()
    assert "over all files in the order of their names" in report
    assert "sha256sum" not in report  # only names and bytes are kept
    assert "whether what they hold is the same" in report
    predicted = CliRunner().invoke(
        main, ["predict", str(out), str(folder / "1.parquet"), "--out", str(tmp_path / "p.csv")]
    )
    assert predicted.exit_code == 0, predicted.output
    assert pl.read_csv(tmp_path / "p.csv").height == ROWS // 2


@pytest.mark.parametrize("source", [".", "*.parquet", "./"])
def test_the_model_of_a_folder_has_the_name_of_the_folder(folder, monkeypatch, source):
    monkeypatch.chdir(folder)
    assert _stem(Path(source)) == folder.name


def test_a_file_too_large_for_memory_is_a_stream_unasked(table, tmp_path, monkeypatch):
    table.write_csv(tmp_path / "table.csv")
    size = (tmp_path / "table.csv").stat().st_size
    words = [str(tmp_path / "table.csv"), "--target", "y", "--ignore", "label", "--out", str(tmp_path / "model")]
    monkeypatch.setattr("chainrule.streaming.available", lambda: 5 * size)
    assert "a stream" not in train(*words).output
    monkeypatch.setattr("chainrule.streaming.available", lambda: 3 * size)
    result = train(*words)
    assert "is larger than a quarter of the memory that is free" in result.output
    assert "table.csv: a stream" in result.output


def test_memory_that_is_no_size_is_bad_usage(folder):
    result = train(str(folder), "--target", "y", "--memory", "much")
    assert result.exit_code == 2
    assert "memory is a number of bytes, or a size such as '500MB' or '2GB', not 'much'" in result.output


PEAK = """
import sys
import chainrule as cr
learnt = cr.Stream(sys.argv[1], memory="60MB").learn("y")
net = cr.mlp([9, 8, 1], loss="mean_squared_error", seed=0)
net.fit(learnt.rows, None, epochs=1, batch_size=512, validation=learnt.validation, engine="native", threads=1)
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process alone")
def test_the_memory_stated_is_held(tmp_path):
    rng = np.random.default_rng(0)
    peaks = []
    for rows in (2000, 2_000_000):
        place = tmp_path / f"{rows}"
        place.mkdir()
        for part in range(0, rows, 500_000):
            values = rng.normal(size=(min(rows, 500_000), 10))
            frame = pl.DataFrame({**{f"x{n}": values[:, n] for n in range(9)}, "y": values[:, 9]})
            frame.write_parquet(place / f"{part:07}.parquet", row_group_size=50_000)
        done = subprocess.run([sys.executable, "-c", PEAK, place], check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout))
    in_memory = 2_000_000 * 10 * 8
    assert peaks[1] - peaks[0] < 60_000_000 < in_memory / 2
