"""Models of tables in every format: missing values, unseen categories and dates included, against predict."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

import chainrule as cr
from chainrule.data import TableEncoder
from chainrule.errors import ChainruleError
from chainrule.export import synthetic
from chainrule.export.preprocessing import encoding_program, inputs_of
from chainrule.runnable import Runnable
from chainrule.tabular import TableModel

FORMATS = {"onnx": "model.onnx", "python": "model.py", "numpy": "np_model.py", "jax": "jax_model.py",
           "torch": "torch_model.py", "keras": "keras_model.py", "safetensors": "model"}  # fmt: skip


def model_of(frame, target):
    """A model with random weights: what it predicts does not matter here."""
    encoder = TableEncoder.learn(frame.with_columns(target), "y")
    classes = len(encoder.target.classes)
    loss = {0: "mean_squared_error", 2: "binary_cross_entropy"}.get(classes, "cross_entropy")
    outputs = classes if classes > 2 else 1
    network = cr.Network(cr.Dense(6, "gelu"), cr.Dense(outputs), loss=loss, inputs=len(encoder.feature_names))
    return TableModel(network, encoder, (), None, {})


@pytest.fixture(scope="module")
def models(frame, targets):
    return {name: model_of(frame, target) for name, target in targets.items()}


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("target", ["number", "text", "whole", "truth"])
def test_predictions_are_those_of_the_model(target, format, models, frame, tmp_path):
    if format in ("jax", "torch", "keras"):
        pytest.importorskip(format)
    for table in (frame, None):
        exported = models[target].export(tmp_path / FORMATS[format], format, table=table)
        assert exported.check is not None
        assert exported.check.largest_difference < 2e-6


def test_the_program_of_the_preprocessing_gives_the_features_bit_for_bit(models, frame):
    encoder = models["number"].encoder
    inputs = inputs_of(encoder)
    program = Runnable.of(encoding_program(encoder, inputs))
    for table in (frame, synthetic(encoder, 2000)):
        values = {}
        for taken in inputs:
            column = taken.read(table)
            values[taken.variable] = [taken.codes.get(v, taken.other) for v in column] if taken.codes else column
        assert np.array_equal(program(**values)["X"].astype(np.float32), encoder.encode(table))


def test_months_and_weekdays_of_four_centuries(models):
    encoder = models["number"].encoder
    days = pl.Series("1st day", pl.date_range(date(1800, 1, 1), date(2200, 12, 31), eager=True))
    taken = next(i for i in inputs_of(encoder) if i.name == "1st day")
    column = next(c for c in encoder.columns if c.name == "1st day")
    others = {i.variable: np.zeros(len(days)) for i in inputs_of(encoder)}
    program = Runnable.of(encoding_program(encoder, inputs_of(encoder)))
    found = program(**others | {taken.variable: (days - date(1970, 1, 1)).dt.total_days().to_numpy()})["X"]
    places = [encoder.feature_names.index(name) for name in column.features]
    assert np.allclose(found[:, places], column.encode(days), rtol=0, atol=1e-12)


def test_onnx_takes_columns_under_their_names_and_texts_of_missing_values(models, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    model = models["text"]
    model.export(tmp_path / "model.onnx")
    session = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert {i.name: i.type for i in session.get_inputs()} == {
        "weight (kg)": "tensor(double)", "class": "tensor(double)", "Farbe, größe": "tensor(string)",
        "town": "tensor(string)", "max": "tensor(string)", "1st day": "tensor(double)",
    }  # fmt: skip
    rows = {
        "weight (kg)": np.array([np.nan, 1e6]), "class": np.array([1.0, 2.0]),
        "Farbe, größe": np.array(["NA", "grün"], object), "town": np.array(["", "town 3"], object),
        "max": np.array(["null", "True"], object), "1st day": np.array([np.nan, 20_000.5]),
    }  # fmt: skip
    labels, shares = session.run(["prediction", "probabilities"], rows)
    table = pl.DataFrame({
        "weight (kg)": [None, 1e6], "class": [1, 2], "Farbe, größe": [None, "grün"], "town": [None, "town 3"],
        "max": [None, True], "1st day": [None, date(2024, 10, 4)],
    })  # fmt: skip
    expected = model.predict(table.with_columns(pl.col("1st day").cast(pl.Datetime("us")) + pl.duration(hours=12)))
    assert labels.tolist() == expected["prediction"].to_list()
    assert np.allclose(shares, expected.drop("prediction").to_numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("target", ["number", "whole"])
def test_the_python_file_predicts_a_csv_file_by_itself(target, models, frame, tmp_path):
    models[target].export(tmp_path / "model.py")
    frame.write_csv(tmp_path / "rows.csv")
    words = [sys.executable, "-I", "-S", str(tmp_path / "model.py"), str(tmp_path / "rows.csv")]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    found = list(csv.DictReader(lines))
    expected = models[target].predict(frame)
    assert list(found[0]) == expected.columns
    for name in expected.columns:
        values = np.array([float(row[name]) for row in found])
        assert np.allclose(values, expected[name].to_numpy(), rtol=1e-6, atol=1e-6)


def test_the_python_file_names_columns_that_a_table_lacks(models, tmp_path):
    models["number"].export(tmp_path / "model.py")
    (tmp_path / "rows.csv").write_text("class,max\n1,true\n")
    words = [sys.executable, "-I", "-S", str(tmp_path / "model.py"), str(tmp_path / "rows.csv")]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "'weight (kg)', 'Farbe, größe', 'town', '1st day'" in found.stderr


def test_a_table_of_another_model_is_refused(models, tmp_path):
    with pytest.raises(ChainruleError, match="lacks the columns"):
        models["number"].export(tmp_path / "model.onnx", table=pl.DataFrame({"class": [1]}))


ODD = ["it's", 'a "b"', "two\nlines", "日本", "\\n", "{{ x }}", "'''", "NA", " b ", "b", "", "\u2028", "</script>"]


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_texts_and_names_may_hold_any_characters(format, tmp_path):
    if format in ("jax", "torch", "keras"):
        pytest.importorskip(format)
    random, rows = np.random.default_rng(0), 400
    many = [f'town"{i}\n' for i in range(50)]
    table = pl.DataFrame(
        {
            "": random.normal(size=rows),
            'a"""\n\\': random.choice(np.array([*ODD, None], object), rows).tolist(),
            "日本 'x'": random.choice(np.array([*many, "", None], object), rows).tolist(),
            "import": random.choice(np.array([True, False, None], object), rows).tolist(),
        }
    )
    target = '"""\nraise SystemExit\n"""'
    labels = pl.Series("y", random.choice(np.array(["'\"", "n\no", "日本\\"], object), rows).tolist())
    model = model_of(table, labels)
    model = replace(model, encoder=replace(model.encoder, target=replace(model.encoder.target, name=target)))
    others = table[:4].with_columns(pl.Series('a"""\n\\', ["?", " it's", "None", "never seen"]))
    for asked in (table, others, None):
        exported = model.export(tmp_path / FORMATS[format], format, table=asked)
        assert exported.check is not None
        assert exported.check.largest_difference < 2e-6
