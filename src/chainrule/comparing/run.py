"""``compare``: the same steps in several libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import perf_counter
from typing import Any, Final, Literal

import numpy as np

from chainrule.comparing.comparison import Beside, Comparison, Gap, gaps_between
from chainrule.comparing.ours import Native, Printed, Twin
from chainrule.comparing.task import Array, LeftOut, Peer, Task, in_precision
from chainrule.engines.numpy import FLOAT_TYPES
from chainrule.errors import ArgumentError, require, unknown_name, whole_number
from chainrule.network import Network
from chainrule.nn import Dropout
from chainrule.optim import LBFGS, Optimizer, optimizer_of
from chainrule.running import full_batches
from chainrule.training import batch_rows

TWINS: Final = 3
"""Runs here with other rounding, by which the reach of rounding is judged."""
ALLOWED: Final = 64
"""How many times the difference of such a twin another library may differ."""

Weights = dict[str, Array]


@dataclass(frozen=True)
class Library:
    """How to get at a library.

    Attributes:
        packages: what must be installed.
        start: makes a peer for a task.
    """

    packages: tuple[str, ...]
    start: Callable[[Task], Peer]


def _sklearn(task: Task) -> Peer:
    from chainrule.comparing.scikit_learn import ScikitLearn

    return ScikitLearn(task)


def _torch(task: Task) -> Peer:
    from chainrule.comparing.pytorch import PyTorch

    return PyTorch(task)


def _keras(task: Task) -> Peer:
    from chainrule.comparing.keras import Keras

    return Keras(task)


def _jax(task: Task) -> Peer:
    from chainrule.comparing.jax import Jax

    return Jax(task)


PEERS: Final[Mapping[str, Library]] = {
    "native": Library((), Native),
    "sklearn": Library(("sklearn",), _sklearn),
    "torch": Library(("torch",), _torch),
    "keras": Library(("keras",), _keras),
    "jax": Library(("jax", "optax"), _jax),
}
_INSTALLED_AS: Final = {"sklearn": "scikit-learn"}


def compare(
    net: Network,
    X: Any,
    y: Any,
    *,
    peers: Sequence[str] = tuple(PEERS),
    optimizer: Optimizer | str = "adam",
    batch_size: int | Literal["all"] = 32,
    steps: Sequence[int] = (1, 10, 100),
    seed: int = 0,
    dtype: str = "float64",
) -> Comparison:
    """Train a network in other libraries too, from the same weights on the same rows, and see how far it is the same.

    Each library gets the network's layers as its own, the weights as they are, and in each step the same rows; the
    network itself stays as it is. Where a library defines something in another way and no setting of it gives ours,
    the same steps are made here with its definition as well, so that what remains is rounding. How far rounding can
    reach is measured: runs here that differ in nothing but rounding (the rows of a batch in another order, each
    parameter off by one unit in the last place after each step) drift apart, and a library may differ by 64 times
    the largest of their differences so far.

    Args:
        net: layers that follow one another: Dense, Activation, BatchNorm, LayerNorm, Flatten, an Embedding first.
        X: features, as for :meth:`chainrule.Network.fit`.
        y: targets, as for :meth:`chainrule.Network.fit`.
        peers: which of ``"sklearn"``, ``"torch"``, ``"keras"``, ``"jax"``, and ``"native"``, the native engine here.
        optimizer: with a learning rate that stays the same, and without clipping.
        batch_size: rows in a step, or ``"all"``. Every batch is full: rows are taken round and round.
        steps: after how many steps parameters are compared.
        seed: of the order of rows.
        dtype: the precision; in ``"float32"`` rounding reaches further.

    Returns:
        The comparison: true if rounding explains every difference. Seconds are those of this one run, in which the
        libraries take turns step by step: no benchmark.

    Raises:
        ArgumentError: for what no library can do in the same way, dropout or a schedule.
        NonFiniteError: when the loss becomes infinite or undefined.
        UnknownNameError: for a peer that is none; the message gives the nearest.

    >>> import chainrule as cr
    >>> net = cr.mlp([2, 4, 1], loss="half_squared_error", seed=1)
    >>> X = [[0.0, 1.0], [1.0, 0.5], [0.5, 2.0], [1.0, 1.0]]
    >>> found = cr.compare(net, X, [1.0, 2.0, 0.0, 1.0], peers=["native"], batch_size=2, steps=[1, 5])
    >>> bool(found), [peer.name for peer in found.peers]
    (True, ['chainrule, native engine'])
    """
    for name in peers:
        if name not in PEERS:
            raise unknown_name("peer", name, PEERS)
    chosen = optimizer_of(optimizer)
    marks = tuple(sorted({whole_number("each of the steps", s, 1) for s in steps}))
    require(len(marks) > 0, "steps must hold at least one number of steps, as in steps=[1, 10, 100]")
    if dtype not in FLOAT_TYPES:
        raise unknown_name("dtype", dtype, FLOAT_TYPES)
    task = _task(net, X, y, chosen, batch_size, marks[-1], seed, dtype)
    taking_part, left_out = started(task, peers)
    here = Record(Printed(task))
    records = [Record(peer) for peer in taking_part]
    for number, rows in enumerate(task.batches, 1):
        for record in (here, *records):
            record.step(rows, looked_at=number in marks)
    bounds = _Bounds(marks)
    beside = [_beside(record, task, here, bounds) for record in records]
    return Comparison(
        network=_words(net),
        optimizer=chosen.to_json(),
        rows=len(task.X),
        batch_size=task.rows,
        steps=marks,
        dtype=dtype,
        losses=tuple(here.losses),
        first_second=here.seconds[0],
        seconds=here.further,
        peers=tuple(beside),
        left_out=left_out,
    )


def _task(
    net: Network, X: Any, y: Any, optimizer: Optimizer, batch_size: Any, steps: int, seed: int, dtype: str
) -> Task:
    name = type(optimizer).__name__
    require(not isinstance(optimizer, LBFGS), "LBFGS searches along lines, each library in its own way: compare others")
    require(
        isinstance(optimizer.lr, int | float),
        f"libraries change their learning rates in their own ways: give {name} a number in the place of a schedule",
    )
    require(
        optimizer.clip_norm is None and optimizer.clip_value is None,
        f"libraries clip gradients in their own ways: give {name} without clip_norm and clip_value",
    )
    net.prepare_inputs(X)
    if any(isinstance(layer, Dropout) and layer.rate > 0 for layer in net.layers):
        raise ArgumentError("each library draws masks of its own for Dropout: compare the network without it")
    require(len(net.model.inputs) == 1, "only networks with one input can be compared")
    network = in_precision(net, dtype)
    data = network.prepare(X, y)
    features = data[network.model.inputs[0][0]]
    size = batch_rows(batch_size, len(features))
    return Task(network, optimizer, features, data["Y"], _batches(len(features), size, steps, seed))


def _batches(rows: int, size: int, steps: int, seed: int) -> list[Array]:
    """The row numbers of each step, all batches full: shuffled rows, taken round and round."""
    return list(full_batches(rows, size, steps, np.random.default_rng(seed)).reshape(steps, size))


def started(task: Task, names: Sequence[str]) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can take part, and why others cannot."""
    found: list[Peer] = []
    left_out = {}
    for name in dict.fromkeys(names):
        absent = [_INSTALLED_AS.get(p, p) for p in PEERS[name].packages if find_spec(p) is None]
        if absent:
            left_out[name] = f"{' and '.join(absent)} not installed: pip install {' '.join(absent)}"
            continue
        try:
            found.append(PEERS[name].start(task))
        except LeftOut as reason:
            left_out[name] = str(reason)
    return found, left_out


@dataclass
class Record:
    """A peer at work, and what is kept of it."""

    peer: Peer
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)

    def step(self, rows: Array, *, looked_at: bool) -> None:
        """One step; its weights are kept where they are looked at."""
        start = perf_counter()
        loss = self.peer.step(rows)
        self.seconds.append(perf_counter() - start)
        self.losses.append(loss)
        if looked_at:
            self.weights.append(self.peer.weights())

    @property
    def further(self) -> float:
        """Seconds of a step but the first."""
        return float(np.mean(self.seconds[1:])) if len(self.seconds) > 1 else self.seconds[0]


class _Bounds:
    """How far rounding reaches, for each task: the largest difference of twins so far, times what is allowed."""

    def __init__(self, marks: Sequence[int]) -> None:
        self.marks = marks
        self.known: list[tuple[Task, Record, list[dict[str, float]]]] = []

    def of(self, task: Task) -> tuple[Record, list[dict[str, float]]]:
        """A run of the task here, and the bound of each parameter after the steps looked at."""
        for known, here, bounds in self.known:
            if known.same_as(task):
                return here, bounds
        here, twins = Record(Printed(task)), [Record(Twin(task, seed)) for seed in range(TWINS)]
        bounds, reach = [], dict.fromkeys(task.network.parameters, 0.0)
        for number, rows in enumerate(task.batches, 1):
            for record in (here, *twins):
                record.step(rows, looked_at=number in self.marks)
            if number in self.marks:
                for twin in twins:
                    for gap in gaps_between(here.weights[-1], twin.weights[-1], number, reach):
                        reach[gap.parameter] = max(reach[gap.parameter], ALLOWED * gap.absolute)
                bounds.append(dict(reach))
        self.known.append((task, here, bounds))
        return here, bounds


def _beside(record: Record, task: Task, here: Record, bounds: _Bounds) -> Beside:
    """What is told of a peer."""
    peer = record.peer

    def gaps(side: Task) -> tuple[Gap, ...]:
        own, limits = bounds.of(side)
        pairs = zip(bounds.marks, own.weights, record.weights, limits, strict=True)
        return tuple(gap for step, a, b, limit in pairs for gap in gaps_between(a, b, step, limit))

    stated = gaps(task)
    return Beside(
        name=peer.name,
        definitions=tuple(peer.definitions),
        gaps=stated if peer.theirs is task else gaps(peer.theirs),
        stated=stated,
        losses=tuple(record.losses),
        first_second=record.seconds[0],
        seconds=record.further,
    )


def _words(net: Network) -> str:
    """The network in a line."""
    layers = ", ".join(_layer_words(layer) for layer in net.layers)
    return f"{layers}; {net.loss_function.name.replace('_', ' ')}"


def _layer_words(layer: Any) -> str:
    units, activation = getattr(layer, "units", None), getattr(layer, "activation", None)
    inside = [str(part) for part in (units, getattr(activation, "name", activation)) if part is not None]
    return type(layer).__name__ + (f" {' '.join(inside)}" if inside else "")
