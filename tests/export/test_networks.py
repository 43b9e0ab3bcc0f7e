"""Networks of every layer and activation in every format, against their own predictions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.export import checked
from chainrule.nn.activations import ACTIVATIONS

FORMATS = {"onnx": "net.onnx", "python": "net.py", "numpy": "np_net.py", "jax": "jax_net.py", "torch": "torch_net.py",
           "keras": "keras_net.py", "safetensors": "net"}  # fmt: skip
KERAS_ON_TORCH = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

NETWORKS = {
    "dense": cr.mlp([5, 8, 3], loss="cross_entropy"),
    "no bias, one output": cr.mlp([5, 4, 1], bias=False, loss="binary_cross_entropy"),
    "batch statistics": cr.Network(cr.Dense(6), cr.BatchNorm(), cr.Dense(2), inputs=5),
    "row statistics": cr.Network(cr.Dense(6, "gelu"), cr.LayerNorm(), cr.Dropout(0.5), cr.Dense(2), inputs=5),
    "residual": cr.Network(cr.Residual(cr.Dense(5, "silu")), cr.Dense(1), loss="poisson", inputs=5),
    "codes": cr.Network(cr.Embedding(7, 3), cr.Dense(4, "relu"), cr.Dense(3), loss="cross_entropy", inputs=4),
    "paths": cr.Network(
        cr.Join([cr.Columns(0, 1, 2), cr.Dense(4, "tanh")], [cr.Columns(4, 2), cr.Dense(4, "selu")], how="add"),
        cr.Join(cr.Dense(2), cr.Activation("sin")),
        cr.Join(cr.Dense(3), cr.Dense(3), cr.Dense(3), how="average"),
        cr.Dense(2),
        inputs=5,
    ),
    "images": cr.Network(cr.Flatten(), cr.Dense(2, "elu"), inputs=(3, 2)),
}


class Mixed(cr.Layer):
    """A layer of a user's own."""

    def apply(self, x, build):
        scale = build.parameter("scale", (x.shape[-1],), cr.init.Constant(0.5), penalised=False)
        return cr.where(x > 0, cr.log(1 + x * x), scale * cr.clip(x, -1.0, 0.25))


def trained(net):
    """A network whose parameters and states are nothing special."""
    random = np.random.default_rng(1)
    for place in (net.parameters, net.states):
        for name, values in place.items():
            spread = (
                random.uniform(0.5, 1.5, values.shape) if "variance" in name else random.normal(0, 0.7, values.shape)
            )
            place[name] = spread
    return net


@KERAS_ON_TORCH
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_predicts_the_same(name, format, tmp_path):
    if format in ("jax", "torch", "keras"):
        pytest.importorskip(format)
    exported = trained(NETWORKS[name]).export(tmp_path / FORMATS[format], format)
    assert exported.check is not None
    assert exported.check.rows == 200
    assert exported.check.largest_difference < 2e-6


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "linear"])
@pytest.mark.parametrize("format", ["onnx", "python"])
def test_every_activation_predicts_the_same(activation, format, tmp_path):
    net = trained(cr.mlp([3, 6, 2], hidden=activation))
    assert net.export(tmp_path / FORMATS[format]).check.largest_difference < 2e-6


@pytest.mark.parametrize("format", ["onnx", "python", "numpy", "torch"])
def test_a_layer_of_ones_own_is_exported_as_it_is(format, tmp_path):
    net = trained(cr.Network(cr.Dense(4), Mixed(), cr.Dense(2), inputs=3))
    assert net.export(tmp_path / FORMATS[format], format).check.largest_difference < 2e-6


def test_double_precision_keeps_its_digits(tmp_path):
    net = trained(cr.mlp([3, 8, 2], hidden="gelu", dtype="float64"))
    for format in ("onnx", "python", "numpy", "torch"):
        exported = net.export(tmp_path / FORMATS[format], format)
        assert exported.check.largest_difference < 1e-13


def test_the_largest_difference_stands_in_the_files(tmp_path):
    import onnx

    net = trained(cr.mlp([3, 4, 1]))
    found = net.export(tmp_path / "net.onnx", X=np.eye(3))
    properties = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert float(properties["largest_difference"]) == found.check.largest_difference
    assert properties["rows"] == "3"
    found = net.export(tmp_path / "net.py")
    assert found.check.sentence.split(": ")[1] in " ".join((tmp_path / "net.py").read_text().split())
    net.export(tmp_path / "folder")
    description = json.loads((tmp_path / "folder" / "model.json").read_text())
    assert description["check"]["rows"] == 200


def test_a_file_that_predicts_differently_is_not_kept(tmp_path, monkeypatch):
    net = trained(cr.mlp([3, 4, 1]))
    right = net.predict
    monkeypatch.setattr(net, "predict", lambda X: right(X) * (1 + 3e-5))
    with pytest.raises(ChainruleError, match=r"the onnx file differs from the model by .*nothing was written"):
        net.export(tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_another_class_counts_as_different_unless_two_are_equally_probable():
    expected = {"prediction": np.array(["a", "b"]), "probabilities": np.array([[0.7, 0.3], [0.5, 0.5]])}
    found = expected | {"prediction": np.array(["a", "a"])}
    assert checked.largest_difference(found, expected, 1.0) == 0
    with pytest.raises(ChainruleError, match="row 1 is 'b', not 'a'"):
        checked.largest_difference(expected | {"prediction": np.array(["b", "b"])}, expected, 1.0)


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("net.txt", None, "no ending of a format"),
        ("net.py", "onnx", "should end in .onnx"),
        ("my-net.py", None, "cannot import a file of that name"),
        ("net.onnx", "onxx", "unknown format 'onxx': did you mean 'onnx'"),
        ("nowhere/net.onnx", None, "does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(name, format, message, tmp_path):
    with pytest.raises(ChainruleError, match=message) as error:
        cr.mlp([2, 1]).export(tmp_path / name, format)
    assert "\n" not in str(error.value)


def test_a_framework_that_is_not_installed_is_said_and_the_file_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    exported = cr.mlp([2, 1]).export(tmp_path / "net.py", "torch")
    assert exported.check is None
    assert "not checked, since torch cannot be imported here" in exported.sentence
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ArgumentError, match="pip install onnx"):
        cr.mlp([2, 1]).export(tmp_path / "net.onnx")


def test_the_python_file_runs_without_site_packages(tmp_path):
    net = trained(cr.mlp([2, 3, 2], loss="cross_entropy"))
    net.export(tmp_path / "net.py")
    code = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, sys.argv[1])\n"
    code += "from net import predict; print(predict([0.5, -1.0])); assert 'numpy' not in sys.modules"
    words = [sys.executable, "-I", "-S", "-c", code, str(tmp_path)]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert np.allclose(json.loads(found), net.predict([[0.5, -1.0]])[0], atol=1e-6)


def test_pytorch_gets_linear_layers(tmp_path):
    torch = pytest.importorskip("torch")
    from chainrule.export.python.file import load

    net = trained(cr.Network(cr.Dense(6, "relu"), cr.BatchNorm(), cr.Dense(2), inputs=5))
    net.export(tmp_path / "net.py", "torch")
    module = load(Path(tmp_path / "net.py"))
    assert isinstance(module.model.dense1, torch.nn.Linear)
    assert {name for name, _ in module.model.named_buffers()} == {"mean1", "variance1"}
    assert sum(p.numel() for p in module.model.parameters()) == net.parameters.theta.size
