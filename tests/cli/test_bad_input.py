"""Each bad input: exit code 2, one line on stderr that names the culprit, and nothing written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HEADER = "size,colour,price\n"
ROWS = "".join(f"{i},{'red' if i % 3 else 'blue'},{i * 1.5}\n" for i in range(40))

TABLES = {
    "empty file": (b"", "price", ["table.csv", "empty"]),
    "header only": (HEADER, "price", ["table.csv", "no rows"]),
    "one row": (HEADER + "1,red,2.5\n", "price", ["1 row"]),
    "nine rows": (HEADER + "".join(ROWS.splitlines(keepends=True)[:9]), "price", ["9 rows", "at least 10"]),
    "one class": ("size,price\n" + "".join(f"{i},yes\n" for i in range(40)), "price", ["'price'", "'yes'"]),
    "a class for each row": (
        "size,price\n" + "".join(f"{i},kind {i}\n" for i in range(12)),
        "price",
        ["'price'", "12 of 12 rows"],
    ),
    "no target value": ("size,price\n" + "".join(f"{i},\n" for i in range(40)), "price", ["'price'"]),
    "a target missing": (
        HEADER + ROWS + "40,red,NaN\n",
        "price",
        ["'price'", "row 41", "missing", "--skip-unlabelled"],
    ),
    "a target infinite": (HEADER + ROWS + "40,red,inf\n", "price", ["'price'", "row 41", "infinite"]),
    "a feature infinite": (HEADER + ROWS + "-inf,red,1.5\n", "price", ["'size'", "row 41", "finite"]),
    "a target with a unit": (
        "size,price\n" + "".join(f"{i},{i % 30}.5 lb\n" for i in range(60)),
        "price",
        ["'price'", "'0.5 lb'", "decimal point"],
    ),
    "two empty columns": ("a,b,c,price\n" + "1,,,1.5\n2,,,2.5\n" * 20, "price", ["'b', 'c'", "--ignore b --ignore c"]),
    "equal names": ("size,size,price\n" + ROWS, "price", ["'size'", "columns 1 and 2"]),
    "not UTF-8": (HEADER.encode() + ROWS.encode() + b"1,caf\xe9,2\n", "price", ["line 42", "UTF-8"]),
    "ragged rows": (HEADER + ROWS + "1,red\n", "price", ["line 42", "expected 3", "found 2"]),
    "nothing but the target": ("price\n" + "1\n2.5\n" * 20, "price", ["'price'"]),
    "only empty columns beside it": ("a,price\n" + ",1.5\n,2.5\n" * 20, "price", ["'a'", "no row holds"]),
    "unknown target": (HEADER + ROWS, "prise", ["'prise'", "did you mean 'price'"]),
}


def assert_refused(result, culprits, untouched):
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if ", epoch " not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("chainrule: error: ")
    for culprit in culprits:
        assert culprit in lines[0]
    assert contents(Path()) == untouched


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table(case, run):
    content, target, culprits = TABLES[case]
    Path("table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = contents(Path())
    assert_refused(run("train", "table.csv", "--target", target), culprits, before)


@pytest.mark.parametrize(
    ("words", "culprits"),
    [
        (["--engine", "steam"], ["'steam'", "numpy"]),
        (["--lr", "0"], ["learning rate", "0"]),
        (["--lr", "-0.1"], ["learning rate", "-0.1"]),
        (["--lr", "nan"], ["learning rate", "nan"]),
        (["--lr", "fast"], ["--lr", "'fast'"]),
        (["--hidden", "64,x"], ["--hidden", "'64,x'"]),
        (["--hidden", "0"], ["--hidden", "'0'"]),
        (["--hidden", "64,,64"], ["--hidden", "'64,,64'"]),
        (["--hidden", ""], ["--hidden", "none"]),
        (["--batch-size", "many"], ["--batch-size", "'many'"]),
        (["--batch-size", "0"], ["--batch-size", "'0'"]),
        (["--epochs", "0"], ["--epochs", "0"]),
        (["--dropout", "1.5"], ["1.5"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--task", "guess"], ["--task", "guess"]),
        (["--task", "regression"], ["'species'", "row 1", "'Adelie'"]),
        (["--speed", "9"], ["--speed"]),
        (["--out", "penguins.csv"], ["penguins.csv is a file"]),
        (["--out", "penguins.csv/model"], ["penguins.csv/model"]),
        (["--lr", "1e30"], ["not finite", "learning rate"]),
    ],
    ids=" ".join,
)
def test_a_bad_option(words, culprits, run):
    before = contents(Path())
    assert_refused(run("train", "penguins.csv", "--target", "species", *words), culprits, before)


def test_a_missing_file_and_a_folder(run):
    before = contents(Path())
    assert_refused(run("train", "pinguins.csv", "--target", "x"), ["pinguins.csv does not exist"], before)
    assert_refused(run("train", ".", "--target", "x"), ["is a folder"], before)
    assert_refused(run("train", "penguins.csv"), ["--target", "train --help"], before)
    assert_refused(run("tarin"), ["'tarin'", "'train'"], before)


def test_an_empty_column_is_refused_until_it_is_ignored(run):
    rows = [f"{i},,{i * 1.5}" for i in range(40)]
    Path("table.csv").write_text("\n".join(["size,remark,price", *rows]))
    before = contents(Path())
    result = run("train", "table.csv", "--target", "price", "--epochs", "2")
    assert_refused(result, ["column 'remark': no row holds a value", "--ignore remark"], before)
    result = run("train", "table.csv", "--target", "price", "--epochs", "2", "--ignore", "remark")
    assert result.exit_code == 0
    assert "remark" not in result.stdout
    assert "--ignore remark" in json.loads(Path("table-model/model.json").read_text())["settings"]["command"]


def test_a_column_to_ignore_must_be_there(run):
    before = contents(Path())
    result = run("train", "penguins.csv", "--target", "species", "--ignore", "yaer")
    assert_refused(result, ["unknown column to ignore 'yaer'", "'year'"], before)


def test_errors_as_json(run):
    result = run("train", "penguins.csv", "--target", "spezies", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)
    assert list(error) == ["error"]
    assert "did you mean 'species'" in error["error"]
    assert result.stderr == f"chainrule: error: {error['error']}\n"


def test_a_folder_that_cannot_be_written_is_found_before_training(run, monkeypatch):
    from chainrule.tabular import TableModel

    def deny(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def never(*arguments: object, **settings: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(Path, "mkdir", lambda path, *a, **k: deny(path))
    monkeypatch.setattr(TableModel, "train", never)
    before = contents(Path())
    for out in ("new", "deep/er"):
        result = run("train", "penguins.csv", "--target", "species", "--out", out)
        assert_refused(result, [out, "Permission denied"], before)


def test_a_folder_with_other_files_is_kept_unless_forced(run):
    Path("thesis").mkdir()
    Path("thesis", "chapter.txt").write_text("years of work")
    before = contents(Path())
    words = ("train", "penguins.csv", "--target", "species", "--epochs", "1", "--out", "thesis")
    assert_refused(run(*words), ["thesis", "--force"], before)
    assert run(*words, "--force").exit_code == 0
    assert Path("thesis", "chapter.txt").read_text() == "years of work"
    assert Path("thesis", "model.json").exists()


def test_an_earlier_model_is_replaced(run):
    for seed in (0, 1):
        words = ("train", "penguins.csv", "--target", "species", "--epochs", "1", "--seed", seed)
        assert run(*words).exit_code == 0
    assert len(list(Path("penguins-model").iterdir())) == 4
    assert json.loads(Path("penguins-model", "model.json").read_text())["settings"]["seed"] == 1


def test_a_full_disk_leaves_nothing_behind(command, tmp_path, model):
    """Files cannot grow beyond 8 blocks here, as on a disk that fills up."""
    shutil.copy(model / "history.csv", tmp_path / "table.csv")
    limited = ["bash", "-c", 'ulimit -f 8 && exec "$@"', "bash", *command]
    words = ["train", "table.csv", "--target", "loss", "--epochs", "1", "--out", "some/where"]
    result = subprocess.run([*limited, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if ", epoch " not in line]
    assert len(lines) == 1
    assert "cannot write the model to some/where" in lines[0]
    assert [p.name for p in tmp_path.rglob("*")] == ["table.csv"]


DAMAGES = {
    "no such folder": lambda folder: shutil.rmtree(folder),
    "no description": lambda folder: (folder / "model.json").unlink(),
    "no arrays": lambda folder: (folder / "model.safetensors").unlink(),
    "truncated arrays": lambda folder: cut(folder / "model.safetensors"),
    "truncated description": lambda folder: cut(folder / "model.json"),
    "flipped bit": lambda folder: flip(folder / "model.safetensors"),
    "foreign description": lambda folder: (folder / "model.json").write_text('{"model": "other"}'),
    "not UTF-8": lambda folder: (folder / "model.json").write_bytes(b"\xff\xfe"),
    "empty": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "a network without a table": lambda folder: forget(folder / "model.json", "table"),
    "no results": lambda folder: forget(folder / "model.json", "results"),
    "no settings": lambda folder: forget(folder / "model.json", "settings"),
}


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def forget(file: Path, key: str) -> None:
    description = json.loads(file.read_text())
    del description[key]
    file.write_text(json.dumps(description))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model(damage, run, model):
    shutil.copytree(model, "broken")
    DAMAGES[damage](Path("broken"))
    before = contents(Path())
    result = run("predict", "broken", "penguins.csv", "--out", "predictions.csv")
    assert_refused(result, ["broken"], before)


def test_a_foreign_file_as_a_model(run):
    before = contents(Path())
    assert_refused(run("predict", "penguins.csv", "penguins.csv"), ["penguins.csv", "model"], before)


def test_predicting_without_a_column(run, model):
    text = Path("penguins.csv").read_text().replace("body_mass_g", "body_mass", 1)
    Path("new.csv").write_text(text)
    before = contents(Path())
    culprits = ["'body_mass_g'", "did you mean 'body_mass'"]
    assert_refused(run("predict", model, "new.csv", "--out", "p.csv"), culprits, before)


@pytest.mark.parametrize(
    ("out", "culprit"),
    [("p.xlsx", "'.xlsx'"), ("no/p.csv", "folder no"), ("penguins.csv", "the table itself")],
)
def test_predictions_that_cannot_be_written(out, culprit, run, model):
    before = contents(Path())
    assert_refused(run("predict", model, "penguins.csv", "--out", out), [out, culprit], before)


def test_a_full_disk_under_stdout(command, tmp_path, model):
    with open("/dev/full", "w") as full:
        words = ["predict", str(model), str(Path(__file__).parents[2] / "examples" / "penguins.csv")]
        result = subprocess.run([*command, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "No space left on device" in result.stderr
