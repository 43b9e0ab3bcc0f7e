"""What each experiment shows: in a terminal, in a browser, in a notebook, to programs, and from the command line."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from chainrule import experiments
from chainrule.cli import main

SMALL = {
    "learning-rates": (experiments.learning_rates, {"epochs": 8}, ["--epochs", "8"]),
    "batches": (experiments.batches, {"epochs": 2}, ["--epochs", "2"]),
    "landscape": (experiments.landscape, {"epochs": 5, "points": 7}, ["--epochs", "5", "--points", "7"]),
    "starts": (experiments.starts, {"count": 4, "epochs": 20}, ["--starts", "4", "--epochs", "20"]),
    "curvature": (experiments.curvature, {}, []),
    "counting": (experiments.counting, {"rows": 10, "batch_size": 4}, ["--rows", "10", "--batch-size", "4"]),
}
STUDENTS = Path(__file__).parents[2] / "examples" / "students.csv"


@pytest.fixture(scope="module")
def found():
    return {name: function(**settings) for name, (function, settings, _) in SMALL.items()}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an experiment from the command line, in an empty folder beside the students."""
    shutil.copy(STUDENTS, tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, ["experiment", *words])


@pytest.mark.parametrize("name", SMALL)
def test_no_line_of_a_terminal_is_longer_than_100_columns(found, name):
    assert max(map(len, found[name].text.splitlines())) <= 100
    assert "[picture" not in found[name].text or name == "landscape"


@pytest.mark.parametrize("name", SMALL)
def test_pages_need_nothing_from_elsewhere_and_their_mathematics_is_well_formed(found, name):
    html = found[name].html
    links = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)', html)
    assert all(link.startswith("#") for pair in links for link in pair if link)
    assert "<script" not in html
    for formula in re.findall(r"<math.*?</math>", html, re.DOTALL):
        ElementTree.fromstring(formula.replace("&nbsp;", " "))


@pytest.mark.parametrize("name", SMALL)
def test_names_inside_the_pictures_of_a_page_are_unique(found, name):
    names = re.findall(r'\bid="([^"]+)"', found[name].html)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SMALL)
def test_a_notebook_gets_the_pictures(found, name):
    shown = found[name]._repr_html_()
    assert ("<svg" in shown) == (name != "counting")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", SMALL)
def test_pages_compile_as_latex(found, name, tmp_path):
    found[name].save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("name", SMALL)
def test_the_command_gives_the_numbers_of_the_function(found, name, run):
    result = run(name, *SMALL[name][2], "--json")
    assert result.exit_code == 0, result.output
    expected = json.loads(json.dumps(found[name].to_json(), allow_nan=False))
    assert json.loads(result.stdout) == expected


@pytest.mark.parametrize("name", ["learning-rates", "batches", "landscape", "starts", "curvature"])
def test_a_table_can_be_given_and_the_page_written(name, run, tmp_path):
    words = [
        "students.csv",
        "--target",
        "placed",
        "--task",
        "classification",
        "--hidden",
        "2",
        *SMALL[name][2],
        "--out",
        "page.html",
    ]
    result = run(name, *words)
    assert result.exit_code == 0, result.output
    assert "8 rows" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["batches", "--target", "placed"], "give the table too"),
        (["batches", "students.csv"], "give the column to predict with --target"),
        (["batches", "--sizes", "all,x"], "neither a whole number above 0 nor all"),
        (["learning-rates", "--rates", "fast"], "such as 0.01,0.1,1"),
        (["landscape", "--over", "W1[0,0] W7[0,0]"], "is no element of a parameter"),
        (["counting", "--out", "page.pdf"], ".html, .tex, .txt"),
        (["counting", "--out", "nowhere/page.html"], "nowhere does not exist"),
    ],
)
def test_what_cannot_be_is_one_clear_line(run, words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_an_experiment_the_command_lists_them(run):
    result = run()
    assert result.exit_code == 0
    assert all(name in result.stdout for name in SMALL)
