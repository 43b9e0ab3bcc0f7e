"""A table's model as the files of its folder, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from chainrule.data import TableEncoder
from chainrule.errors import ChainruleError, ModelFileError
from chainrule.files import write_atomically
from chainrule.judging import results_from_json
from chainrule.network import network_from
from chainrule.storage import read_model, write_model
from chainrule.tabular.folder import HISTORY, REPORT, check_folder, fill_folder
from chainrule.tabular.parts import check_fit
from chainrule.training import History
from chainrule.training.history import write_histories

if TYPE_CHECKING:
    from chainrule.tabular.model import TableModel


def write_model_folder(model: TableModel, folder: str | os.PathLike[str], *, force: bool) -> None:
    """Write all files, or none; see :meth:`TableModel.save`."""
    from chainrule.report import render

    check_folder(folder, force=force)
    history = partial(write_histories, histories=model.histories)
    fill(folder, model, model.network.arrays(), history, render(model))


def fill(
    folder: str | os.PathLike[str],
    model: TableModel,
    arrays: Mapping[str, NDArray[Any]],
    write_history: Callable[[Path], None],
    report: str,
) -> None:
    """Write the four files of a model, or none, to a folder that may be used.

    Args:
        folder: where to.
        model: what is described.
        arrays: parameters, running states, and what else is kept.
        write_history: writes the file of the history.
        report: the page.
    """
    description = {
        **model.network.to_json(),
        "table": model.encoder.to_json(),
        "results": model.results.to_json(),
        "histories": [asdict(history) for history in model.histories],
        "settings": model.settings,
    }

    def write(place: Path) -> None:
        write_model(place, description, arrays)
        write_history(place / HISTORY)
        write_atomically(place / REPORT, report.encode())

    fill_folder(folder, write)


def read_model_folder(folder: Path) -> dict[str, Any]:
    """What a :class:`TableModel` is made of, by the names of its attributes; see :meth:`TableModel.load`."""
    description, arrays = read_model(folder)
    if "table" not in description:
        raise ModelFileError(
            f"{folder} holds a network without a table; read it with chainrule.load, "
            "or make one with a table by chainrule train"
        )
    try:
        network = network_from(description, arrays, folder)
        encoder = TableEncoder.from_json(description["table"])
        check_fit(network, encoder)
        return {
            "network": network,
            "encoder": encoder,
            "histories": tuple(History(**record) for record in _objects(description, "histories")),
            "results": results_from_json(description.get("results")),
            "settings": _object(description, "settings"),
        }
    except (ChainruleError, ValueError, TypeError) as error:
        raise ModelFileError(f"{folder} is damaged: {error}") from None


def _objects(description: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    values = description.get(key)
    if not isinstance(values, list) or not values or not all(isinstance(value, dict) for value in values):
        raise ModelFileError(f"{key!r} is not a list of objects")
    return values


def _object(description: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = description.get(key)
    if not isinstance(value, dict):
        raise ModelFileError(f"{key!r} is not an object")
    return value
