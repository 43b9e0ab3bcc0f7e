"""Published numbers, held against what is computed."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.cli import main
from chainrule.gallery.digits import agrees, beside
from chainrule.oracles import central_differences

KEYS = [entry.key for entry in cr.gallery.entries()]
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("key", KEYS)
def test_every_published_number_is_what_is_computed_unless_it_is_said_to_differ(key, examples):
    for number in examples[key].numbers:
        assert number.agrees == (number.deviation is None), f"{number.name}: {number.printed}, {number.value!r}"


@pytest.mark.parametrize("key", KEYS)
def test_what_is_named_in_place_of_a_differing_number_gives_what_was_printed(key, examples):
    for number in examples[key].differing:
        assert number.instead is None or agrees(number.printed, number.instead), number.name


@pytest.mark.parametrize("key", KEYS)
def test_each_name_of_an_entry_is_one_of_its_numbers(key, examples):
    entry, work = examples[key].entry, examples[key].work
    assert set(entry.deviations) <= set(entry.published)
    assert not set(entry.also) & set(entry.published)
    assert set(entry.published) | set(entry.also) <= set(work.values)


@pytest.mark.parametrize("key", KEYS)
def test_the_gradients_on_the_page_are_those_of_differences(key, examples):
    program, at = examples[key].work.program, examples[key].work.at
    results = program(**at)
    label = program.outputs[0][0]
    for name in at:
        if f"d{name}" in results:
            slope, error, _ = central_differences(
                lambda x, name=name: program(**{**at, name: x})[label], np.asarray(at[name], float)
            )
            scale = 1e-9 * (1 + np.abs(slope).max())
            assert np.all(np.abs(results[f"d{name}"] - slope) <= scale + 10 * error), name


def test_the_gallery_goes_from_1986_to_today_and_has_xor_and_symmetry():
    years = [entry.year for entry in cr.gallery.entries()]
    assert len(years) >= 10
    assert 1986 in years
    assert max(years) >= 2020
    assert {"pdp-xor", "symmetry"} <= set(KEYS)


def test_the_symmetry_network_has_the_weights_that_solve_its_task_by_construction():
    """Weights 1, 2, 4 and their mirror images: a net input of 0 for the eight symmetric patterns, and for no other."""
    bits = (np.arange(64)[:, None] >> np.arange(6)) & 1
    totals = bits @ np.array([1, 2, 4, -4, -2, -1])
    assert ((totals == 0) == (bits == bits[:, ::-1]).all(axis=1)).all()


@given(st.floats(-1e6, 1e6), st.integers(0, 8))
def test_a_number_agrees_with_itself_rounded_and_with_no_other_of_those_digits(value, places):
    printed = f"{value:.{places}f}"
    assert agrees(printed, value)
    assert not agrees(f"{float(printed) + 2 * 10.0**-places:.{places}f}", value)


def test_a_number_beside_a_printed_one_has_two_digits_more():
    assert beside("0.298371109", 0.2983711087600027) == "0.29837110876"
    assert beside("1,425", 1425.0) == "1425"


@pytest.mark.parametrize("key", KEYS)
def test_pages_keep_to_a_terminal_of_100_columns_and_need_no_network(key, examples):
    page = examples[key]
    assert max(map(len, page.text.splitlines())) <= 100
    assert not re.search(r"<script|\bsrc=|\bhref=|@import|url\(", page.html)
    for number in page.numbers:
        assert number.computed in page.text


def test_a_page_with_derivatives_in_its_table_compiles(examples, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    examples["rosenbrock"].save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_an_example_that_is_not_there_is_refused_with_the_nearest_name():
    with pytest.raises(cr.UnknownNameError, match="did you mean 'mazur'"):
        cr.gallery.show("masur")


def run(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_the_command_lists_shows_writes_and_gives_numbers(tmp_path):
    listed = run("gallery")
    assert listed.exit_code == 0
    assert all(key in listed.stdout for key in KEYS)
    assert "-13.7239" in run("gallery", "griewank").stdout
    page = tmp_path / "page.html"
    record = json.loads(run("gallery", "cs231n-circuit", "--json", "--out", str(page)).stdout)
    assert {n["name"]: n["computed"] for n in record["numbers"]}["f"] == -12
    assert "∂f/∂z" in page.read_text(encoding="utf-8")


def test_the_command_refuses_a_name_it_does_not_know():
    refused = run("gallery", "nothing")
    assert refused.exit_code == 2
    assert "unknown example 'nothing'" in refused.stderr


def test_the_tables_of_the_page_are_those_of_the_gallery(examples):
    """``make docs`` writes them."""
    made = runpy.run_path(str(DOCS / "gallery_page.py"))
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert page == made["written"](page, made["tables"](list(examples.values())))
