"""Checks of programs, networks and operations: what holds, what does not, and what a certificate says."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr

ROWS = np.random.default_rng(3).normal(size=(4, 3))


def entries(certificate):
    return {entry.name: entry for entry in certificate}


def scaled(factor, slope):
    """``factor x^2``, with a rule that claims the slope."""
    return cr.Operation(
        "scaled",
        ("x",),
        lambda x: x,
        *[cr.Spelling("scaled({x})", helper=True)] * 3,
        expansion=lambda x: factor * x * x,
        vjp=lambda g, y, x: (g * slope(x),),
        analytic=True,
    )


def test_measured_slopes_are_those_of_closed_forms():
    x, w, b = cr.symbols("x w b")
    certificate = cr.check(cr.derive(cr.tanh(w * x + b)), x=2.0, w=-1.0, b=0.5)
    slope = 1 / np.cosh(-1.5) ** 2
    for name, expected in {"x": -slope, "w": 2 * slope, "b": slope}.items():
        assert entries(certificate)[name].measured == pytest.approx(expected, rel=1e-15)
    assert certificate
    assert certificate.failures == ()
    assert certificate.value == np.tanh(-1.5)


def test_measured_slopes_of_a_network_are_those_of_torch():
    torch = pytest.importorskip("torch")
    net = cr.mlp([3, 5, 4, 2], hidden="tanh", loss="squared_error", dtype="float64")
    y = ROWS[:, :2]
    certificate = net.check(ROWS, y)
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in net.parameters.items()}
    h = torch.tensor(ROWS)
    for layer in (1, 2, 3):
        z = h @ tensors[f"W{layer}"] + tensors[f"b{layer}"]
        h = torch.tanh(z) if layer < 3 else z
    ((h - torch.tensor(y)) ** 2).sum(1).mean().backward()
    for comparison in certificate.comparisons:
        np.testing.assert_allclose(comparison.measured, tensors[comparison.name].grad.numpy().ravel(), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-60, 1e-8, 1.0, 1e8])
@pytest.mark.parametrize("error", [1e-6, 1e-3, 1.0, -2.0])
def test_wrong_derivatives_of_every_size_are_rejected(scale, error):
    x = cr.symbols("x")
    right, wrong = (cr.derive(scaled(scale, lambda x, f=f: f * 2 * scale * x)(x)) for f in (1.0, 1 + error))
    assert cr.check(right, x=0.7)
    assert not cr.check(wrong, x=0.7)


def test_a_wrong_derivative_of_1e_8_beside_large_ones_is_rejected():
    x, w = cr.symbols("x w")
    small = scaled(1e-8, lambda x: -10e-8 * x)
    certificate = cr.check(cr.derive(small(x) + w**3), x=0.5, w=10.0)
    assert [f.name for f in certificate.failures] == ["x"]
    assert certificate.failures[0].measured == pytest.approx(1e-8, rel=1e-12)


def test_a_derivative_that_cancels_is_held_against_what_was_added_up():
    """1e8 (1 + x) - 1e8 (1 + x) + x has the slope 1, of which a program may lose 8 digits."""
    x = cr.symbols("x")
    f = 1e8 * cr.tanh(x) - 1e8 * cr.sin(cr.tanh(x) * 1.0) / cr.cos(x * 0.0) + 1e-3 * x
    certificate = cr.check(cr.derive(f), x=1e-5)
    entry = entries(certificate)["x"]
    assert certificate
    assert entry.allowed == pytest.approx(64 * 2.0**-52, rel=1e-6)


def test_float32_networks_are_checked_in_float64():
    net = cr.mlp([3, 8, 1], hidden="gelu", loss="binary_cross_entropy", dtype="float32")
    before = net.parameters.theta.copy()
    certificate = net.check(ROWS, [0, 1, 1, 0])
    assert certificate
    assert certificate.max_error < 1e-14
    assert np.array_equal(net.parameters.theta, before)
    assert net.parameters.theta.dtype == np.float32


KINKS = {
    "relu": (lambda x: cr.relu(x), 0.0, (0, 1, 0)),
    "abs": (lambda x: cr.abs(x), 0.0, (-1, 1, 0)),
    "the maximum of a value with itself": (lambda x: cr.maximum(x, x), 1.5, (1, 1, 1)),
    "a tie of a maximum": (lambda x: cr.maximum(x, 2.0), 2.0, (0, 1, 0.5)),
    "leaky relu": (lambda x: cr.leaky_relu(3 * x), 0.0, (0.03, 3, 0.03)),
    "elu": (lambda x: cr.elu(x, 0.5), 0.0, (0.5, 1, 0.5)),
    "a lower bound": (lambda x: cr.clip(x, -1.0, 1.0), -1.0, (0, 1, 1)),
    "an upper bound": (lambda x: cr.hard_tanh(2 * x), 0.5, (2, 0, 0)),
    "a jump": (lambda x: cr.floor(x) + x, 1.0, (1, 1, 1)),
    "the largest of two": (lambda x: cr.concatenate(x.reshape(1), 2 * x.reshape(1)).max(), 0.0, (1, 2, 1.5)),
}  # fmt: skip


@pytest.mark.parametrize("kink", KINKS)
def test_at_kinks_the_documented_choice_between_the_sides_holds(kink):
    function, point, (left, right, chosen) = KINKS[kink]
    certificate = cr.check(cr.derive(function(cr.symbols("x"))), x=point)
    entry = entries(certificate)["x"]
    assert certificate
    assert (entry.left, entry.right, entry.claimed) == pytest.approx((left, right, chosen), rel=1e-14)


@pytest.mark.parametrize("slope", [0.25, 1.0, -0.5, 1.5])
def test_at_a_kink_another_choice_is_rejected(slope):
    """The record states 0; between the sides or not."""
    wrong = cr.operations["relu"]
    changed = {name: getattr(wrong, name) for name in wrong.__dataclass_fields__}
    changed["vjp"] = lambda g, y, x: (g * cr.where(cr.equal(x, 0.0), slope, 1.0 * (x > 0)),)
    relu, x = cr.Operation(**changed), cr.symbols("x")
    assert cr.check(cr.derive(relu(x)), x=1.0)
    assert not cr.check(cr.derive(relu(x)), x=0.0)


def test_a_derivative_that_is_no_slope_on_any_side_is_rejected():
    """The branch taken at 0 has the slope 5, the function the slope 1."""
    x = cr.symbols("x")
    f = cr.where(cr.equal(x, 0.0), 5 * x, x)
    assert cr.check(cr.derive(f), x=1.0)
    assert not cr.check(cr.derive(f), x=0.0)


def test_a_row_of_zeros_lies_on_the_kinks_of_every_unit():
    net = cr.mlp([3, 6, 5, 2], hidden="relu", loss="cross_entropy")
    certificate = net.check(np.vstack([np.zeros(3), ROWS]), [0, 1, 1, 0, 1])
    assert certificate
    assert "documented" in certificate.text


def test_where_several_kinks_meet_each_has_its_documented_slope():
    """relu(x) - relu(-x) is x, and the documented slopes make 0 of it; the certificate says so."""
    x = cr.symbols("x")
    certificate = cr.check(cr.derive(cr.relu(x) - cr.relu(-x)), x=0.0)
    assert (entries(certificate)["x"].left, entries(certificate)["x"].right) == (1.0, 1.0)
    assert entries(certificate)["x"].claimed == 0.0
    assert "several kinks at once" in certificate.text


def test_dropout_masks_and_batch_statistics_are_held_fixed():
    net = cr.Network(cr.Dense(8, "tanh"), cr.Dropout(0.5), cr.BatchNorm(), cr.Dense(1), inputs=3)
    certificate = net.check(ROWS, ROWS[:, 0], training=True)
    assert certificate
    assert certificate.value != net.check(ROWS, ROWS[:, 0]).value


def test_second_derivatives_embeddings_and_values_held_constant():
    x, table = cr.symbols("x"), cr.symbols("table", shape=(3, 2))
    assert cr.check(cr.derive(cr.derive(cr.sin(x) * x, "x"), output="dx"), x=0.3)
    codes = cr.symbols("codes", shape=("B",), dtype="int")
    program = cr.derive((cr.take(table, codes) ** 3).sum() + (x * cr.stop_gradient(x)))
    certificate = cr.check(program, x=3.0, table=np.arange(6.0).reshape(3, 2), codes=[2, 2, 0])
    assert certificate
    assert entries(certificate)["x"].measured == 3.0
    assert entries(certificate)["table[2,1]"].measured == 2 * 3 * 25.0


def test_operations_of_your_own_in_numpy_are_measured_by_differences():
    def record(rule):
        text = "np.abs({x}) ** 1.5"
        spelling = cr.Spelling(text, 40)
        return cr.Operation("rough", ("x",), lambda x: x, spelling, spelling, spelling, vjp=rule)

    right = record(lambda g, y, x: (1.5 * g * cr.sign(x) * cr.sqrt(cr.abs(x)),))
    wrong = record(lambda g, y, x: (1.501 * g * cr.sign(x) * cr.sqrt(cr.abs(x)),))
    x = cr.symbols("x", shape=(3,))
    values = {"x": [-1.2, 0.4, 3.0]}
    certificate = cr.check(cr.derive(cr.sum(right(x))), **values)
    assert certificate
    assert "central differences" in certificate.text
    assert not cr.check(cr.derive(cr.sum(wrong(x))), **values)
    assert certificate.to_json()["statement"] is None


def test_a_large_network_is_sampled_evenly():
    net = cr.mlp([30, 40, 3], hidden="tanh")
    certificate = net.check(np.ones((2, 30)), np.ones((2, 3)), elements=100)
    checked = {c.name: c.elements.size for c in certificate.comparisons}
    assert checked == {"W1": 32, "b1": 33, "W2": 32, "b2": 3}
    assert certificate.checked == 100
    assert certificate.total == net.parameters.theta.size
    assert net.check(np.ones((2, 30)), np.ones((2, 3)), elements="all").checked == net.parameters.theta.size


def test_every_number_is_in_the_json():
    x, w = cr.symbols("x w")
    certificate = cr.check(cr.derive(cr.exp(x * w)), x=0.5, w=2.0)
    record = json.loads(json.dumps(certificate.to_json(), allow_nan=False))
    assert record["holds"] is True
    assert [c["name"] for c in record["comparisons"]] == ["x", "w"]
    assert record["comparisons"][0]["claimed"] == [pytest.approx(2 * np.e, rel=1e-15)]
    assert record["comparisons"][0]["step"] == 1e-200
    assert record["statement"]["values"] == {"x": 0.5, "w": 2.0}


def test_a_certificate_is_readable_everywhere(tmp_path):
    x = cr.symbols("x")
    certificate = cr.check(cr.derive(x * x), x=3.0)
    assert "1 derivative of a value of 9 checked: all hold." in str(certificate)
    assert "<table" in certificate._repr_html_()
    for name in ("c.html", "c.tex", "c.txt", "c.json"):
        assert certificate.save(tmp_path / name).stat().st_size > 500


@pytest.mark.parametrize("name", ["tanh", "relu", "maximum", "matmul", "softmax", "take", "leaky_relu"])
def test_operations_of_the_package_hold(name):
    certificate = cr.check(cr.operations[name])
    assert certificate
    assert certificate.total > 3


MISUSE = {
    "a program without derivatives": (lambda: cr.check(cr.mlp([2, 1]).program("loss")), "cr.derive"),
    "a value in order": (lambda: cr.check(cr.derive(cr.symbols("x") ** 2), 2.0), "by name"),
    "an unknown input": (lambda: cr.check(cr.derive(cr.symbols("x") ** 2), y=2.0), "'y'"),
    "something else": (lambda: cr.check(3.0), "a derived program, an operation, or two functions"),
    "one function": (lambda: cr.check(lambda x: x, x=1.0), "two functions"),
    "an operation with values": (lambda: cr.check(cr.tanh, x=1.0), "takes no values"),
    "an operation without a derivative": (lambda: cr.check(cr.less), "less has no derivative"),
    "a loss that is infinite": (lambda: cr.check(cr.derive(cr.log(cr.symbols("x"))), x=0.0), "-inf"),
    "no element": (lambda: cr.check(cr.derive(cr.symbols("x") ** 2), x=1.0, elements=0), "elements"),
}


@pytest.mark.parametrize("misuse", MISUSE)
def test_misuse_gets_one_clear_error(misuse):
    call, words = MISUSE[misuse]
    with pytest.raises(cr.ChainruleError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
