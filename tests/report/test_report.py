"""The report: one file that needs nothing else, and says what there is to say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chainrule.data import read_table
from chainrule.report import render
from chainrule.tabular import TableModel
from chainrule.training import History

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
    return TableModel.train(frame, "species", epochs=8, members=2, hidden=[16])


@pytest.fixture(scope="module")
def numbers() -> TableModel:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    return TableModel.train(
        pl.DataFrame({"x": x, "y": x**3 + rng.normal(size=300), "dull": 1}), "y", epochs=8, members=1, hidden=[16]
    )


@pytest.fixture(scope="module", params=["penguins", "numbers"])
def model(request) -> TableModel:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def text(model) -> str:
    return render(model)


def test_a_report_needs_nothing_from_outside(text):
    assert not re.search(r"https?:|//[a-z]", text)
    assert "<script" not in text
    assert "@import" not in text
    assert "@font-face" not in text


def test_a_report_is_well_formed(text):
    page = Page(text)
    assert page.tags.count("h1") == 1
    assert len(page.identifiers) == len(set(page.identifiers))
    assert set(page.references) <= set(page.identifiers)
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in page.figures)
    assert all("viewbox" in figure and "width" not in figure for figure in page.figures)


def test_a_report_says_what_there_is_to_say(model, text):
    shown = Page(text).text
    assert model.results.sentence in shown
    assert model.network.program().python() in shown
    assert model.reproduction in shown
    assert model.encoder.target.reason in shown
    for column in model.encoder.columns:
        assert column.name in shown
        assert column.sentence in shown
    for version in model.settings["versions"].values():
        assert version in shown


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


def test_the_contents_lead_to_every_section(model, text):
    linked = re.findall(r'<a href="#([a-z]+)">', text)
    assert linked == re.findall(r'<section id="([a-z]+)">', text)
    assert {"results", "rows", "importance", "dependence", "training", "table", "network", "again"} <= set(linked)
    assert ("calibration" in linked) == (model.results.task == "classification")


def test_a_report_shows_how_sure_its_results_are(model, text):
    shown = " ".join(Page(text).text.split())
    for measure in model.results.measures:
        assert measure.model in shown
        assert f"95% interval: {measure.interval}" in shown


def test_the_columns_are_listed_by_their_importance(model, text):
    shown = Page(text).text
    section = shown[shown.index("rises by") :]
    places = [section.index(each.column) for each in model.results.inspection.importances]
    assert places == sorted(places)


def test_rows_that_are_far_off_are_shown_with_their_numbers(numbers):
    text = render(numbers)
    section = text[text.index('<section id="rows">') : text.index('<section id="importance">')]
    rows = re.findall(r'<th scope="row" class="number">(\d+)</th>', section)
    assert rows == [str(example.row) for example in numbers.results.inspection.examples]


def test_what_training_shows_comes_before_the_contents(model, text):
    text = " ".join(Page(text).text.split())
    head = text[: text.index("These ")]
    assert model.diagnosis.findings
    for finding in model.diagnosis.findings:
        assert finding.text in head


def test_the_layers_are_followed_through_training(text):
    labels = [figure["aria-label"] for figure in Page(text).figures]
    assert any("gradient of each layer" in label for label in labels)


def test_many_columns_and_classes_keep_the_page_small():
    rng = np.random.default_rng(0)
    rows, columns = 150, 400
    frame = pl.DataFrame({f"column {n}": rng.normal(size=rows) for n in range(columns)})
    frame = frame.with_columns(y=pl.Series([f"class {n % 50}" for n in range(rows)]))
    model = TableModel.train(frame, "y", epochs=1, members=1, hidden=[4])
    text = render(model)
    assert len(text) < 500_000
    shown = " ".join(Page(text).text.split())
    assert "Of the 400 columns, the 50 were shuffled" in shown
    assert "100 of the 400 columns" in shown
    assert "There are 50 classes; these are the 20" in shown


def test_dates_have_an_axis_of_dates():
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 9), eager=True)
    frame = pl.DataFrame({"day": days, "y": np.arange(100) ** 2})
    text = render(TableModel.train(frame, "y", epochs=3, members=1, hidden=[4]))
    assert "Feb" in text[text.index('<section id="dependence">') : text.index('<section id="training">')]


def test_without_a_table_a_result_has_no_inspection(penguins):
    text = render(replace(penguins, results=replace(penguins.results, inspection=None)))
    assert 'id="importance"' not in text
    assert 'id="calibration"' in text


def test_figures_take_their_colours_from_the_page(text):
    svg = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "currentColor" in svg
    assert "var(--first)" in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= set()


def test_the_same_model_gives_the_same_report(model):
    assert render(model) == render(model)


def test_names_and_classes_from_the_table_are_escaped():
    nasty = "<script>alert('$x_1$')</script>"
    frame = pl.DataFrame({nasty: [float(i) for i in range(30)], "<h1>": [nasty, "&amp;", "b"] * 10})
    text = render(TableModel.train(frame, "<h1>", epochs=2, members=1))
    assert "<script" not in text
    assert Page(text).tags.count("h1") == 1
    assert nasty in Page(text).text


def test_training_that_was_cut_short_has_a_report(numbers):
    for history in (History(stopped="interrupted by Ctrl-C"), History(loss=[1.0], validation_loss=[1.1], best_epoch=1)):
        labels = [figure["aria-label"] for figure in Page(render(replace(numbers, histories=(history,)))).figures]
        assert sum("loss" in label for label in labels) == len(history)
