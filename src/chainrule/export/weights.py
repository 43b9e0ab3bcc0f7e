"""A folder of arrays as safetensors, and everything else as JSON: for programs that read neither Python nor ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.engines.native.expand import expand
from chainrule.engines.numpy import run as run_program
from chainrule.export.checked import Check, Outputs
from chainrule.export.subject import Subject
from chainrule.program import Program
from chainrule.storage import ARRAYS, DESCRIPTION

FORMAT: Final = 1


def render(subject: Subject, stem: str, check: Check | None) -> dict[str, bytes]:
    """The files of a model: its arrays, and a description that says in machine primitives what to compute."""
    from safetensors.numpy import save

    description = {
        "chainrule": __version__,
        "format": FORMAT,
        "predicts": subject.title,
        "inputs": [
            {"name": i.name, "variable": i.variable, "kind": i.kind, "codes": dict(i.codes), "other": i.other}
            for i in subject.inputs
        ],
        "stages": [{"precision": s.precision, "program": expand(s.program).to_json()} for s in subject.stages],
        "classes": list(subject.classes),
        "check": check.to_json() if check else None,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in subject.arrays.items()}
    return {ARRAYS: save(arrays), DESCRIPTION: json.dumps(description, indent=1, ensure_ascii=False).encode()}


def run(path: Path, rows: Mapping[str, NDArray[Any]], subject: Subject) -> Outputs:
    """What the files make of rows, by the NumPy engine: outputs by label."""
    from safetensors.numpy import load_file

    description, arrays = json.loads((path / DESCRIPTION).read_bytes()), load_file(path / ARRAYS)
    known = {taken["variable"]: _codes(rows[taken["name"]], taken) for taken in description["inputs"]}
    for stage in description["stages"]:
        program = Program.from_json(stage["program"])
        values = {v.name: {**arrays, **known}[v.name] for v in program.inputs}
        known = run_program(program, values, stage["precision"])
    if not description["classes"]:
        return known
    best = known["probabilities"].argmax(axis=1)
    return {"prediction": np.array(description["classes"])[best], **known}


def _codes(values: NDArray[Any], taken: Mapping[str, Any]) -> NDArray[Any]:
    if not taken["codes"]:
        return values
    return np.array([taken["codes"].get(text, taken["other"]) for text in values])
