"""What the commands print and leave when all is well."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import polars as pl
import pytest

import chainrule as cr
from chainrule.data import read_table
from chainrule.tabular import FILES, TableModel

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def test_training_says_what_it_does(run):
    result = run("train", "penguins.csv", "--target", "species")
    assert result.exit_code == 0
    for told in (
        "344 rows, 8 columns",
        "3 categories, one feature each: Biscoe, Dream, Torgersen",
        "species is a class (text)",
        "3 classes: Adelie, Chinstrap, Gentoo.",
        "4 like this one are trained, and averaged",
        "always guessing 'Adelie' is right for 43.5%",
        "chainrule predict penguins-model penguins.csv --out predictions.csv",
    ):
        assert told in result.stdout
    assert all(re.match(r"member \d of 4, epoch \d+/50: loss ", line) for line in result.stderr.splitlines())
    assert sorted(p.name for p in Path("penguins-model").iterdir()) == sorted(FILES)


def test_what_is_to_be_copied_runs(run):
    Path("my table.csv").write_bytes(PENGUINS.read_bytes())
    shown = run("train", "my table.csv", "--target", "species", "--epochs", "2").stdout
    line = re.search(r"chainrule (predict .*)", shown).group(1)
    assert run(*shlex.split(line)).exit_code == 0
    assert pl.read_csv("predictions.csv").height == 344


def test_the_command_in_the_report_gives_the_same_model(run):
    words = (
        "penguins.csv",
        "--target",
        "species",
        "--hidden",
        "8,4",
        "--epochs",
        "3",
        "--lr",
        "0.01",
        "--seed",
        5,
    )
    assert run("train", *words, "--batch-size", "all", "--out", "one").exit_code == 0
    recipe = TableModel.load("one").reproduction
    assert recipe in Path("one", "report.html").read_text()
    assert run(*recipe.split()[1:], "--out", "two").exit_code == 0
    assert Path("one", "model.safetensors").read_bytes() == Path("two", "model.safetensors").read_bytes()


def test_a_linear_model(run):
    words = ("train", "penguins.csv", "--target", "body_mass_g", "--hidden", "none", "--epochs", "1", "--members", "1")
    assert "'body_mass_g'" in run(*words).stderr  # two penguins were not weighed
    frame = read_table("penguins.csv").drop_nulls("body_mass_g")
    frame.write_parquet("weighed.parquet")
    result = run("train", "weighed.parquet", *words[2:])
    assert result.exit_code == 0
    assert list(TableModel.load("weighed-model").network.parameters) == ["W1", "b1"]


def test_names_from_the_table_are_no_markup(run):
    rows = [f"{i},{i % 5}.5" for i in range(30)]
    Path("odd.csv").write_text("\n".join(["[red]<b>:smile:[/],y", *rows]))
    result = run("train", "odd.csv", "--target", "y", "--epochs", "1")
    assert result.exit_code == 0
    assert "[red]<b>:smile:[/]" in result.stdout
    assert "[red]&lt;b&gt;:smile:[/]" in Path("odd-model", "report.html").read_text()


def test_training_as_json(run):
    result = run("train", "penguins.csv", "--target", "species", "--epochs", "3", "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    record = json.loads(result.stdout)
    assert record["model"] == "penguins-model"
    assert record["target"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    waves, hidden, outputs = 2 * 5 * 4, (15 + 20) * 128 + 128 + 128 * 128 + 128, 128 * 3 + 3
    assert record["parameters"] == 4 * (waves + hidden + outputs)
    assert record["results"]["rows"] == 69
    assert record["settings"]["command"].startswith("chainrule train penguins.csv --target species")
    assert record["interrupted"] is False


def test_predictions_on_stdout(run, model):
    result = run("predict", model, "penguins.csv")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "prediction,probability Adelie,probability Chinstrap,probability Gentoo"
    assert len(lines) == 345
    assert result.stderr == ""


@pytest.mark.parametrize(("name", "read"), [("p.csv", pl.read_csv), ("p.parquet", pl.read_parquet)])
def test_predictions_in_a_file(name, read, run, model):
    result = run("predict", model, "penguins.csv", "--out", name)
    assert result.exit_code == 0
    assert result.stdout == f"{name}: 344 predictions of 'species'\n"
    expected = TableModel.load(model).predict(read_table("penguins.csv"))
    assert read(name)["prediction"].equals(expected["prediction"])


def test_predictions_as_json(run, model):
    record = json.loads(run("predict", model, "penguins.csv", "--json").stdout)
    assert record["rows"] == len(record["predictions"]) == 344
    assert set(record["predictions"][0]) == {
        "prediction", *(f"probability {c}" for c in ("Adelie", "Chinstrap", "Gentoo")),
    }  # fmt: skip
    record = json.loads(run("predict", model, "penguins.csv", "--json", "--out", "p.csv").stdout)
    assert record["file"] == "p.csv"
    assert Path("p.csv").exists()


def test_permuted_columns_and_no_target_give_the_same_predictions(run, model):
    plain = run("predict", model, "penguins.csv").stdout
    frame = pl.read_csv("penguins.csv", infer_schema=False)
    frame.select(sorted(set(frame.columns) - {"species"})).write_csv("permuted.csv")
    assert run("predict", model, "permuted.csv").stdout == plain


def test_unseen_categories_are_warned_about(run, model):
    text = Path("penguins.csv").read_text().replace("Torgersen", "Mars", 3)
    Path("new.csv").write_text(text)
    result = run("predict", model, "new.csv")
    assert result.exit_code == 0
    assert result.stderr.count("\n") == 1
    assert "'island': 'Mars' did not occur in training" in result.stderr


def test_text_that_happens_to_be_numbers_stays_text(run):
    rows = [f"{'01' if i % 2 else 'b'},{i % 2}.5" for i in range(40)]
    Path("codes.csv").write_text("\n".join(["code,y", *rows]))
    assert run("train", "codes.csv", "--target", "y", "--epochs", "1").exit_code == 0
    Path("new.csv").write_text("code\n01\n01\n")
    result = run("predict", "codes-model", "new.csv")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_help_and_version(run):
    assert run("--version").stdout == f"chainrule {cr.__version__}\n"
    bare = run()
    assert bare.exit_code == 0
    assert bare.stdout == run("--help").stdout
    for words in (["--help"], ["train", "--help"], ["predict", "-h"]):
        result = run(*words)
        assert result.exit_code == 0
        assert "Examples:" in result.stdout


def test_help_loads_nothing_heavy(command):
    """So that it is quick."""
    heavy = ["jax", "jinja2", "llvmlite", "matplotlib", "numpy", "polars", "rich", "safetensors", "scipy", "sklearn"]
    ask = "try:\n    chainrule.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
    code = f"import sys, chainrule.cli\n{ask}print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([command[0], "-c", code], capture_output=True, text=True).stdout
    assert told.splitlines()[-1] == "[]"


def test_training_keeps_each_product_on_one_thread(command):
    code = (
        "import sys; from click.testing import CliRunner; from chainrule.cli.train import train; "
        "assert 'numpy' not in sys.modules; CliRunner().invoke(train, ['absent.csv', '--target', 'x']); "
        "import numpy, threadpoolctl; "
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'} <= {1})"
    )
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    found = subprocess.run([command[0], "-c", code], capture_output=True, text=True, env=free)
    assert found.stdout == "True\n", found.stderr


def test_a_reader_that_leaves_early_is_no_error(command, model):
    words = [*command, "predict", str(model), str(PENGUINS)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_training_goes_on_when_its_reader_leaves(command, tmp_path):
    words = [*command, "train", str(PENGUINS), "--target", "species", "--epochs", "2", "--out", "model"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        process.stderr.read()
        assert process.wait(60) == 0
    assert TableModel.load(tmp_path / "model").predict(read_table(PENGUINS)).height == 344


def long_training(command, folder, *words):
    """A training that would go on for hours, when its first epoch is done."""
    arguments = ["train", str(PENGUINS), "--target", "species", "--epochs", "1000000", "--lr", "1e-6", *words]
    process = subprocess.Popen(
        [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process, process.stderr.readline()


def test_ctrl_c_leaves_a_model_that_loads(command, tmp_path):
    process, line = long_training(command, tmp_path)
    assert re.match("member . of 4, epoch 1/1000000: loss ", line)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Interrupted by Ctrl-C: the weights were saved, those of the best epochs so far" in stdout
    assert "Traceback" not in stderr
    model = TableModel.load(tmp_path / "penguins-model")
    assert all(history.stopped.startswith("interrupted ") for history in model.histories)
    assert model.predict(read_table(PENGUINS)).height == 344


def test_ctrl_c_before_training_writes_nothing(run, monkeypatch):
    def interrupted(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.data.read_table", interrupted)
    result = run("train", "penguins.csv", "--target", "species")
    assert result.exit_code == 130
    assert result.stderr == "chainrule: interrupted\n"
    assert [p.name for p in Path().iterdir()] == ["penguins.csv"]
