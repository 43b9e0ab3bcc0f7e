"""The folder of a model that learnt online: the files of any model, and what learning goes on from."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from chainrule.files import write_atomically
from chainrule.online.page import page
from chainrule.online.tables import OnlineTable
from chainrule.storage import write_model
from chainrule.tabular import TableModel, check_folder
from chainrule.tabular.folder import HISTORY, REPORT, fill_folder


def save(table: OnlineTable, folder: str | os.PathLike[str], *, command: str = "", force: bool = False) -> TableModel:
    """Write a stream's model as it is now, as :meth:`chainrule.TableModel.save` does; it can be read as one, too.

    The history has a line for each point of the curve instead of each epoch.

    Args:
        table: what learnt.
        folder: new, empty, or with an earlier model.
        command: that was given, to be kept with the settings.
        force: whether the folder may hold other files.

    Returns:
        The model.
    """
    check_folder(folder, force=force)
    model, record = table.model(), table.record
    if command:
        model.settings["command"] = command
    assert record is not None
    report = page(table, model, record).html
    description = {
        **model.network.to_json(),
        "table": model.encoder.to_json(),
        "results": model.results.to_json(),
        "histories": [asdict(history) for history in model.histories],
        "settings": model.settings,
    }

    def write(place: Path) -> None:
        write_model(place, description, {**model.network.arrays(), **table.slots})
        record.to_csv(place / HISTORY)
        write_atomically(place / REPORT, report.encode())

    fill_folder(folder, write)
    return model
