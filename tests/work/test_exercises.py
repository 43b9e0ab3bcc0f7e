"""Exercises: the same seed, friendly numbers, a key that is right, files that are graded."""

import json
import re
import shutil
import subprocess
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main
from chainrule.work import read_work

LEVELS = range(1, 6)


def solved(exercise):
    """The answers by the network's own gradients and activations, to four decimals."""
    described = exercise.described
    settings = dict(described["network"])
    net = cr.mlp(settings.pop("sizes"), dtype="float64", **settings)
    for name, values in described["weights"].items():
        net.parameters[name] = values
    X, y = (np.asarray(described["data"][key], dtype=float) for key in "xy")
    gradients, values = net.gradients(X, y), net.activations(X)
    last = len(described["network"]["sizes"]) - 1
    values.setdefault(f"h{last}", values[f"z{last}"])
    hidden = {"Z": "z", "O": "h"}
    found = {}
    for name in exercise.asked:
        new = name.removesuffix(" new")
        if match := re.fullmatch(r"(?:dL/d)?([Wb])(\d)(\d?)(\d)", new):
            letter, layer, i, j = match.groups()
            place = (int(i) - 1, int(j) - 1) if i else (int(j) - 1,)
            found[name] = gradients[f"{letter}{layer}"][place]
            if new != name:
                found[name] = net.parameters[f"{letter}{layer}"][place] - 0.1 * found[name]
        elif match := re.fullmatch(r"([ZO])(\d)(\d)", name):
            found[name] = values[f"{hidden[match[1]]}{match[2]}"][0, int(match[3]) - 1]
        elif match := re.fullmatch(r"dL/d([Wb]\d)", name):
            found[name] = np.atleast_2d(gradients[match[1]])
        elif name in values:
            found[name] = values[name]
        elif name == "Y'":
            found[name] = values[f"h{last}"][0, 0]
        elif name == "L":
            found[name] = net.loss(X, y)
    return {name: np.round(value, 4).tolist() for name, value in found.items()}


@pytest.mark.parametrize("level", LEVELS)
def test_answers_by_the_network_itself_are_graded_right(level):
    for seed in range(6):
        exercise = cr.exercise(level=level, seed=seed)
        answers = solved(exercise)
        marked = exercise.grade(answers)
        assert len(answers) >= len(exercise.asked) - 5
        assert marked.score == len(answers), marked.text


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_makes_the_same_exercise_and_another_seed_another(level):
    first, again, other = (cr.exercise(level=level, seed=seed) for seed in (3, 3, 4))
    assert first.answers == again.answers
    assert first.text == again.text
    assert first.described != other.described


@pytest.mark.parametrize("level", [1, 2, 3])
def test_numbers_are_short(level):
    for seed in range(10):
        for value in solved(cr.exercise(level=level, seed=seed)).values():
            assert 0 < abs(value) <= 100
            assert abs(value * 1000 - round(value * 1000)) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
def test_the_sheet_says_nothing_of_the_answers_and_the_key_says_all(level):
    exercise = cr.exercise(level=level, seed=1)
    for n, name in enumerate(exercise.asked, 1):
        assert f"{n}. {name}" in exercise.sheet.text
        assert f"{n}. {name}" in exercise.key.text
    assert len(exercise.key.text) > len(exercise.sheet.text)
    value = solved(exercise).get("L")
    if value is not None:
        assert f"= {value:.4g}" not in exercise.sheet.text
        assert f"= {value:.4g}" in exercise.key.text
    assert max(map(len, f"{exercise.sheet.text}\n{exercise.key.text}".splitlines())) <= 100


def test_a_formula_from_the_nine_derivatives_is_right_at_level_five():
    for seed in range(12):
        exercise = cr.exercise(level=5, seed=seed)
        network = exercise.described["network"]
        if network["loss"] == "squared_error" and network["hidden"] == "tanh":
            break
    marked = exercise.grade({"dL/dW112": "2 (Y' - Y) W221 (1 - O12²) X1", "dL/db21": "2 (Y - Y')"})
    assert marked["dL/dW112"].right
    assert marked["dL/db21"].kinds == ("sign",)


def test_the_file_for_the_answers_is_graded_as_the_exercise_grades(tmp_path):
    exercise = cr.exercise(level=3, seed=7)
    file = exercise.save_answers(tmp_path / "answers.toml")
    assert set(read_work(file).check().blank) == set(exercise.asked)
    answers = solved(exercise) | {"L": 1.0}
    text = file.read_text()
    for name, value in answers.items():
        text = re.sub(rf'^("?{re.escape(name)}"?) = ""$', rf"\1 = {value}", text, flags=re.MULTILINE)
    file.write_text(text)
    assert tomllib.loads(text)["answers"]["L"] == 1.0
    marked = read_work(file).check()
    assert [v.name for v in marked.verdicts if not v.right] == ["L"]
    assert marked.to_json()["answers"] == exercise.grade(answers).to_json()["answers"]


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def test_the_commands_make_a_sheet_a_key_and_answers_and_grade_them(tmp_path):
    sheet, key, answers = (tmp_path / name for name in ("sheet.html", "key.tex", "answers.toml"))
    made = run("exercise", "--level", 2, "--seed", 5, "--out", sheet, "--key", key, "--answers", answers)
    assert made.exit_code == 0
    assert all(file.stat().st_size > 300 for file in (sheet, key, answers))
    graded = run("check-work", answers)
    assert graded.exit_code == 1
    assert "Not answered: Z11" in graded.output
    record = json.loads(run("check-work", answers, "--json").output)
    assert (record["right"], record["answered"], record["blank"][0]) == (0, 0, "Z11")
    assert json.loads(run("exercise", "--level", 2, "--seed", 5, "--json").output)["asked"][0] == "Z11"


def test_a_file_with_only_right_answers_exits_with_0(tmp_path):
    file = tmp_path / "work.toml"
    file.write_text(
        '[formulas]\nL = "(y - w x)^2"\n[values]\nw = 2\nx = 3\ny = 5\n[answers]\nL = 1\n"dL/dw" = "-2 x (y - w x)"\n'
    )
    assert run("check-work", file).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[answers]\nL = 1", r"needs a section \[network\] or a section \[formulas\]"),
        ("[network]\nsizes = [2, 1]\n[anwers]\nL = 1", "unknown section 'anwers': did you mean 'answers'"),
        ("[network]\nhidden = 'relu'", r"the section \[network\] needs sizes"),
        ("[network]\nsizes = [2, 1]\nhiden = 'relu'", r"unknown setting in \[network\] 'hiden': did you mean 'hidden'"),
        ("[network]\nsizes = [2, 1]", r"the section \[weights\] needs W1"),
        ("[network]\nsizes = [2, 1]\n[weights]\nW1 = [[1], [2]]\nb1 = [0]", r"the section \[data\] needs x"),
        ("[formulas]\nL = 'x^2'\n[values]\nx = 1\n[answers]\nL = x", "is no TOML"),
        ("[formulas]\nL = 'x^2'\n[values]\nz = 1", "there is no z in the formulas"),
        ("[formulas]\nL = 'x^2 y'\n[values]\nx = 1", "need a value for y too"),
        ("[formulas]\nL = 'x^2'\n[values]\nx = 1\n[answers]\nL = 'import os'", "the answer for L: cannot read"),
        ("[formulas]\nL = 'x^2'\n[training]\nrows = 10", r"the section \[training\] needs batch_size"),
        ("lr = 'fast'\n[formulas]\nL = 'x^2'", "lr holds 'fast'"),
    ],
)
def test_files_that_cannot_be_read_exit_with_2_and_one_line(tmp_path, text, message):
    file = tmp_path / "work.toml"
    file.write_text(text)
    result = run("check-work", file)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_other_bad_input_is_refused_with_a_remedy(tmp_path):
    assert run("check-work", tmp_path / "none.toml").exit_code == 2
    assert run("exercise", "--level", 9).exit_code == 2
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in run("check-work", tmp_path / "latin.toml").stderr
    with pytest.raises(cr.ArgumentError, match="from 1 to 5"):
        cr.exercise(level=6)
    with pytest.raises(cr.ArgumentError, match="was not asked"):
        cr.exercise(level=1).grade({"Q": 1})
    with pytest.raises(cr.ArgumentError, match=r"ending \.toml"):
        cr.exercise(level=1).save_answers(tmp_path / "answers.txt")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("level", [3, 4])
def test_sheet_key_and_verdicts_compile(tmp_path, level):
    exercise = cr.exercise(level=level, seed=2)
    exercise.save(tmp_path / "sheet.tex")
    exercise.key.save(tmp_path / "key.tex")
    exercise.grade({"L": 17}).save(tmp_path / "checked.tex")
    for name in ("sheet", "key", "checked"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
