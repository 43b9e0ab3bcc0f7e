"""The folder of a model that learnt online: the files of any model, and what learning goes on from."""

from __future__ import annotations

import os

from chainrule.online.page import page
from chainrule.online.tables import OnlineTable
from chainrule.tabular import TableModel, check_folder
from chainrule.tabular.saving import fill


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
    arrays = {**model.network.arrays(), **table.slots}
    fill(folder, model, arrays, record.to_csv, page(table, model, record).html)
    return model
