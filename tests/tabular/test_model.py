"""Training on tables: good results, the same from the same seed, in the table's own terms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, DataError
from chainrule.tabular import TableModel


def small(rows: int = 30) -> pl.DataFrame:
    x = np.arange(rows) % 7.0
    return pl.DataFrame({"x": x, "colour": ["red", "blue", "green"] * (rows // 3), "y": x / 2})


@pytest.mark.parametrize("seed", range(3))
def test_penguins_are_told_apart(penguins, seed):
    results = TableModel.train(penguins, "species", members=2, epochs=20, seed=seed).results
    assert results.accuracy > 0.95
    assert results.accuracy > results.baseline_accuracy + 0.4
    assert results.log_loss < 0.2 < results.baseline_log_loss
    assert results.beats_baseline


@pytest.mark.parametrize("seed", range(3))
def test_diabetes_beats_the_mean(diabetes, seed):
    results = TableModel.train(diabetes, "progression", members=2, epochs=20, seed=seed).results
    assert results.rmse < 0.9 * results.baseline_rmse
    assert results.mae < results.baseline_mae
    assert results.r2 > 0.25
    assert 140 < results.baseline < 165  # the unit of the table, not of the standardised target


def test_two_classes_take_one_output():
    found = datasets.load_breast_cancer()
    columns = dict(zip(map(str, found.feature_names), found.data.T, strict=True))
    model = TableModel.train(pl.DataFrame({**columns, "benign": found.target == 1}), "benign", members=2, epochs=10)
    assert model.network.outputs == 1
    assert model.network.loss_function.name == "binary_cross_entropy"
    assert model.results.accuracy > 0.93
    predicted = model.predict(pl.DataFrame(columns))
    assert predicted.columns == ["prediction", "probability false", "probability true"]
    assert predicted["prediction"].dtype == pl.Boolean
    assert predicted["prediction"].equals((predicted["probability true"] > 0.5).alias("prediction"))


def test_predictions_are_in_the_terms_of_the_table(penguins, species):
    predicted = species.predict(penguins)
    assert predicted.columns[1:] == [f"probability {name}" for name in ("Adelie", "Chinstrap", "Gentoo")]
    shares = predicted.drop("prediction").to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    names = np.array(species.classes)[shares.argmax(axis=1)]
    assert predicted["prediction"].to_list() == names.tolist()
    assert np.mean(predicted["prediction"].to_numpy() == penguins["species"].to_numpy()) > 0.97


def test_regression_predicts_in_the_unit_of_the_target(diabetes, progression):
    predicted = progression.predict(diabetes)
    assert predicted.columns == ["prediction"]
    assert abs(predicted["prediction"].mean() - diabetes["progression"].mean()) < 15


def test_classes_of_whole_numbers_stay_whole_numbers():
    frame = pl.DataFrame({"x": [float(i % 3) for i in range(60)], "y": [10 * (i % 3) for i in range(60)]})
    model = TableModel.train(frame, "y", members=1, epochs=60)
    assert model.predict(frame)["prediction"].to_list() == frame["y"].to_list()
    assert model.classes == ("0", "10", "20")


def test_the_same_seed_gives_the_same_bytes(penguins, tmp_path):
    for name in ("one", "two"):
        TableModel.train(penguins, "species", members=2, epochs=2, seed=7).save(tmp_path / name)
    TableModel.train(penguins, "species", members=2, epochs=2, seed=8).save(tmp_path / "other")
    one, two, other = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "two", "other"))
    assert one == two
    assert one != other


def test_permuted_columns_and_no_target_change_no_prediction(penguins, species):
    others = penguins.select(sorted(set(penguins.columns) - {"species"})).with_columns(spare=pl.lit(1))
    assert species.predict(others).equals(species.predict(penguins))


def test_nothing_is_learnt_from_rows_that_judge(penguins):
    """Other values in all rows but the training rows change no weight."""
    frame = penguins.with_row_index("row").with_columns(row=pl.col("row").cast(pl.Float64))
    model = TableModel.train(frame, "species", members=1, epochs=2)
    mean = model.encoder.columns[0].mean
    assert model.encoder.rows == model.settings["rows"]["training"] == 275
    assert sum(model.settings["rows"].values()) == frame.height
    assert mean != frame["row"].mean()


def test_settings_repeat_the_training(diabetes, progression):
    names = ("hidden", "dropout", "epochs", "batch_size", "lr", "patience", "members")
    passed = {name: progression.settings[name] for name in (*names, "target", "task", "seed", "held_out", "ignore")}
    again = TableModel.train(diabetes, **passed)
    assert np.array_equal(again.network.parameters.theta, progression.network.parameters.theta)
    assert again.results == progression.results
    assert set(progression.settings["versions"]) >= {"chainrule", "python", "numpy", "polars"}


def test_the_recipe_is_python_that_repeats_the_training(diabetes, progression):
    again = eval(progression.reproduction, {"cr": cr, "frame": diabetes})
    assert np.array_equal(again.network.parameters.theta, progression.network.parameters.theta)


def test_members_end_early_with_their_best_weights(diabetes):
    model = TableModel.train(diabetes, "progression", members=2, patience=3, epochs=300)
    assert len(model.histories) == 2
    for history in model.histories:
        assert len(history) < 300
        assert history.best_epoch == 1 + int(np.argmin(history.validation_loss))
        assert "stopped early" in history.stopped


@pytest.mark.parametrize("rows", [10, 11, 12, 15, 20])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_small_tables_work(rows, task, tmp_path):
    frame = pl.DataFrame({"x": [float(i) for i in range(rows)], "y": [i % 2 for i in range(rows)]})
    model = TableModel.train(frame, "y", task=task, members=2, epochs=2)
    model.save(tmp_path / "model")
    assert TableModel.load(tmp_path / "model").results == model.results


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_too_few_rows_are_refused_in_words(rows):
    frame = pl.DataFrame({"x": [float(i) for i in range(rows)], "y": [i / 2 for i in range(rows)]})
    with pytest.raises(DataError, match=rf"{rows} rows?; "):
        TableModel.train(frame, "y")


def test_a_class_of_one_row_is_learnt_from():
    kinds = ["rare", *["often", "seldom", "often"] * 13]
    frame = pl.DataFrame({"x": [float(i) for i in range(40)], "y": kinds})
    for seed in range(5):
        model = TableModel.train(frame, "y", members=1, epochs=1, seed=seed)
        assert model.results.recall[model.classes.index("rare")] is None
        assert sum(model.settings["rows"].values()) == 40


def test_a_number_that_hardly_varies_works_or_is_refused_by_name():
    frame = pl.DataFrame({"x": [float(i) for i in range(20)], "y": [0.5] + [0.25] * 19})
    refusals = []
    for seed in range(10):
        try:
            TableModel.train(frame, "y", members=1, epochs=1, seed=seed)
        except DataError as error:
            refusals.append(str(error).startswith("column 'y': nearly every row holds 0.25, "))
    assert 0 < len(refusals) < 10
    assert all(refusals)


def test_bad_values_are_reported_with_their_row_in_the_table():
    frame = small().with_columns(x=pl.when(pl.int_range(30) == 28).then(float("inf")).otherwise("x"))
    with pytest.raises(DataError, match="column 'x', row 29: inf is not finite"):
        TableModel.train(frame, "y")


def test_rows_without_a_target_are_left_out_where_that_is_asked_for():
    frame = small()
    gaps = frame.with_columns(y=pl.when(pl.int_range(30) % 5 == 2).then(None).otherwise("y"))
    with pytest.raises(DataError, match=r"row 3: the target is missing \(the first of 6 such rows"):
        TableModel.train(gaps, "y")
    labelled = gaps.filter(pl.col("y").is_not_null())
    found, expected = (
        TableModel.train(table, "y", epochs=2, members=1, skip_unlabelled=skip)
        for table, skip in ((gaps, True), (labelled, False))
    )
    assert np.array_equal(found.network.parameters.theta, expected.network.parameters.theta)
    assert found.settings["rows"] == expected.settings["rows"]
    shown, same = ([e.row for e in model.results.inspection.examples] for model in (found, expected))
    assert shown
    assert gaps[[row - 1 for row in shown]].equals(labelled[[row - 1 for row in same]])
    bad = gaps.with_columns(x=pl.when(pl.int_range(30) == 28).then(float("inf")).otherwise("x"))
    with pytest.raises(DataError, match="column 'x', row 29: inf is not finite"):
        TableModel.train(bad, "y", skip_unlabelled=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"held_out": 0.0}, {"held_out": 1.0}, {"members": 0}, {"members": 1.5}, {"hidden": (0,)},
        {"hidden": (2.5,)}, {"lr": 0.0}, {"seed": -1}, {"seed": 0.5}, {"dropout": 1.0}, {"batch_size": 0},
        {"patience": 0}, {"epochs": -1}, {"engine": "steam"}, {"task": "guess"}, {"target": "z"},
    ],
    ids=str,
)  # fmt: skip
def test_arguments_out_of_range(wrong):
    with pytest.raises(ChainruleError):
        TableModel.train(**{"frame": small(), "target": "y", **wrong})


def test_what_watches_training():
    seen = []
    TableModel.train(
        small(),
        "y",
        epochs=3,
        members=2,
        callbacks=[lambda moment: seen.append(moment.epoch)],
        announce=lambda encoder, recipe, member, columns: seen.append((encoder.rows, recipe.members, member.outputs)),
    )
    assert seen == [(24, 2, 1), 1, 2, 3, 1, 2, 3]


def test_no_hidden_layer_is_a_linear_model():
    model = TableModel.train(small(), "y", hidden=(), epochs=1, members=1)
    assert list(model.network.parameters) == ["W1", "b1"]


def test_a_table_without_rows_has_no_predictions(species, penguins):
    with pytest.raises(DataError, match="no rows"):
        species.predict(penguins.clear())


def test_saving_beside_other_files_needs_force(species, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="force"):
        species.save(tmp_path)
    species.save(tmp_path, force=True)
    assert TableModel.load(tmp_path).results == species.results
    assert (tmp_path / "notes.txt").read_text() == "mine"
