"""Predictions of tables that come in pieces, from files and standard input; intervals and quantiles; exports."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from chainrule.cli import main
from chainrule.data import pieces, read_table
from chainrule.tabular import TableModel


@pytest.fixture(scope="session")
def prices(tmp_path_factory):
    """A model of a number, and the table that it was trained on."""
    folder = tmp_path_factory.mktemp("prices")
    random = np.random.default_rng(0)
    size = random.uniform(1, 9, 400)
    colour = random.choice(["red", "blue"], 400)
    price = 3 * size + (colour == "red") + random.normal(0, 1, 400)
    pl.DataFrame({"size": size, "colour": colour, "price": price}).write_csv(folder / "prices.csv")
    words = ["train", str(folder / "prices.csv"), "--target", "price", "--members", "2", "--epochs", "10"]
    result = CliRunner().invoke(main, [*words, "--out", str(folder / "model")], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return folder


def test_small_pieces_change_no_more_than_rounding(run, model, monkeypatch):
    whole = pl.read_csv(run("predict", model, "penguins.csv").stdout.encode())
    monkeypatch.setattr(pieces, "BYTES", 700)
    printed = run("predict", model, "penguins.csv").stdout
    found = pl.read_csv(printed.encode())
    assert found["prediction"].equals(whole["prediction"])
    assert np.allclose(found.drop("prediction").to_numpy(), whole.drop("prediction").to_numpy(), rtol=0, atol=1e-6)
    run("predict", model, "penguins.csv", "--out", "p.csv")
    assert open_text("p.csv") == printed
    run("predict", model, "penguins.csv", "--out", "p.parquet")
    assert pl.read_parquet("p.parquet").write_csv() == printed


def open_text(name):
    with open(name, encoding="utf-8") as file:
        return file.read()


def test_standard_input_is_read(command, model, run):
    with open("penguins.csv", "rb") as file:
        words = [*command, "predict", str(model), "-", "--no-probabilities"]
        found = subprocess.run(words, stdin=file, capture_output=True, text=True, check=True).stdout
    assert found == run("predict", model, "penguins.csv", "--no-probabilities").stdout
    assert found.splitlines()[0] == "prediction"


def test_a_wrong_value_is_named_with_its_row_in_the_whole_file(run, model, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", 700)
    lines = open_text("penguins.csv").splitlines()
    lines[301] = lines[301].replace(lines[301].split(",")[2], "wide")
    with open("bad.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    result = run("predict", model, "bad.csv", "--out", "p.csv")
    assert result.exit_code == 2
    assert "column 'bill_length_mm', row 301: 'wide' is not a number" in result.stderr
    with pytest.raises(FileNotFoundError):
        open_text("p.csv")


def test_intervals_hold_the_share_that_they_promise(run, prices):
    run(
        "predict",
        prices / "model",
        prices / "prices.csv",
        "--interval",
        "0.9",
        "--quantiles",
        "0.1,0.5",
        "--out",
        "p.csv",
    )
    found, actual = pl.read_csv("p.csv"), pl.read_csv(prices / "prices.csv")["price"]
    assert found.columns == ["prediction", "low 0.9", "high 0.9", "quantile 0.1", "quantile 0.5"]
    inside = ((found["low 0.9"] <= actual) & (actual <= found["high 0.9"])).mean()
    assert 0.85 < inside <= 0.97  # 400 rows, and residuals of 80
    assert 0.02 < (actual <= found["quantile 0.1"]).mean() < 0.25
    middle = (found["low 0.9"] + found["high 0.9"]) / 2
    assert np.allclose(middle, found["prediction"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--interval", "0.999"], "needs at least 999 held-out rows"),
        (["--interval", "90"], "between 0 and 1"),
        (["--quantiles", "0.1,x"], "is no list of quantiles"),
        (["--quantiles", "0.5,0.5"], "asked for twice"),
    ],
)
def test_intervals_that_cannot_be_given_are_refused_in_one_line(words, message, run, prices):
    result = run("predict", prices / "model", prices / "prices.csv", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_classes_have_no_intervals(run, model):
    result = run("predict", model, "penguins.csv", "--interval", "0.9")
    assert result.exit_code == 2
    assert "classes have probabilities" in result.stderr


def test_exports_are_written_checked_and_said(run, model):
    result = run("export", model, "--onnx", "p.onnx", "--python", "p.py", "--check", "penguins.csv")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["p.onnx", "p.py"]
    assert all("on 344 rows of the table given" in line for line in lines)
    record = json.loads(run("export", model, "--safetensors", "folder", "--json").stdout)
    assert record["exported"][0]["check"]["largest_difference"] < 1e-6
    trained = TableModel.load(model)
    assert trained.export("again.py", table=read_table("penguins.csv")).check.rows == 344


def test_an_export_of_nothing_is_refused(run, model):
    result = run("export", model)
    assert result.exit_code == 2
    assert "nothing to export: give --onnx" in result.stderr
