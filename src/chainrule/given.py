"""What a network is given to learn from: rows in memory or a source of them, and those that watch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.jax.processes import check_same, several
from chainrule.engines.protocol import WHOLE, Share
from chainrule.errors import require
from chainrule.running import share_of_rows
from chainrule.training import batch_rows
from chainrule.training.windows import Data, RowsInMemory, Source, Windows

if TYPE_CHECKING:
    from chainrule.fitting import Settings
    from chainrule.network.computing import Computing


@dataclass(frozen=True)
class Given:
    """What to learn from.

    Attributes:
        data: the rows that a run is made for.
        held: rows to watch.
        numbers: which number a row was given as, by its place in the data.
        windows: the rows of an epoch.
        batch_size: rows of a step.
        share: which rows of each window ``data`` has.
    """

    data: Data
    held: Data | None
    numbers: Callable[[], NDArray[np.int64]]
    windows: Windows
    batch_size: int
    share: Share = WHOLE


def given_rows(
    network: Computing,
    X: Any,
    y: Any,
    settings: Settings,
    validation: Any,
    sample_weight: Any,
    seed: int,
    rng: np.random.Generator,
) -> Given:
    """Rows in memory, or a source of them."""
    if isinstance(X, Source):
        return _streamed(network, X, y, settings, validation, sample_weight)
    data, held, numbers = _split(network, network.prepare(X, y, sample_weight), validation, rng)
    rows = len(data["Y"])
    size = batch_rows(settings.batch_size, rows)
    shuffle = settings.shuffle if size < rows else False
    return Given(data, held, lambda: numbers, RowsInMemory(rows, shuffle, seed, data.get("w")), size)


def _streamed(
    network: Computing, source: Source, y: Any, settings: Settings, validation: Any, sample_weight: Any
) -> Given:
    """Rows that are read while the network learns."""
    require(y is None and sample_weight is None, "a stream brings its own targets: leave y and sample_weight out")
    require(settings.shuffle is True, "the rows of a stream are shuffled anew every epoch: leave shuffle out")
    require(settings.batch_size != "all", "a stream has no batch of all rows: give batch_size a number")
    require(
        isinstance(validation, tuple | list) or (validation is None and not settings.metrics),
        "a stream is watched by rows of their own: give validation=(X, y)",
    )
    size = batch_rows(settings.batch_size, source.rows)
    share = share_of_rows(settings.engine)
    windows = source.windows(network.prepare, size, share)
    if several():
        check_same({"stream": np.frombuffer(json.dumps(windows.to_json()).encode(), np.uint8)})
    held = None if validation is None else network.prepare(*validation)
    return Given(windows.data, held, windows.numbers, windows, size, share)


def _split(
    network: Computing, data: Data, validation: Any, rng: np.random.Generator
) -> tuple[Data, Data | None, NDArray[np.int64]]:
    """The training rows, the validation rows if there are any, and the number that each training row was given as."""
    numbers = np.arange(len(data["Y"]))
    if "w" in data and not data["w"].all():  # what weighs nothing changes nothing, not even which rows share a batch
        numbers = np.flatnonzero(data["w"] > 0)
        data = {k: a[numbers] for k, a in data.items()}
    if validation is None:
        return data, None, numbers
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        return data, network.prepare(*validation), numbers
    require(
        isinstance(validation, float) and 0 < validation < 1,
        f"validation is (X, y), (X, y, weights) or a share of the rows between 0 and 1, not {validation!r}",
    )
    rows = len(data["Y"])
    count = round(validation * rows)
    require(0 < count < rows, f"a share of {validation} of {rows} rows leaves training or validation without rows")
    order = rng.permutation(rows)
    kept, held = order[count:], order[:count]
    return {k: a[kept] for k, a in data.items()}, {k: a[held] for k, a in data.items()}, numbers[kept]
