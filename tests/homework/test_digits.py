"""Homework 3: on digits drawn here, and on MNIST where it is."""

import json
import os
import struct

import numpy as np
import pytest
from click.testing import CliRunner

from chainrule.cli import main
from chainrule.homework import homework_3


def write_digits(folder, rows):
    """IDX files in which a one is a bright column and a two a bright row, in noise; other digits are there too."""
    rng = np.random.default_rng(rows)
    for name, count in (("train", rows), ("t10k", rows // 2)):
        labels = rng.integers(0, 4, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        images[labels == 1, :, 13] = 255
        images[labels == 2, 13, :] = 255
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count) + labels.tobytes())
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = write_digits(tmp_path_factory.mktemp("digits"), 800)
    return homework_3(folder, epochs=30, hidden=((20, 20), (4,), ()), engine="numpy")


def test_parameters_are_counted_and_easy_digits_are_told_apart(work):
    first, second, logistic = work.classifiers
    assert first.parameters == 784 * 20 + 20 + 20 * 20 + 20 + 20 + 1
    assert second.parameters == 784 * 4 + 4 + 4 + 1
    assert (logistic.parameters, logistic.name) == (785, "784-1 (logistic regression)")
    assert first.test.share == 1.0


def test_a_large_network_is_not_worth_it_where_a_plane_does(work):
    assert work.classifiers[2].test.share == 1.0
    assert not work.worth_it
    assert "784-1 (logistic regression) does as well" in work.discussion[-1]


def test_the_page_states_sizes_and_seconds(work):
    assert max(map(len, work.text.splitlines())) <= 100
    assert "16,141" in work.text
    assert len(json.dumps(work.to_json(), allow_nan=False)) > 0
    assert "<svg" in work._repr_html_()


@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_missing_files_are_named_in_one_line(tmp_path, monkeypatch, where):
    monkeypatch.delenv("CHAINRULE_MNIST", raising=False)
    words = ["--data", str(tmp_path)] if where == "empty" else []
    result = CliRunner().invoke(main, ["homework", "3", *words])
    assert result.exit_code == 2
    assert "train-images-idx3-ubyte.gz" in result.stderr
    assert "CHAINRULE_MNIST" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_command_for_homework_2_gives_the_numbers_of_the_function():
    result = CliRunner().invoke(main, ["homework", "2", "--updates", "20", "--seed", "3", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["seed"], record["updates"]) == (3, 20)
    assert record["runs"][0]["name"] == "without biases"


@pytest.mark.skipif("CHAINRULE_MNIST" not in os.environ, reason="CHAINRULE_MNIST names no folder with MNIST's files")
def test_logistic_regression_tells_mnists_1_from_2():
    """LeCun and others, 1998, report linear classifiers; two digits are easier than ten."""
    work = homework_3(epochs=2, hidden=((10,), ()))
    assert work.rows == 12_700
    assert work.classifiers[0].test.rows == 2_167
    assert all(c.test.share > 0.97 for c in work.classifiers)
