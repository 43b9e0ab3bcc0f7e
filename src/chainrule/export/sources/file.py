"""A source file and its weights: reading columns, the network, predictions in the table's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.export.checked import Check, Outputs
from chainrule.export.python import cells
from chainrule.export.python.file import load
from chainrule.export.python.texts import columns_text, filled, functions_of
from chainrule.export.sources.networks import (
    NetworkText,
    jax_network,
    keras_network,
    numpy_network,
    numpy_text,
    torch_network,
)
from chainrule.export.subject import Subject


@dataclass(frozen=True)
class Framework:
    """What a source file is written for.

    Attributes:
        title: as people write it.
        imports: what its file imports, besides the standard library.
        network: writes the network.
        call: from its arrays to its output as an array of NumPy, with ``{array}`` for each.
        array: an array as the network takes it.
        decorator: of the function that predicts.
    """

    title: str
    imports: str
    network: Callable[[Subject], NetworkText]
    call: str
    array: str = "{name}"
    decorator: str = ""


_JAX = "import jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom safetensors.numpy import load_file"
_TORCH = (
    "import numpy as np\nimport torch\nimport torch.nn.functional as F\n"
    "from safetensors.torch import load_file\nfrom torch import nn"
)
_KERAS = "import keras\nimport numpy as np\nfrom keras import layers, ops\nfrom safetensors.numpy import load_file"

FRAMEWORKS: Final[dict[str, Framework]] = {
    "numpy": Framework(
        "NumPy",
        "import numpy as np\nfrom safetensors.numpy import load_file",
        numpy_network,
        "{network}({arrays}, **load_file(WEIGHTS))",
    ),
    "jax": Framework("JAX", _JAX, jax_network, "np.asarray({network}({arrays}, **load_file(WEIGHTS)))"),
    "torch": Framework(
        "PyTorch", _TORCH, torch_network, "model({arrays}).numpy()", "torch.from_numpy({name})", "@torch.no_grad()\n"
    ),
    "keras": Framework("Keras 3", _KERAS, keras_network, "ops.convert_to_numpy(model({arrays}))"),
}


def render(subject: Subject, stem: str, check: Check | None, framework: Framework) -> dict[str, bytes]:
    """The files of a model: ``stem.py`` and ``stem.safetensors``."""
    from safetensors.numpy import save

    network = framework.network(subject)
    names = [v.name for v in subject.network.data]
    precision = subject.network.precision
    taken = names if subject.of_table else [f"np.asarray({name}, np.{precision})" for name in names]
    arrays = ", ".join(framework.array.format(name=name) for name in taken)
    columns = columns_text(subject.inputs) if subject.of_table else ""
    table = functions_of(cells, f"{columns} read_csv write_csv") if subject.of_table else ""
    text = filled(
        "source.py.jinja",
        check,
        table,
        subject=subject,
        stem=stem,
        framework=framework,
        cells=table,
        columns=columns,
        classes=list(subject.classes),
        encode=numpy_text(subject.stages[0]),
        network=network.text,
        decode=numpy_text(subject.stages[-1]),
        arguments="table" if subject.of_table else ", ".join(names),
        precision=precision,
        call=framework.call.format(network=subject.network.program.name, arrays=arrays),
    )
    return {f"{stem}.py": text.encode(), f"{stem}.safetensors": save(network.weights)}


def run(path: Path, rows: Mapping[str, NDArray[Any]], subject: Subject) -> Outputs:
    """What the file makes of rows: outputs by label."""
    module = load(path)
    if not subject.of_table:
        return {"prediction": np.asarray(module.predict(*rows.values()))}
    found = module.predict(rows)
    return {label: np.asarray(found[label]) for label in subject.outputs}
