"""chainrule explain and chainrule step."""

import json
import os
import pty
import re
import select
import subprocess
import termios
import time

import pytest

import chainrule as cr

FORMULA = "(x3 + x5) - sigmoid(w3*x3 + w4*x4)"
AT = "x3=1,x4=2,x5=0.5,w3=-1,w4=0.25"


def test_a_formula_is_explained_with_its_paths(run):
    result = run("explain", FORMULA, "--at", AT, "--paths", "x3")
    assert result.exit_code == 0
    assert "Path 2 of 2: f → s → net → x3" in result.stdout
    found = json.loads(run("explain", FORMULA, "--at", AT, "--paths", "x3", "--json").stdout)
    assert found["value"] == pytest.approx(1.2350037122015945, rel=1e-12)
    assert [path["value"] for path in found["paths"]] == [1, pytest.approx(0.2350037122015945, rel=1e-12)]


def test_a_formula_without_numbers_is_drawn_as_a_tree(run):
    result = run("explain", "w*x + b")
    assert "f = w * x + b" in result.stdout
    assert json.loads(run("explain", "w*x + b", "--at", "w=2,x=3,b=1", "--json").stdout)["gradients"]["w"] == 3


def test_a_network_has_the_numbers_of_the_same_network_in_python(run):
    words = ["--hidden", "sigmoid", "--loss", "half_squared_error", "--seed", "3", "--row", "1,2", "--target", "0.5"]
    found = json.loads(run("explain", "2,3,1", *words, "--parameter", "W1[0,1]", "--json").stdout)
    net = cr.mlp([2, 3, 1], hidden="sigmoid", loss="half_squared_error", seed=3, dtype="float64")
    assert found["gradient"] == pytest.approx(net.gradients([[1.0, 2.0]], [0.5])["W1"][0, 1], rel=1e-12)
    whole = json.loads(run("explain", "2,3,1", *words, "--json").stdout)
    assert whole["gradients"]["W1"][0][1] == pytest.approx(found["gradient"], rel=1e-12)
    assert whole["loss"] == pytest.approx(net.loss([[1.0, 2.0]], [0.5]), rel=1e-12)


def test_weights_come_from_a_file_and_go_back_into_one(run, tmp_path):
    weights = {"W1": [[0.5], [-1]], "b1": [0.25]}
    (tmp_path / "weights.json").write_text(json.dumps(weights))
    first = json.loads(run("explain", "2,1", "--weights", "weights.json", "--json").stdout)
    assert first["parameters"] == weights
    (tmp_path / "next.json").write_text(json.dumps(first["updated"]))
    second = json.loads(run("explain", "2,1", "--weights", "next.json", "--json").stdout)
    assert second["loss"] < first["loss"]


def test_several_rows_are_averaged(run):
    rows = ["--row", "1,2", "--target", "1", "--row", "0,-1", "--target", "0"]
    assert "B, the number of rows, is 2" in " ".join(run("explain", "2,2,1", *rows).stdout.replace("|", "").split())
    assert "All rows" in run("explain", "2,2,1", *rows, "--parameter", "b2").stdout


def test_a_trained_model_is_explained_on_a_row_of_its_table(run, model):
    result = run("explain", model, "penguins.csv", "--row", "3", "--notation", "textbook")
    assert result.exit_code == 0
    assert "Forward and backward pass of L" in result.stdout
    assert "column of X in which they stand: 1 bill_length_mm" in result.stdout
    one = run("explain", model, "penguins.csv", "--row", "3", "--parameter", "W1[0,1]", "--json")
    assert {"gradient", "before", "updated"} <= json.loads(one.stdout).keys()


@pytest.mark.parametrize("ending", ["html", "tex", "txt"])
def test_the_page_goes_to_a_file(run, tmp_path, ending):
    result = run("explain", "2,2,1", "--parameter", "W1[0,1]", "--out", f"page.{ending}")
    assert result.stdout == f"page.{ending}: The derivative of L by W1[0,1]\n"
    assert "W1" in (tmp_path / f"page.{ending}").read_text() or ending != "txt"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("explain", "x +"), "cannot read 'x +'"),
        (("explain", "nofolder"), "no list of sizes"),
        (("explain", "w*x", "--at", "w"), "no list of values by name"),
        (("explain", "w*x", "--at", "w=1"), "needs a value for x"),
        (("explain", "w*x", "--paths", "q"), "unknown scalar 'q'"),
        (("explain", "w*x", "--row", "1"), "or a trained model, but this is a formula"),
        (("explain", "2,2,1", "--at", "x=1"), "--at is for a formula"),
        (("explain", "2,2,1", "table.csv"), "--row"),
        (("explain", "2,2,1", "--row", "1,2,3"), "3 features"),
        (("explain", "2,2,1", "--row", "1,a"), "numbers with commas"),
        (("explain", "2,2,1", "--row", "1,2", "--row", "2,3", "--target", "1"), "2 times and --target 1"),
        (("explain", "2,2,1", "--parameter", "W9"), "no parameter 'W9'"),
        (("explain", "2,2,1", "--notation", "greek"), "unknown notation 'greek'"),
        (("explain", "2,2,1", "--weights", "penguins.csv"), "is not JSON"),
        (("step", "2"), "no list of features"),
        (("step", "9,9,9"), "too large"),
        (("step", "2,2,1", "--out", "page.pdf"), ".html, .tex, .txt"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_on_stderr(run, words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_row_that_the_table_does_not_have_is_refused(run, model):
    assert "rows 1 to 344" in run("explain", model, "penguins.csv", "--row", "345").stderr


# The stepper


def test_lines_of_a_pipe_move_the_stepper(run):
    from click.testing import CliRunner

    from chainrule.cli import main

    result = CliRunner().invoke(main, ["step", "2,2,1"], input="n\nn\nb\nwhat\nr\nq\nn\n")
    assert result.exit_code == 0
    where = re.findall(r"^Pass 1, (.*)$", result.stdout, re.MULTILINE)
    assert where == ["at the start", "step 1 of 21", "step 2 of 21", "step 1 of 21", "at the start"]
    assert "'what' is no key here" in result.stdout


def test_the_stepper_writes_a_page_and_json(run, tmp_path):
    result = run("step", "2,2,1", "--passes", "2", "--out", "steps.html")
    assert result.stdout == "steps.html: 2 passes of 21 steps\n"
    assert (tmp_path / "steps.html").read_text().count('class="pass"') == 2
    assert len(json.loads(run("step", "2,2,1", "--passes", "4", "--json").stdout)["passes"]) == 4


def test_single_keys_move_the_stepper_on_a_terminal(command):
    terminal, side = pty.openpty()
    settings = {**os.environ, "TERM": "xterm"}
    child = subprocess.Popen([*command, "step", "2,2,1"], stdin=side, stdout=side, stderr=side, env=settings)
    os.close(side)
    places = ["at the start", "step 1 of 21", "step 2 of 21", "step 1 of 21", "at the start"]
    try:
        for place, key in zip(places, [b"n", b"\x1b[C", b"b", b"r", b"q"], strict=True):
            assert place in read_until(terminal, place)
            wait_for_single_keys(terminal)
            os.write(terminal, key)
        assert child.wait(timeout=30) == 0
    finally:
        child.kill()
        os.close(terminal)


def read_until(terminal, text, seconds=30):
    """What a terminal shows until the text comes, or the time is up."""
    seen, end = "", time.monotonic() + seconds
    while text not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


def wait_for_single_keys(terminal, seconds=30):
    """Until the program reads keys instead of lines."""
    end = time.monotonic() + seconds
    while termios.tcgetattr(terminal)[3] & termios.ICANON and time.monotonic() < end:
        time.sleep(0.01)
