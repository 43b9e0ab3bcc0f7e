"""What the estimators do beyond those of scikit-learn."""

import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.recipes import Recipe

IRIS = load_iris(return_X_y=True)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
QUICK = {"random_state": 0, "hidden_layer_sizes": (8,), "n_members": 2, "max_iter": 20, "learning_rate_init": 0.02}
PLAIN = {"recipe": "sklearn", "random_state": 0, "max_iter": 15, "scale": True}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_an_ensemble_is_one_network_whose_logits_are_the_mean_of_its_members():
    model = cr.MLPClassifier(**QUICK, dtype="float64").fit(*IRIS)
    encoded = model._features.encode(IRIS[0], model.network_.dtype)
    logits = [np.log(member.network.predict(encoded)) for member in model.members_]
    mean = np.exp(np.mean([z - z.mean(axis=1, keepdims=True) for z in logits], axis=0))
    np.testing.assert_allclose(model.predict_proba(IRIS[0]), mean / mean.sum(axis=1, keepdims=True), rtol=1e-6)
    assert len(model.histories_) == 2
    assert model.score(*IRIS) > 0.9


def test_where_nothing_is_said_the_measured_recipe_is_taken():
    model = cr.MLPRegressor(random_state=0, max_iter=1).fit(X_DIABETES[:45], Y_DIABETES[:45])
    recipe = Recipe.choose(45, 10)
    network = model.members_[0].network
    assert list(network.layers) == recipe.layers(10, 10, (), 1)
    assert len(model.members_) == 2


def test_repeating_a_row_is_giving_it_weight():
    X, y = X_DIABETES[:60], Y_DIABETES[:60]
    weight = np.random.default_rng(0).integers(0, 4, 60)
    order = np.random.default_rng(1).permutation(60)
    weighted = cr.MLPRegressor(**QUICK).fit(X[order], y[order], sample_weight=weight[order])
    repeated = cr.MLPRegressor(**QUICK).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_probabilities_are_as_sure_as_rows_held_back_say():
    """Of labels of which a fifth are wrong, no more than a share of 0.8 or so can be foreseen."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = (X[:, 0] > 0) ^ (rng.uniform(size=200) < 0.2)
    plain = cr.MLPClassifier(**QUICK | {"max_iter": 60, "monitor": "score"}, label_smoothing=0.0).fit(X, y)
    factor = np.linalg.norm(plain.coefs_[-1]) / np.linalg.norm(plain.histories_[0].checkpoint.best["theta"][-9:-1])
    assert factor < 0.95


def test_class_weights_are_weights_of_rows():
    X, y = IRIS
    given = cr.MLPClassifier(**PLAIN, class_weight={0: 1.0, 1: 2.5, 2: 0.5}).fit(X, y)
    same = cr.MLPClassifier(**PLAIN).fit(X, y, sample_weight=np.array([1.0, 2.5, 0.5])[y])
    np.testing.assert_array_equal(given.coefs_[0], same.coefs_[0])


@pytest.mark.parametrize("kind", [cr.MLPClassifier, cr.MLPRegressor])
def test_one_epoch_at_a_time_is_training(kind):
    X, y = IRIS
    whole = kind(**PLAIN, tol=0, n_iter_no_change=100, batch_size=40).fit(X, y)
    steps = kind(**PLAIN, batch_size=40)
    classes = {"classes": [0, 1, 2]} if kind is cr.MLPClassifier else {}
    for _ in range(15):
        steps.partial_fit(X, y, **classes)
    np.testing.assert_array_equal(whole.coefs_[0], steps.coefs_[0])
    assert steps.loss_curve_ == whole.loss_curve_


def test_a_warm_start_goes_on_where_the_last_call_ended():
    X, y = IRIS
    settings = PLAIN | {"tol": 0, "n_iter_no_change": 100}
    whole = cr.MLPClassifier(**settings | {"max_iter": 9}).fit(X, y)
    parts = cr.MLPClassifier(**settings | {"max_iter": 4}, warm_start=True).fit(X, y)
    parts.set_params(max_iter=5).fit(X, y)
    np.testing.assert_array_equal(whole.coefs_[0], parts.coefs_[0])
    assert parts.n_iter_ == 5
    assert len(parts.loss_curve_) == 9


def test_of_several_starting_points_the_best_is_kept():
    model = cr.MLPRegressor(**PLAIN, n_starts=4).fit(X_DIABETES, Y_DIABETES)
    assert model.starts_.shape == (1, 4)
    assert len(set(model.starts_.ravel())) == 4
    assert model.loss_ == pytest.approx(model.starts_.min())


def test_the_weights_of_the_best_epoch_come_back():
    settings = PLAIN | {"max_iter": 60, "learning_rate_init": 0.03, "monitor": "loss"}
    X, y = X_DIABETES[:80], Y_DIABETES[:80]
    model = cr.MLPRegressor(**settings).fit(X, y, validation=(X_DIABETES[80:], Y_DIABETES[80:]))
    curve = model.validation_loss_curve_
    residual = (model.predict(X_DIABETES[80:]) - Y_DIABETES[80:]) / y.std()
    penalty = 0.5 * 1e-4 / 80 * sum((W**2).sum() for W in model.coefs_)
    assert 0.5 * np.mean(residual**2) + penalty == pytest.approx(min(curve), rel=1e-9)
    assert min(curve) < curve[-1]
    assert len(model.validation_scores_) == len(curve)


LABELS = np.column_stack([IRIS[1] == 0, IRIS[1] == 1, IRIS[0][:, 0] > 6]).astype(int)


@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        (cr.MLPClassifier(), *IRIS),
        (cr.MLPClassifier(), IRIS[0], IRIS[1] == 1),
        (cr.MLPClassifier(loss="hinge"), *IRIS),
        (cr.MLPClassifier(), IRIS[0], LABELS),
        (cr.MLPRegressor(), X_DIABETES, Y_DIABETES),
        (cr.MLPRegressor(), X_DIABETES, np.column_stack([Y_DIABETES, X_DIABETES[:, 0]])),
        (cr.MLPRegressor(quantiles=(0.1, 0.9)), X_DIABETES, Y_DIABETES),
    ],
    ids=["classes", "two classes", "signs", "labels", "number", "numbers", "quantiles"],
)
def test_the_score_that_is_watched_is_that_of_scikit_learn(model, X, y):
    weight = np.random.default_rng(0).uniform(size=30)
    model = clone(model).set_params(**PLAIN, learning_rate_init=0.01)
    model.fit(X[::2], y[::2], validation=(X[1:60:2], y[1:60:2], weight))
    kept = model.score(X[1:60:2], y[1:60:2], sample_weight=weight)
    assert kept == pytest.approx(model.best_validation_score_, rel=1e-6)


def test_epochs_are_counted_for_each_call_of_an_ensemble():
    model = cr.MLPRegressor(**QUICK, warm_start=True).fit(X_DIABETES, Y_DIABETES)
    assert model.set_params(max_iter=7).fit(X_DIABETES, Y_DIABETES).n_iter_ == 7
    model.set_params(max_iter=3, monitor="score").fit(X_DIABETES, Y_DIABETES)
    assert (model.n_iter_, len(model.loss_curve_)) == (3, 3)


def test_float32_is_learnt_with_unless_float64_is_asked_for():
    measured, asked = (cr.MLPRegressor(**QUICK, **given).fit(*IRIS) for given in ({}, {"dtype": "float64"}))
    assert [m.members_[0].network.dtype for m in (measured, asked)] == ["float32", "float64"]
    assert measured.predict(IRIS[0]).dtype == np.float64  # as X has it
    assert cr.MLPRegressor(**PLAIN).fit(*IRIS).network_.dtype == "float64"  # as in scikit-learn


def test_predictions_have_the_precision_of_the_features_and_do_not_depend_on_other_rows():
    X, y = IRIS
    model = cr.MLPClassifier(**QUICK).fit(X, y)
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(model.predict_proba(X), alone, rtol=1e-13)
    assert cr.MLPClassifier(**QUICK).fit(X.astype(np.float32), y).network_.dtype == "float32"
    assert cr.MLPClassifier(**QUICK, dtype="float32").fit(X, y).network_.dtype == "float32"


def test_quantiles_hold_the_share_of_targets_that_they_name():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 1))
    y = X[:, 0] + rng.normal(size=600)
    wanted = (0.1, 0.5, 0.9)
    model = cr.MLPRegressor(quantiles=wanted, recipe="sklearn", scale=True, random_state=0, max_iter=80).fit(X, y)
    predicted = model.predict(X)
    assert (np.diff(predicted, axis=1) >= 0).all()
    np.testing.assert_allclose((y[:, None] <= predicted).mean(axis=0), wanted, atol=0.05)
    assert 0 < model.score(X, y) < 1


def focal(prediction, target):
    return -((1 - prediction) ** 2) * target * cr.log(prediction)


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": ("gelu", "tanh"), "hidden_layer_sizes": (6, 5)},
        {"hidden_layer_sizes": (cr.Dense(6, "relu"), cr.LayerNorm(), 4)},
        {"normalization": "batch", "dropout": 0.1},
        {"normalization": "layer", "residual": True, "hidden_layer_sizes": (6, 6, 6)},
        {"solver": cr.RMSProp(cr.schedules.OneCycle(0.02))},
        {"solver": "adagrad"},
        {"solver": "adamw", "learning_rate": "cosine"},
        {"solver": "lbfgs"},
        {"label_smoothing": 0.1},
        {"loss": "hinge"},
        {"loss": focal},
        {"dtype": "float32"},
    ],
    ids=lambda given: " ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in given.items()),
)
def test_every_part_of_a_network_can_be_chosen(settings):
    model = cr.MLPClassifier(**PLAIN | {"max_iter": 60, "learning_rate_init": 0.02} | settings).fit(*IRIS)
    assert model.score(*IRIS) > 0.85
    assert model.check()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(IRIS[0]), model.predict(IRIS[0]))


def test_a_loss_over_signs_gives_no_probabilities():
    model = cr.MLPClassifier(**PLAIN, loss="hinge").fit(*IRIS)
    assert not hasattr(model, "predict_proba")


def test_labels_that_are_not_exclusive_have_probabilities_of_their_own():
    X, Y = make_multilabel_classification(80, n_classes=4, random_state=0)
    model = cr.MLPClassifier(**QUICK | {"max_iter": 40}).fit(X, Y)
    shares = model.predict_proba(X)
    assert shares.shape == (80, 4)
    np.testing.assert_array_equal(model.predict(X), shares > 0.5)


TABLE = {
    "colour": ["red", "blue", "green", None] * 30,
    "size": [float(n % 7) if n % 5 else None for n in range(120)],
    "label": [n % 4 == 0 or n % 7 > 4 for n in range(120)],
}


@pytest.mark.parametrize("library", ["polars", "pandas", "pyarrow"])
def test_tables_with_categories_and_missing_values_are_learnt_as_they_are(library):
    pytest.importorskip(library)
    frame = pl.DataFrame(TABLE).drop("label")
    if library == "pandas":
        import pandas as pd

        X = pd.DataFrame({name: TABLE[name] for name in frame.columns})
    else:
        X = frame.to_arrow() if library == "pyarrow" else frame
    y = np.array(TABLE["label"])
    model = cr.MLPClassifier(**QUICK | {"max_iter": 60}).fit(X, y)
    assert model.score(X, y) > 0.9
    assert list(model.feature_names_in_) == ["colour", "size"]
    reference = cr.MLPClassifier(**QUICK | {"max_iter": 60}).fit(frame, y)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(frame), rtol=1e-6)


def test_missing_numbers_are_learnt_where_they_are():
    X, y = X_DIABETES.copy(), Y_DIABETES
    X[::3, 2] = np.nan
    model = cr.MLPRegressor(**QUICK).fit(X, y)
    assert model.score(X, y) > 0.3
    assert np.isfinite(model.predict(np.full((1, 10), np.nan))).all()


def test_it_is_an_estimator_among_others():
    X, y = IRIS
    assert cross_val_score(make_pipeline(StandardScaler(), cr.MLPClassifier(**PLAIN)), X, y, cv=2).min() > 0.4
    search = GridSearchCV(cr.MLPClassifier(**PLAIN), {"alpha": [0.0, 1.0], "activation": ["relu", "gelu"]}, cv=2)
    assert set(search.fit(X, y).best_params_) == {"alpha", "activation"}
    with config_context(enable_metadata_routing=True):
        asked = cr.MLPClassifier(**PLAIN).set_fit_request(sample_weight=True)
        asked.set_score_request(sample_weight=False)
        weight = np.random.default_rng(0).uniform(size=len(y))
        search = GridSearchCV(asked, {"alpha": [0.1]}, cv=2).fit(X, y, sample_weight=weight)
        same = clone(asked).set_params(alpha=0.1).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(search.best_estimator_.coefs_[0], same.coefs_[0])


def test_callbacks_of_both_kinds_see_every_epoch():
    protocol = pytest.importorskip("sklearn.callback")
    seen = []

    class Counter:
        tasks = 0

        def setup(self, estimator, context):
            assert context.max_subtasks == 15

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.tasks += 1

        def teardown(self, estimator, context):
            pass

    counter = Counter()
    assert isinstance(counter, protocol.FitCallback)
    model = cr.MLPClassifier(**PLAIN, callbacks=[lambda moment: seen.append(moment.epoch)]).set_callbacks(counter)
    model.fit(*IRIS)
    assert seen == list(range(1, 16))
    assert counter.tasks == 16  # the epochs, and the whole


def test_a_row_is_explained_under_the_names_of_its_columns():
    frame = pl.DataFrame(IRIS[0][:, :2], schema=["length", "width"])
    model = cr.MLPRegressor(**PLAIN | {"hidden_layer_sizes": (2,)}).fit(frame, IRIS[1].astype(float))
    page = model.explain_row(frame[:1], 1.0, "W1[0,1]")
    encoded = model._features.encode(IRIS[0][:1, :2], "float64")
    slope = model.network_.gradients(encoded, model._encoded(np.array([1.0])))["W1"][0, 1]
    assert page.value == pytest.approx(slope)
    assert "length" in page.text
    assert model.explain_row(frame[:1]).text
    assert model.check(frame[:5], [0.0, 1.0, 2.0, 0.0, 1.0])


def test_a_notebook_shows_the_network_and_its_curve():
    model = cr.MLPClassifier(**PLAIN).fit(*IRIS)
    page = model._repr_html_()
    assert "<svg" in page
    assert "W1 (4, 100)" in page
    assert "W1 (4, 100)" not in cr.MLPClassifier()._repr_html_()


@pytest.mark.parametrize(
    ("rows", "features", "classes"), [(40, 1, 2), (30, 5000, 2), (4, 3, 2), (2000, 4, 1000)], ids=str
)
def test_extreme_tables_are_learnt(rows, features, classes):
    rng = np.random.default_rng(0)
    y = np.arange(rows) % classes
    X = rng.normal(size=(rows, features)) * 0.1
    X[:, 0] += y / classes * 4
    model = cr.MLPClassifier(random_state=0, hidden_layer_sizes=(8,), max_iter=3, n_members=1).fit(X, y)
    assert model.predict_proba(X).shape == (rows, classes)
    assert len(model.classes_) == classes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
        ({"activation": ("relu", "tanh")}, "activation names 2 activations, but there are 1 hidden layers"),
        ({"solver": "lbfgs", "dropout": 0.5}, "cannot train Dropout"),
        ({"alpha": -1}, "The 'alpha' parameter of MLPClassifier must be"),
    ],
)
def test_a_mistake_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        cr.MLPClassifier(**PLAIN | settings).fit(*IRIS)


def test_several_columns_of_classes_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        cr.MLPClassifier(**PLAIN).fit(IRIS[0], np.column_stack([IRIS[1], IRIS[1]]))


def test_without_scikit_learn_the_error_names_the_command():
    code = "import sys; sys.modules['sklearn'] = None; import chainrule as cr; cr.MLPClassifier"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'chainrule[sklearn]'" in result.stderr.splitlines()[-1]
