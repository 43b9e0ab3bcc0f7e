"""The report: one file that needs nothing else, and says what there is to say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chainrule.data import read_table
from chainrule.report import render
from chainrule.tabular import TableModel

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """A page with every element closed in order; its text, identifiers and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.identifiers: list[str] = []
        self.references: list[str] = []
        self.figures: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.identifiers.append(found["id"])
        if tag == "svg":
            self.figures.append(found)
        for value in found.values():
            self.references += re.findall(r"url\(#([^)]+)\)", value or "")
        for key in ("href", "xlink:href", "src"):
            if key in found:
                assert found[key].startswith("#")
                self.references.append(found[key][1:])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def penguins() -> TableModel:
    frame = read_table(Path(__file__).parents[2] / "examples" / "penguins.csv")
    return TableModel.train(frame, "species", epochs=8)


@pytest.fixture(scope="module")
def numbers() -> TableModel:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    return TableModel.train(pl.DataFrame({"x": x, "y": x**3 + rng.normal(size=300), "dull": 1}), "y", epochs=8)


@pytest.fixture(params=["penguins", "numbers"])
def model(request) -> TableModel:
    return request.getfixturevalue(request.param)


def test_a_report_needs_nothing_from_outside(model):
    text = render(model)
    assert not re.search(r"https?:|//[a-z]", text)
    assert "<script" not in text
    assert "@import" not in text
    assert "@font-face" not in text


def test_a_report_is_well_formed(model):
    page = Page(render(model))
    assert page.tags.count("h1") == 1
    assert len(page.identifiers) == len(set(page.identifiers))
    assert set(page.references) <= set(page.identifiers)
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in page.figures)
    assert all("viewbox" in figure and "width" not in figure for figure in page.figures)


def test_a_report_says_what_there_is_to_say(model):
    text = Page(render(model)).text
    assert model.results.sentence in text
    assert model.network.program().python() in text
    assert model.reproduction in text
    assert model.encoder.target.reason in text
    for column in model.encoder.columns:
        assert column.name in text
        assert column.sentence in text
    for version in model.settings["versions"].values():
        assert version in text


def test_a_classification_shows_its_confusion_matrix(penguins):
    page = Page(render(penguins))
    shown = " ".join(page.text.split())
    for name, share in zip(penguins.classes, penguins.results.recall, strict=True):
        assert name in shown
        assert f"{share:.1%}" in shown


def test_a_regression_shows_predictions_and_residuals(numbers):
    labels = [figure["aria-label"] for figure in Page(render(numbers)).figures]
    assert sum("esidual" in label for label in labels) == 2
    assert sum(label.startswith("Predicted against actual") for label in labels) == 1


def test_figures_take_their_colours_from_the_page(model):
    svg = "".join(re.findall(r"<svg.*?</svg>", render(model), flags=re.DOTALL))
    assert "currentColor" in svg
    assert "var(--first)" in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= set()


def test_the_same_model_gives_the_same_report(model):
    assert render(model) == render(model)


def test_names_and_classes_from_the_table_are_escaped():
    nasty = "<script>alert('$x_1$')</script>"
    frame = pl.DataFrame({nasty: [float(i) for i in range(30)], "<h1>": [nasty, "&amp;", "b"] * 10})
    text = render(TableModel.train(frame, "<h1>", epochs=2))
    assert "<script" not in text
    assert Page(text).tags.count("h1") == 1
    assert nasty in Page(text).text


def test_training_that_was_cut_short_has_a_report():
    frame = pl.DataFrame({"x": [float(i) for i in range(30)], "y": [i / 2 for i in range(30)]})
    for epochs in (0, 1):
        labels = [figure["aria-label"] for figure in Page(render(TableModel.train(frame, "y", epochs=epochs))).figures]
        assert sum("loss" in label for label in labels) == epochs
