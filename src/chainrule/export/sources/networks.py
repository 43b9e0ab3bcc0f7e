"""The network of a source file: a function over NumPy or JAX, a module of PyTorch, a model of Keras."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.expand import expand
from chainrule.errors import ArgumentError
from chainrule.export.python.moves import flat
from chainrule.export.sources.dialects import keras_spellings, torch_spellings
from chainrule.export.sources.layers import CALL, FrameworkLayer, with_layers
from chainrule.export.subject import Stage, Subject
from chainrule.expression import Operation, Spelling
from chainrule.program import Var
from chainrule.show.layout import Language, lay_out
from chainrule.show.python import PYTHON, function_text, to_python


@dataclass(frozen=True)
class NetworkText:
    """A network as a source file has it.

    Attributes:
        text: its definition, and how it gets its weights.
        weights: what lies in the file beside it, by the names that the text uses.
    """

    text: str
    weights: dict[str, NDArray[Any]]


def numpy_text(stage: Stage) -> str:
    """A program as a function over NumPy, after the functions that it calls."""
    return re.sub(r"\bdtype\b", f"np.{stage.precision}", to_python(stage.program, helpers=True))


def numpy_network(subject: Subject) -> NetworkText:
    """The function that the NumPy engine executes."""
    return NetworkText(numpy_text(subject.network), _arrays(subject))


def jax_network(subject: Subject) -> NetworkText:
    """The same function over ``jax.numpy``, compiled."""
    text = re.sub(r"\bnp\.", "jnp.", numpy_text(subject.network)).replace("jnp.int64", "jnp.int32")
    name = subject.network.program.name
    return NetworkText(text.replace(f"def {name}(", f"@jax.jit\ndef {name}("), _arrays(subject))


def _arrays(subject: Subject) -> dict[str, NDArray[Any]]:
    return {v.name: np.ascontiguousarray(subject.arrays[v.name]) for v in subject.network.arrays}


def torch_network(subject: Subject) -> NetworkText:
    """A module whose dense layers are ``nn.Linear``."""
    stage = subject.network
    method, layers, others = _method(stage, torch_spellings(), "forward", f"torch.{stage.precision}")
    rows = [f"self.{layer.name} = {_torch_layer(layer)}" for layer in layers]
    rows += [_torch_array(var) for var in others]
    weights = {v.name: subject.arrays[v.name] for v in others}
    for layer in layers:
        matrix = subject.arrays[layer.weight.name]
        weights[f"{layer.name}.weight"] = matrix.T if layer.kind == "dense" else matrix
        if layer.bias is not None:
            weights[f"{layer.name}.bias"] = subject.arrays[layer.bias.name]
    made = "Network()" if stage.precision == "float32" else "Network().double()"
    loaded = f"model = {made}\nmodel.load_state_dict(load_file(WEIGHTS))\nmodel.eval()\n"
    text = _class("nn.Module", rows, method) + "\n\n" + loaded
    return NetworkText(text, {name: np.ascontiguousarray(array) for name, array in weights.items()})


def _torch_layer(layer: FrameworkLayer) -> str:
    first, second = layer.sizes
    if layer.kind == "embedding":
        return f"nn.Embedding({first}, {second})"
    return f"nn.Linear({first}, {second}{'' if layer.bias is not None else ', bias=False'})"


def _torch_array(var: Var) -> str:
    empty = f"torch.empty({', '.join(map(str, var.shape)) or '()'})"
    if var.role == "parameter":
        return f"self.{var.name} = nn.Parameter({empty})"
    return f'self.register_buffer("{var.name}", {empty})'


def keras_network(subject: Subject) -> NetworkText:
    """A model whose dense layers are ``layers.Dense``."""
    stage = subject.network
    method, found, others = _method(stage, keras_spellings(), "call", f'"{stage.precision}"')
    rows = [f"self.{layer.name} = {_keras_layer(layer)}" for layer in found]
    rows += [f'self.{v.name} = self.add_weight(shape={v.shape}, name="{v.name}"{_trained(v)})' for v in others]
    weights = {v.name: subject.arrays[v.name] for v in others}
    for layer in found:
        weights[f"{layer.name}.{'kernel' if layer.kind == 'dense' else 'embeddings'}"] = subject.arrays[
            layer.weight.name
        ]
        if layer.bias is not None:
            weights[f"{layer.name}.bias"] = subject.arrays[layer.bias.name]
    example = ", ".join(f"np.zeros({flat(v.shape)})" for v in stage.data)
    precision = "" if stage.precision == "float32" else f'keras.config.set_floatx("{stage.precision}")\n\n\n'
    text = precision + _class("keras.Model", rows, method) + "\n\n" + _KERAS_LOADING.format(example=example)
    return NetworkText(text, {name: np.ascontiguousarray(array) for name, array in weights.items()})


_KERAS_LOADING = """\
model = Network()
model({example})  # the layers learn their shapes
for name, values in load_file(WEIGHTS).items():
    owner, _, attribute = name.rpartition(".")
    getattr(getattr(model, owner) if owner else model, attribute).assign(values)
"""


def _keras_layer(layer: FrameworkLayer) -> str:
    first, second = layer.sizes
    if layer.kind == "embedding":
        return f"layers.Embedding({first}, {second})"
    return f"layers.Dense({second}{'' if layer.bias is not None else ', use_bias=False'})"


def _trained(var: Var) -> str:
    return "" if var.role == "parameter" else ", trainable=False"


def _class(base: str, rows: list[str], method: str) -> str:
    made = ["class Network(" + base + "):", "    def __init__(self):", "        super().__init__()"]
    made += [f"        {row}" for row in rows]
    return "\n".join([*made, "", method])


def _method(
    stage: Stage, spellings: Mapping[str, Spelling], name: str, dtype: str
) -> tuple[str, tuple[FrameworkLayer, ...], tuple[Var, ...]]:
    """The method that computes the prediction, its layers, and its other parameters and states."""

    def spelling(operation: Operation) -> Spelling:
        if operation is CALL:
            return CALL.python
        if operation.name not in spellings:
            raise ArgumentError(f"{operation.name} has no form in this language: choose --onnx, --python or --numpy")
        return spellings[operation.name]

    def named(shown: str, var: Var) -> str:
        return f"self.{shown}" if var.role in ("parameter", "state") else shown

    expanded = expand(stage.program, lambda operation: operation.primitive or operation.name in spellings)
    program, layers = with_layers(expanded)
    others = tuple(v for v in program.inputs if v.role in ("parameter", "state"))
    header = f"def {name}(self, {', '.join(v.name for v in stage.data)}):"
    layout = lay_out(program, Language(named, PYTHON.number, spelling))
    text = re.sub(r"\bdtype\b", dtype, function_text(program, layout, header))
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True)), layers, others
