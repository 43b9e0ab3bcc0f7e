"""What a notebook shows: bars, networks, histories."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import chainrule as cr
from chainrule.training.progress import Bar, Lines, NotebookBar, in_notebook, progress_callback


@pytest.fixture
def notebook(monkeypatch):
    """Pretends that an IPython kernel runs this."""
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_terminal_and_a_script_are_no_notebook(monkeypatch):
    assert not in_notebook()
    shell = SimpleNamespace(config={"TerminalIPythonApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not in_notebook()
    assert not isinstance(progress_callback(True), NotebookBar | Bar)


def test_a_notebook_gets_the_bar_of_tqdm(notebook, fit, capsys):
    pytest.importorskip("tqdm", reason="pip install 'chainrule[notebook]'")
    assert isinstance(progress_callback(True), NotebookBar)
    fit(progress=True)
    shown = capsys.readouterr().err.split("\r")[-1]  # without a browser, tqdm writes its bar as text
    assert "epoch 4/4: 100%" in shown
    assert "16/16" in shown
    assert "validation loss" in shown


def test_a_notebook_without_tqdm_gets_lines(notebook, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert isinstance(progress_callback(True), Lines)


def parsed(html):
    """The page as a tree; the style is no XML, and entities are numbers."""
    return ElementTree.fromstring(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


def test_a_network_shows_its_layers_shapes_and_parameters():
    net = cr.Network(cr.Dense(64, "relu"), cr.Dropout(0.2), cr.Dense(3), loss="cross_entropy", inputs=10)
    page = parsed(net._repr_html_())
    cells = [[" ".join(cell.itertext()) for cell in row.iter("td")] for row in page.iter("tr")]
    assert ["Dense relu", "(B, 64)", "W1 (10, 64), b1 (64,)", "704"] in cells
    assert page.find(".//svg") is None


def test_a_small_network_shows_its_picture():
    page = cr.mlp([2, 3, 1], hidden="tanh")._repr_html_()
    assert len(re.findall(r">tanh<", page)) == 3
    assert "The circuit of z2[0]: 7 gates" in page


@pytest.mark.parametrize(
    "net",
    [
        cr.Network(cr.Dense(1)),
        cr.Network(cr.Embedding(3, 2), cr.Flatten(), cr.Dense(1), inputs=2),
        cr.Network(cr.Dense(2), cr.BatchNorm(), cr.Dense(1), inputs=2),
    ],
    ids=["without its inputs", "with a table", "with running statistics"],
)
def test_any_network_can_be_shown(net):
    assert "Dense" in net._repr_html_()


def test_a_history_shows_its_curve_and_its_verdict(fit):
    _, history = fit()
    page = history._repr_html_()
    assert "<script" not in page
    assert "http" not in page
    root = parsed(re.sub(r"xlink:", "", page))
    assert "Training and validation loss" in root.find(".//svg").get("aria-label")
    assert history.verdict[1:] in " ".join(root.itertext())


def test_a_history_without_epochs_shows_why(fit):
    _, history = fit(epochs=0)
    assert "no epoch was finished" in history._repr_html_()
