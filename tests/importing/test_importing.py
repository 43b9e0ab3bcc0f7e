"""Networks from other libraries' models, against the predictions of those models."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import chainrule as cr

pytestmark = [
    pytest.mark.filterwarnings("ignore:(lbfgs|Stochastic Optimizer)"),  # scikit-learn: not converged
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # Keras, of PyTorch's tensors
]

RNG_SEED = 11
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


def agree(ours: np.ndarray[Any, Any], theirs: Any, dtype: str) -> None:
    theirs = np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= TOLERANCE[dtype] * max(1.0, np.abs(theirs).max())


def rows(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray[Any, Any]:
    return np.random.default_rng(RNG_SEED).normal(size=shape).astype(dtype)


# scikit-learn


@pytest.fixture(scope="module")
def perceptrons():
    return pytest.importorskip("sklearn.neural_network")


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_regressor_predicts_the_same(perceptrons, activation, outputs):
    X, y = rows((40, 5)), rows((40, outputs))
    model = perceptrons.MLPRegressor(
        hidden_layer_sizes=(7, 4), activation=activation, solver="lbfgs", max_iter=200, random_state=1
    )
    model.fit(X, y[:, 0] if outputs == 1 else y)
    net = cr.from_sklearn(model)
    agree(net.predict(X), model.predict(X).reshape(len(X), -1), "float64")
    assert net.dtype == "float64"
    assert net.loss_function.name == "half_squared_error"


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_classifier_gives_the_same_probabilities(perceptrons, classes, dtype):
    X = rows((60, 3), dtype)
    names = np.array(["ash", "birch", "cedar", "date"])[:classes]
    y = names[np.random.default_rng(0).integers(0, classes, 60)]
    model = perceptrons.MLPClassifier((6,), max_iter=3, random_state=1).fit(X, y)
    net = cr.from_sklearn(model)
    theirs = model.predict_proba(X)
    agree(net.predict(X), theirs[:, 1:] if classes == 2 else theirs, dtype)
    assert net.dtype == dtype
    assert net.loss_function.name == ("binary_cross_entropy" if classes == 2 else "cross_entropy")


def test_a_classifier_of_several_labels_gives_the_same_probabilities(perceptrons):
    X, y = rows((60, 3)), np.random.default_rng(0).integers(0, 2, (60, 3))
    model = perceptrons.MLPClassifier((6,), solver="lbfgs", max_iter=15, random_state=1).fit(X, y)
    agree(cr.from_sklearn(model).predict(X), model.predict_proba(X), "float64")


def test_a_poisson_regressor_predicts_the_same(perceptrons):
    X, y = rows((40, 2)), np.random.default_rng(0).poisson(2.0, 40).astype(float)
    model = perceptrons.MLPRegressor(hidden_layer_sizes=(3,), random_state=0, solver="lbfgs", max_iter=20)
    if not hasattr(model, "loss") or "loss" not in model.get_params():
        pytest.skip("this scikit-learn has no Poisson loss")
    model.set_params(loss="poisson").fit(X, y)
    net = cr.from_sklearn(model)
    agree(net.predict(X)[:, 0], model.predict(X), "float64")
    assert net.loss_function.name == "poisson"


def test_training_goes_on_from_a_classifier(perceptrons):
    X = rows((60, 3))
    y = (X[:, 0] > 0).astype(int)
    model = perceptrons.MLPClassifier((6,), solver="lbfgs", max_iter=3, random_state=1).fit(X, y)
    net = cr.from_sklearn(model)
    before = net.loss(X, y)
    net.fit(X, y, epochs=20, batch_size="all", optimizer=cr.SGD(0.1))
    assert net.loss(X, y) < before


def test_what_is_no_fitted_perceptron_is_refused_in_words(perceptrons):
    with pytest.raises(cr.ArgumentError, match="was not fitted: call its fit first"):
        cr.from_sklearn(perceptrons.MLPClassifier())
    pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline(perceptrons.MLPClassifier())
    with pytest.raises(cr.ArgumentError, match="not Pipeline: of a pipeline, give its last step"):
        cr.from_sklearn(pipeline)


# PyTorch


@pytest.fixture(scope="module")
def nn():
    return pytest.importorskip("torch").nn


def torch_predictions(model: Any, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import torch

    with torch.no_grad():
        return np.asarray(model.eval()(torch.from_numpy(X)).numpy())


TORCH_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "ReLU": lambda nn: nn.ReLU(),
    "LeakyReLU": lambda nn: nn.LeakyReLU(0.3),
    "ELU": lambda nn: nn.ELU(0.7),
    "SELU": lambda nn: nn.SELU(),
    "GELU": lambda nn: nn.GELU(),
    "GELU, tanh": lambda nn: nn.GELU(approximate="tanh"),
    "SiLU": lambda nn: nn.SiLU(),
    "Mish": lambda nn: nn.Mish(),
    "Softsign": lambda nn: nn.Softsign(),
    "Hardtanh": lambda nn: nn.Hardtanh(),
    "Tanh": lambda nn: nn.Tanh(),
    "Sigmoid": lambda nn: nn.Sigmoid(),
    "Softplus": lambda nn: nn.Softplus(),
    "Softmax": lambda nn: nn.Softmax(dim=1),
    "LogSoftmax": lambda nn: nn.LogSoftmax(dim=-1),
    "Identity": lambda nn: nn.Identity(),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
def test_a_sequential_predicts_the_same_with_every_activation(nn, name, dtype):
    import torch

    torch.manual_seed(3)
    made = TORCH_ACTIVATIONS[name]
    model = nn.Sequential(nn.Linear(4, 6), made(nn), nn.Linear(6, 5, bias=False), made(nn), nn.Linear(5, 2))
    model = model.to(getattr(torch, dtype))
    X = rows((30, 4), dtype)
    net = cr.from_torch(model)
    agree(net.predict(X), torch_predictions(model, X), dtype)
    assert net.dtype == dtype


@pytest.mark.parametrize("name", ["Sigmoid", "Softmax", "LogSoftmax", "ReLU", "LeakyReLU"])
def test_an_activation_may_be_the_output(nn, name):
    model = nn.Sequential(nn.Linear(4, 3), TORCH_ACTIVATIONS[name](nn)).double()
    X = rows((20, 4))
    agree(cr.from_torch(model).predict(X), torch_predictions(model, X), "float64")


def test_normalisations_predict_the_same_and_learn_alike(nn):
    import torch

    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6, eps=1e-3, momentum=0.2), nn.ReLU(), nn.Dropout(0.4), nn.LayerNorm(6),
        nn.Sequential(nn.LayerNorm(6, elementwise_affine=False), nn.Linear(6, 2)),
    ).double()  # fmt: skip
    X = rows((32, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for _ in range(3):
            model.train()(torch.from_numpy(X))  # moves the running statistics
    net = cr.from_torch(model)
    agree(net.predict(X), torch_predictions(model, X), "float64")
    # The statistics of a further batch: PyTorch's variance is n / (n - 1) of ours.
    state = net.program("step", optimizer="sgd").outputs
    assert "new_mean1" in dict(state)
    net.fit(X, np.zeros((32, 2)), epochs=1, batch_size="all", optimizer=cr.SGD(1e-9))
    before = copy.deepcopy(model[1])
    model.train()(torch.from_numpy(X))
    np.testing.assert_allclose(net.states["mean1"], model[1].running_mean.numpy(), rtol=1e-12)
    batch = model[0](torch.from_numpy(X)).var(dim=0, correction=0).detach().numpy()
    expected = 0.8 * before.running_var.numpy() + 0.2 * batch
    np.testing.assert_allclose(net.states["variance1"], expected, rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 3])
def test_an_embedding_predicts_the_same(nn, columns):
    import torch

    model = nn.Sequential(nn.Embedding(7, 2), nn.Flatten(), nn.Linear(2 * columns, 3)).double()
    codes = np.random.default_rng(0).integers(0, 7, (20, columns))
    net = cr.from_torch(model)
    with torch.no_grad():
        theirs = model(torch.from_numpy(codes)).numpy()
    agree(net.predict(codes), theirs, "float64")
    if columns == 1:
        flat = nn.Sequential(model[0], model[2])
        agree(cr.from_torch(flat).predict(codes), flat(torch.from_numpy(codes[:, 0])).detach().numpy(), "float64")


def test_images_are_flattened(nn):
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double()
    X = rows((5, 3, 4))
    agree(cr.from_torch(model, inputs=(3, 4)).predict(X), torch_predictions(model, X), "float64")


def test_logits_become_probabilities_with_the_loss_that_wants_them(nn):
    import torch

    model = nn.Sequential(nn.Linear(4, 3)).double()
    X = rows((10, 4))
    theirs = torch.softmax(torch.from_numpy(torch_predictions(model, X)), dim=1).numpy()
    net = cr.from_torch(model, loss="cross_entropy")
    agree(net.predict(X), theirs, "float64")
    criterion = nn.CrossEntropyLoss()
    y = np.arange(10) % 3
    loss = criterion(model(torch.from_numpy(X)), torch.from_numpy(y))
    loss.backward()
    assert net.loss(X, y) == pytest.approx(loss.item(), rel=1e-13)
    np.testing.assert_allclose(net.gradients(X, y)["W1"], model[0].weight.grad.numpy().T, rtol=1e-11, atol=1e-16)


def test_an_imported_network_is_saved_and_read_with_its_settings(nn, tmp_path):
    model = nn.Sequential(nn.Linear(4, 6), nn.LeakyReLU(0.3), nn.Linear(6, 2)).double()
    net = cr.from_torch(model)
    net.save(tmp_path / "model.chainrule")
    X = rows((10, 4))
    assert (cr.load(tmp_path / "model.chainrule").predict(X) == net.predict(X)).all()


def test_an_imported_network_passes_the_gradient_check(nn):
    model = nn.Sequential(nn.Linear(3, 4), nn.ELU(0.7), nn.LayerNorm(4), nn.Linear(4, 1), nn.Sigmoid()).double()
    assert cr.from_torch(model).check(rows((4, 3)), [0, 1, 1, 0])


def test_a_module_that_cannot_be_read_is_named(nn):
    import torch

    class Own(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *_: None)
    normed = torch.nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    for module, words in (
        (nn.Conv1d(2, 2, 1), "Conv1d cannot be read from PyTorch; what can: BatchNorm1d"),
        (Own(), r"Own cannot be read from PyTorch \(what a module of your own does"),
        (hooked, "Linear cannot be read from PyTorch .it has hooks"),
        (normed, "ParametrizedLinear cannot be read"),
        (
            nn.Softplus(beta=2.0),
            r"module 2, Softplus\(beta=2.0, threshold=20.0\), cannot be read from PyTorch \(with these settings\)",
        ),
        (nn.Hardtanh(-2, 2), r"Hardtanh\(.*\), cannot be read"),
        (nn.BatchNorm1d(2, momentum=None), r"BatchNorm1d\(.*\), cannot be read"),
        (nn.Embedding(2, 2, max_norm=1.0), r"Embedding\(.*\), cannot be read"),
    ):
        with pytest.raises(cr.ArgumentError, match=words):
            cr.from_torch(nn.Sequential(nn.Linear(2, 2), module))
    with pytest.raises(cr.ArgumentError, match="without a Flatten after it"):
        cr.from_torch(nn.Sequential(nn.Embedding(4, 2), nn.Linear(6, 1)))
    with pytest.raises(cr.ArgumentError, match="give inputs="):
        cr.from_torch(nn.Sequential(nn.ReLU()))


# Keras


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch" if find_spec("torch") else "jax")
    return pytest.importorskip("keras")


def keras_predictions(model: Any, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(X)))


KERAS_ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softsign", "hard_tanh", "tanh", "sigmoid",
    "softplus", "softmax", "log_softmax", "exponential",
)  # fmt: skip


@pytest.mark.parametrize("name", KERAS_ACTIVATIONS)
def test_a_keras_model_predicts_the_same_with_every_activation(keras, name):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation=name),
            keras.layers.Dense(5, use_bias=False),
            keras.layers.Activation(name),
            keras.layers.Dense(2),
        ]
    )
    X = rows((30, 4), "float32")
    net = cr.from_keras(model)
    agree(net.predict(X), keras_predictions(model, X), "float32")
    assert net.dtype == "float32"


def test_every_layer_of_keras_predicts_the_same(keras):
    layers = keras.layers
    inputs = keras.Input((4,))
    x = layers.Dense(6, activation=layers.LeakyReLU(negative_slope=0.3))(inputs)
    for layer in (
        layers.BatchNormalization(momentum=0.8), layers.ReLU(), layers.Dropout(0.5), layers.LayerNormalization(),
        layers.ReLU(negative_slope=0.1), layers.ELU(0.7), layers.BatchNormalization(scale=False, center=False),
        layers.Identity(), layers.Dense(3), layers.Softmax(),
    ):  # fmt: skip
        x = layer(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(2)
    model.set_weights([w + 0.3 * rng.uniform(size=w.shape) for w in model.get_weights()])
    net = cr.from_keras(model)
    X = rows((20, 4), "float32")
    agree(net.predict(X), keras_predictions(model, X), "float32")
    assert net.loss_function.name == "cross_entropy"
    assert [layer.momentum for layer in net.layers if isinstance(layer, cr.BatchNorm)] == [0.8, 0.99]


def test_an_embedding_of_keras_predicts_the_same(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(7, 2), layers.Flatten(), layers.Dense(1)])
    codes = np.random.default_rng(0).integers(0, 7, (20, 3))
    agree(cr.from_keras(model).predict(codes), keras_predictions(model, codes), "float32")


def test_what_cannot_be_read_from_keras_is_named(keras):
    layers = keras.layers

    def with_layer(layer: Any) -> Any:
        return keras.Sequential([keras.Input((4,)), layers.Dense(4), layer])

    with pytest.raises(cr.ArgumentError, match=r"layer 'mine' \(GaussianNoise\) cannot be read from Keras; what can"):
        cr.from_keras(with_layer(layers.GaussianNoise(0.1, name="mine")))
    with pytest.raises(cr.ArgumentError, match="the activation relu6 of layer"):
        cr.from_keras(with_layer(layers.Activation("relu6")))
    with pytest.raises(cr.ArgumentError, match=r"\(ReLU\) cannot be read from Keras \(with these settings\)"):
        cr.from_keras(with_layer(layers.ReLU(max_value=6)))
    with pytest.raises(cr.ArgumentError, match="does not know its inputs yet"):
        cr.from_keras(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(cr.ArgumentError, match="takes a Keras model made of layers, not int"):
        cr.from_keras(3)
    inputs = keras.Input((4,))
    left = layers.Dense(4)(inputs)
    branched = keras.Model(inputs, layers.Dense(1)(layers.Dense(4)(inputs) + left))
    with pytest.raises(cr.ArgumentError, match=r"(cannot be read|does not read)"):
        cr.from_keras(branched)
