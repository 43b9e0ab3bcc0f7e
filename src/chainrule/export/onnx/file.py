"""ONNX files: the stages of a model one after another, written and run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.data import MISSING
from chainrule.engines.native.expand import expand
from chainrule.export.checked import Check, Outputs
from chainrule.export.onnx.graph import ELEMENTS, Graph
from chainrule.export.onnx.operators import OPERATORS, Place, operator_of
from chainrule.export.preprocessing import Input
from chainrule.export.subject import Stage, Subject
from chainrule.program import Literal, Var

OPSET: Final = 18
ML_OPSET: Final = 3
IR_VERSION: Final = 9
"""The oldest version that has both; onnxruntime reads it since 1.15."""


def render(subject: Subject, stem: str, check: Check | None) -> dict[str, bytes]:
    """The files of a model: one, ``stem.onnx``."""
    import onnx
    from onnx import helper, numpy_helper

    graph = Graph({_name(i) for i in subject.inputs})
    labels = {label: graph.fresh(label) for label in subject.outputs}
    known = {i.variable: _codes(graph, i) if i.codes else _name(i) for i in subject.inputs}
    given = subject.stages[0].precision
    for stage in subject.stages:
        if stage.precision != given:
            known = {label: graph.cast(name, stage.precision) for label, name in known.items()}
        known = _translate(graph, stage, known, subject)
        given = stage.precision
    outputs = _outputs(graph, subject, known, labels)
    made = helper.make_graph(
        graph.nodes,
        "chainrule",
        [_input(i, subject) for i in subject.inputs],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in graph.arrays.items()],
        doc_string=f"Predicts {subject.title}. {check.sentence if check else ''}",
    )
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        made, opset_imports=domains, ir_version=IR_VERSION, producer_name="chainrule", producer_version=__version__
    )
    metadata = {"chainrule": __version__, "classes": json.dumps(list(subject.classes))}
    metadata |= {name: str(value) for name, value in check.to_json().items()} if check else {}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return {f"{stem}.onnx": model.SerializeToString()}


def _name(taken: Input) -> str:
    """The name of an input: its column's, if that has one, since ONNX takes no empty names."""
    return taken.name or taken.variable


def _codes(graph: Graph, taken: Input) -> str:
    """The codes of a column of text; what a file spells as a missing value is one too."""
    spelled = dict.fromkeys(MISSING, taken.codes[""]) | dict(taken.codes)
    if taken.kind == "boolean":
        spelled |= {form(word): code for word, code in taken.codes.items() for form in (str.upper, str.capitalize)}
    return graph.node(
        "LabelEncoder",
        _name(taken),
        name=f"{taken.variable}_code",
        domain="ai.onnx.ml",
        keys_strings=list(spelled),
        values_int64s=list(spelled.values()),
        default_int64=taken.other,
    )


def _translate(graph: Graph, stage: Stage, known: Mapping[str, str], subject: Subject) -> dict[str, str]:
    """The nodes of a stage; its outputs by label, in the graph's names."""
    program = expand(stage.program, lambda operation: operation.primitive or operation.name in OPERATORS)
    names = {v.name: known[v.name] for v in stage.data}
    names |= {v.name: graph.array(subject.arrays[v.name], stage.precision, v.name) for v in stage.arrays}
    place = Place(graph, stage.precision, program, names)
    for equation in program.equations:
        names[equation.target.name] = operator_of(equation)(place, equation)
    return {
        label: graph.constant(atom.value, stage.precision) if isinstance(atom, Literal) else names[atom.name]
        for label, atom in program.outputs
    }


def _input(taken: Input, subject: Subject) -> Any:
    """The declaration of an input: its element type and shape."""
    from onnx import TensorProto, helper

    stage = subject.stages[0]
    if taken.codes:
        return helper.make_tensor_value_info(_name(taken), TensorProto.STRING, ["B"])
    (var,) = (v for v in stage.data if v.name == taken.variable)
    element = helper.np_dtype_to_tensor_dtype(np.dtype(ELEMENTS[stage.precision]))
    return helper.make_tensor_value_info(_name(taken), element, var.shape)


def _outputs(graph: Graph, subject: Subject, known: Mapping[str, str], names: Mapping[str, str]) -> list[Any]:
    """The declarations of the outputs; a class is the one with the highest probability."""
    from onnx import helper

    element = helper.np_dtype_to_tensor_dtype(np.dtype(ELEMENTS[subject.stages[-1].precision]))
    for label, value in known.items():
        graph.rename(value, names[label])
    if not subject.classes:
        last = dict(subject.stages[-1].program.outputs)["prediction"]
        assert isinstance(last, Var)
        return [helper.make_tensor_value_info(names["prediction"], element, last.shape)]
    labels = np.array(subject.classes, dtype=object if isinstance(subject.classes[0], str) else None)
    best = graph.node("ArgMax", known["probabilities"], axis=1, keepdims=0)
    classes = graph.fresh("classes")
    graph.arrays[classes] = labels
    graph.rename(graph.node("Gather", classes, best), names["prediction"])
    kind = helper.np_dtype_to_tensor_dtype(labels.dtype)
    return [
        helper.make_tensor_value_info(names["prediction"], kind, ["B"]),
        helper.make_tensor_value_info(names["probabilities"], element, ["B", len(labels)]),
    ]


def run(path: Path, rows: Mapping[str, NDArray[Any]], subject: Subject) -> Outputs:
    """What onnxruntime makes of rows: outputs by label."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {_name(i): rows[i.name] for i in subject.inputs}
    return dict(zip(subject.outputs, session.run(None, given), strict=True))
