"""Model files: arrays as safetensors, everything else as JSON, with a checksum; never pickle.

A model is one file (``model.chainrule``, with the JSON in its header), or a folder with ``model.safetensors`` and
``model.json``. Files are written whole under another name first, so that a full disk or a power cut leaves the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ModelFileError
from chainrule.files import write_atomically

FORMAT = 1
ARRAYS, DESCRIPTION = "model.safetensors", "model.json"

Arrays = Mapping[str, NDArray[Any]]


def write_model(path: str | Path, description: Mapping[str, Any], arrays: Arrays) -> Path:
    """Write a model to one file, or to a folder if the path is one (or ends in a separator)."""
    target = Path(path)
    if target.is_dir() or str(path).endswith(os.sep):
        from safetensors.numpy import save

        target.mkdir(parents=True, exist_ok=True)
        write_atomically(target / ARRAYS, save(_contiguous(arrays)))
        write_atomically(target / DESCRIPTION, _text(description, arrays).encode())
    else:
        write_file(target, description, arrays)
    return target


def write_file(path: Path, description: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a description and arrays to one file, with a checksum."""
    from safetensors.numpy import save

    write_atomically(path, save(_contiguous(arrays), {"chainrule": _text(description, arrays)}))


def _contiguous(arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(a, order="C") for name, a in arrays.items()}


def _text(description: Mapping[str, Any], arrays: Arrays) -> str:
    """The description as JSON, with the format and the checksum."""
    plain = json.loads(json.dumps({"format": FORMAT, **description}))  # as it will be read: lists for tuples
    return json.dumps({"checksum": checksum(plain, arrays), **plain}, indent=1)


def checksum(description: Mapping[str, Any], arrays: Arrays) -> str:
    """SHA-256 of the description (without the checksum in it) and of names, shapes, types and bytes of arrays.

    One bit makes ``relu`` a ``selu``: the description needs it as much as the arrays.
    """
    rest = {key: value for key, value in description.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.shape} {array.dtype.str}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read_model(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The description and the arrays of a model file or folder.

    Raises:
        ModelFileError: if there is none, or if it is damaged, truncated or not one of ours.
    """
    source = Path(path)
    if not source.exists():
        raise ModelFileError(f"there is no model at {source}: give the file or folder that was saved")
    folder = source.is_dir()
    if folder and not (source / DESCRIPTION).exists():
        raise ModelFileError(f"{source} holds no {DESCRIPTION}: it is not a model folder")
    arrays_file = source / ARRAYS if folder else source
    content = _read_bytes(arrays_file)
    arrays = _parse_arrays(arrays_file, content)
    text = _read_bytes(source / DESCRIPTION) if folder else _header(arrays_file, content)
    return _checked(source, text, arrays, "layers"), arrays


def read_file(path: Path, holds: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The description and the arrays that :func:`write_file` wrote.

    Args:
        path: the file.
        holds: a name that the description has.

    Raises:
        ModelFileError: if it is damaged, truncated or not one of ours.
    """
    content = _read_bytes(path)
    arrays = _parse_arrays(path, content)
    return _checked(path, _header(path, content), arrays, holds), arrays


def _checked(source: Path, text: str | bytes, arrays: Arrays, holds: str) -> dict[str, Any]:
    """The description, if it is whole and has a certain name."""
    try:
        description: dict[str, Any] = json.loads(text)
        ours = isinstance(description, dict) and holds in description and "format" in description
    except (ValueError, RecursionError):
        raise ModelFileError(f"{source}: its description is damaged: it is not JSON") from None
    if not ours:
        raise ModelFileError(f"{source} was not written by chainrule")
    if description["format"] != FORMAT:
        raise ModelFileError(f"{source} has format {description['format']}; this version of chainrule reads {FORMAT}")
    if description.get("checksum") != checksum(description, arrays):
        raise ModelFileError(f"{source} is damaged: its checksum differs")
    return description


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from None


def _parse_arrays(path: Path, content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = load(content)
    except (SafetensorError, ValueError, KeyError):
        raise ModelFileError(
            f"{path} cannot be read as a model or checkpoint: it is truncated or damaged, or no safetensors file"
        ) from None
    return arrays


def _header(path: Path, content: bytes) -> str:
    """The description in the header of a single-file model; its header was parsed before."""
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    if "chainrule" not in metadata:
        raise ModelFileError(f"{path} is a safetensors file, but it was not written by chainrule")
    return str(metadata["chainrule"])
