"""engine="jax" wherever an engine can be named."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import chainrule as cr
from chainrule.cli import main


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, (X[:, 0] > 0).astype(int)


def test_loss_gradients_and_predictions_are_those_of_numpy(rows):
    layers = [cr.Dense(4, "gelu"), cr.LayerNorm(), cr.Dense(1)]
    net = cr.Network(*layers, loss="binary_cross_entropy", seed=0, dtype="float64")
    weights = np.linspace(0, 1, 60)
    assert net.loss(*rows, sample_weight=weights, engine="jax") == pytest.approx(
        net.loss(*rows, sample_weight=weights, engine="numpy"), rel=1e-13
    )
    assert net.predict(rows[0], engine="jax") == pytest.approx(net.predict(rows[0], engine="numpy"), rel=1e-12)
    gradients = net.gradients(*rows, engine="jax")
    for name, wanted in net.gradients(*rows, engine="numpy").items():
        assert gradients[name] == pytest.approx(wanted, rel=1e-10, abs=1e-14), name


def test_validation_metrics_and_early_stopping(rows):
    how = {"epochs": 4, "batch_size": 16, "validation": 0.25, "metrics": ["accuracy"], "patience": 2}
    histories = [
        cr.mlp([3, 4, 1], loss="binary_cross_entropy", seed=0, dtype="float64").fit(*rows, engine=engine, **how)
        for engine in ("numpy", "jax")
    ]
    assert histories[1].validation_loss == pytest.approx(histories[0].validation_loss, rel=1e-12)
    assert histories[1].metrics == histories[0].metrics


def test_estimators_take_the_name_and_the_settings(rows):
    sklearn = pytest.importorskip("sklearn.base")
    how = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_members": 2, "random_state": 0}
    model = cr.MLPClassifier(engine=cr.JaxEngine(products="bfloat16"), **how).fit(*rows)
    assert sklearn.clone(model).engine == model.engine
    given = model.predict_proba(rows[0])
    wanted = cr.MLPClassifier(engine="numpy", **how).fit(*rows).predict_proba(rows[0])
    assert 0 < np.abs(given - wanted).max() < 0.01
    with pytest.raises(ValueError, match="'engine' parameter"):
        cr.MLPClassifier(engine="jacks").fit(*rows)


def test_a_model_of_a_table_says_how_to_make_it_again(rows, tmp_path):
    import polars as pl

    frame = pl.DataFrame({"a": rows[0][:, 0], "b": rows[0][:, 1], "y": rows[1]})
    engine = cr.JaxEngine(products="bfloat16")
    model = cr.TableModel.train(frame, "y", epochs=1, hidden=[3], engine=engine)
    assert f"engine=cr.{engine}," in model.reproduction
    assert cr.JaxEngine.from_json(json.loads(json.dumps(model.settings))["engine"]) == engine


def test_the_command_line(rows, tmp_path):
    table = tmp_path / "t.csv"
    lines = [f"{a:.3f},{b:.3f},{y}" for (a, b, _), y in zip(rows[0], rows[1], strict=True)]
    table.write_text("\n".join(["a,b,y", *lines]))
    arguments = ["train", str(table), "--target", "y", "--epochs", "1", "--hidden", "3", "--engine", "jax"]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "m"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "m" / "model.json").read_text())["settings"]["engine"] == "jax"


def test_an_estimate_of_time(rows):
    net = cr.mlp([3, 4, 1], loss="binary_cross_entropy")
    assert net.estimate(*rows, epochs=3, engine="jax").seconds > 0
