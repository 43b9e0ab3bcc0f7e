"""Many networks in one program on JAX, against the reference engine."""

import numpy as np
import pytest

import chainrule as cr

jax = pytest.importorskip("jax", reason="pip install 'chainrule[jax]'")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def explored(engine, *layers, **settings):
    net = cr.Network(*layers, loss="binary_cross_entropy", inputs=6, seed=7, dtype="float64")
    return net, net.explore(X, y, starts=3, lr=[0.001, 0.03], epochs=3, batch_size=16, engine=engine, **settings)


@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        ([cr.Dense(3, "tanh"), cr.Dense(1)], cr.SGD(cr.schedules.Cosine(1.0), momentum=0.9, clip_norm=1.0)),
        ([cr.Dense(5, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1)], cr.AdamW()),
    ],
    ids=["plain", "states and masks"],
)
def test_jax_trains_many_networks_as_the_reference_does(layers, optimizer):
    net, found = explored("jax", *layers, optimizer=optimizer)
    reference, wanted = explored("numpy", *layers, optimizer=optimizer)
    np.testing.assert_allclose(found.losses, wanted.losses, rtol=1e-11)
    assert found.best == wanted.best
    np.testing.assert_allclose(net.parameters.theta, reference.parameters.theta, rtol=1e-9, atol=1e-12)
    for name, values in reference.states.items():
        np.testing.assert_allclose(net.states[name], values, rtol=1e-9, atol=1e-12)


def test_networks_that_fail_on_jax_disturb_no_other_until_none_is_left():
    def net():
        return cr.mlp([6, 2, 1], hidden="relu", loss="squared_error", seed=7, dtype="float64")

    settings = {"starts": 2, "epochs": 3, "batch_size": 25, "optimizer": "sgd", "engine": "jax"}
    alone = net().explore(X, y, lr=[0.01], **settings)
    beside = net().explore(X, y, lr=[0.01, 1e300], **settings)
    np.testing.assert_array_equal(np.isfinite(beside.scores), [True, True, False, False])
    np.testing.assert_allclose(beside.losses[:, :2], alone.losses, rtol=1e-12)
    lost = net()
    before = lost.parameters.theta.copy()
    with pytest.raises(cr.NonFiniteError, match="no network has a finite loss in epoch"):
        lost.explore(X, y, lr=[1e300], **settings)
    np.testing.assert_array_equal(lost.parameters.theta, before)


def test_products_that_this_processor_does_not_have_are_refused():
    if jax.default_backend() != "cpu":
        pytest.skip("only processors lack them")
    with pytest.raises(cr.ArgumentError, match="XLA does not multiply the matrices of many networks in bfloat16"):
        cr.mlp([6, 2, 1]).explore(X, y, engine=cr.JaxEngine(products="bfloat16"))
