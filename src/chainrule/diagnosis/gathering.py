"""Facts are gathered, before training and after it, and the rules look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.diagnosis.chance import bare_loss, levels
from chainrule.diagnosis.columns import ColumnFacts, column_facts
from chainrule.diagnosis.diagnosis import Diagnosis
from chainrule.diagnosis.layers import LayerMeter, sample, series_of
from chainrule.diagnosis.record import HandfulFacts, Record, class_facts, input_facts
from chainrule.diagnosis.rules import findings
from chainrule.errors import NonFiniteError, require
from chainrule.optim import Adam
from chainrule.schedules import Cosine
from chainrule.training import History

if TYPE_CHECKING:
    import polars as pl

    from chainrule.data import TableEncoder
    from chainrule.network import Network

HANDFUL: Final = 8
"""Rows that a network should be able to learn by heart."""
HANDFUL_STEPS: Final = 500
"""Steps that it gets for that."""
HANDFUL_RATE: Final = 0.02
"""The rate of Adam in these steps, which falls to 0."""
LOOKED_AT: Final = 2000
"""Rows by which losses and columns are looked at before and after training."""


def diagnose(
    network: Network,
    X: Any,
    y: Any,
    history: History | Sequence[History] = (),
    *,
    validation: tuple[Any, ...] | None = None,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Diagnosis:
    """What there is to say of a trained network; see :meth:`chainrule.Network.diagnose`."""
    histories = (history,) if isinstance(history, History) else tuple(history)
    data = sample(network.prepare(X, y), LOOKED_AT)
    judged = (X, y) if validation is None else validation[:2]
    recorded = tuple(tuple(each.layers) for each in histories if each.layers)
    epochs = max(map(len, histories), default=0)
    record = Record(
        histories=histories,
        layers=recorded or (tuple(series_of(LayerMeter(network, X, y).measure(), epochs)),),
        inputs=input_facts(network, data, names),
        classes=class_facts(network, *judged, names=classes),
        columns=features_of(data, names),
        loss=bare_loss(network, data),
        levels=levels(network, data["Y"]),
    )
    return Diagnosis("How training went", findings(record))


def preflight(network: Network, X: Any, y: Any, *, names: Sequence[str] | None = None) -> Diagnosis:
    """What there is to say before a network is trained; see :meth:`chainrule.Network.preflight`."""
    network = deepcopy(network)
    data = sample(network.prepare(X, y), LOOKED_AT)
    record = Record(
        layers=(tuple(series_of(LayerMeter(network, X, y).measure(), 0)),),
        inputs=input_facts(network, data, names),
        columns=features_of(data, names),
        loss=bare_loss(network, data),
        levels=levels(network, data["Y"]),
        trained=False,
        handful=handful(network, data),
    )
    return Diagnosis("Before training", findings(record))


def preflight_table(frame: pl.DataFrame, encoder: TableEncoder) -> Diagnosis:
    """What a table's columns tell before a network is trained: row numbers, and columns that give the target away.

    Args:
        frame: the rows to learn from.
        encoder: what was learnt about its columns; those that it leaves out are not looked at.

    >>> import polars as pl
    >>> from chainrule.data import TableEncoder
    >>> table = pl.DataFrame({"customer": range(1001, 1101), "x": [i * i % 7 for i in range(100)]})
    >>> table = table.with_columns(y=pl.col("x") * 2.5 + pl.col("customer") % 10)
    >>> print(preflight_table(table, TableEncoder.learn(table, "y")).findings[0].sentence)
    1 column looks like a number of the rows: customer holds 100 different whole numbers in the order of the rows.
    """
    target = encoder.encode_target(frame)
    classes = len(encoder.target.classes)
    Y = np.eye(classes)[target] if classes else np.asarray(target)[:, None]
    columns = {name: _values(frame[name]) for name in encoder.inputs}
    return Diagnosis("Before training", findings(Record(columns=column_facts(columns, Y))))


def _values(series: pl.Series) -> NDArray[Any]:
    """Numbers, as they are; text and dates as text and days."""
    if series.dtype.is_temporal():
        series = series.to_physical()
    return series.to_numpy() if series.dtype.is_numeric() else np.array(series.to_list(), dtype=object)


def features_of(data: Mapping[str, NDArray[Any]], names: Sequence[str] | None) -> tuple[ColumnFacts, ...]:
    """Facts about the features of rows that are arrays, by name or number."""
    columns: dict[str, NDArray[Any]] = {}
    for name, array in data.items():
        if name in ("Y", "w") or array.ndim != 2:
            continue
        require(
            names is None or len(names) == array.shape[1],
            f"names gives {len(names or ())} names for {array.shape[1]} features of {name}: one for each is needed",
        )
        for j, column in enumerate(array.T):
            columns[names[j] if names else f"{name}[:, {j}]"] = column
    return column_facts(columns, data["Y"])


def handful(network: Network, data: Mapping[str, NDArray[Any]]) -> HandfulFacts | None:
    """Train a copy of a network on a few rows alone, of which not all have the same target."""
    Y = data["Y"]
    different = np.unique(Y, axis=0, return_index=True)[1]
    rows = np.unique(np.concatenate([different[:2], np.linspace(0, len(Y) - 1, HANDFUL - 2).round().astype(int)]))
    between = levels(network, Y[rows])
    if between is None:
        return None
    few = {name: a[rows] for name, a in data.items() if name not in ("Y", "w")}
    copy = deepcopy(network)
    optimizer = Adam(Cosine(HANDFUL_RATE))
    with suppress(NonFiniteError):  # the parameters are those from before, and their loss tells
        copy.fit(few, Y[rows], epochs=HANDFUL_STEPS, batch_size="all", optimizer=optimizer, engine="numpy")
    return HandfulFacts(len(rows), bare_loss(copy, {**few, "Y": Y[rows]}), between)
