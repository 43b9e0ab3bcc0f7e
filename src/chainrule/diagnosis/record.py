"""What is known of a network and its training: the facts that rules look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.diagnosis.chance import Levels
from chainrule.diagnosis.columns import ColumnFacts
from chainrule.program import Program, Var
from chainrule.runnable import Runnable
from chainrule.training import History, LayerSeries

if TYPE_CHECKING:
    from chainrule.network import Network


@dataclass(frozen=True)
class InputFacts:
    """One column of what the first weights of a network are multiplied with.

    Attributes:
        name: ``"X[:, 3]"``, or a name that was given.
        rms: the root of its mean square.
        deviation: its standard deviation.
        largest: its largest absolute value.
    """

    name: str
    rms: float
    deviation: float
    largest: float


@dataclass(frozen=True)
class ClassFacts:
    """One class: how many rows have it, and how many it is predicted for."""

    name: str
    rows: int
    predicted: int


@dataclass(frozen=True)
class HandfulFacts:
    """What became of a copy of the network that was trained on a few rows alone."""

    rows: int
    loss: float
    levels: Levels


@dataclass(frozen=True)
class Record:
    """Facts; those that are not known are empty, and the rules that need them find nothing.

    Attributes:
        histories: of the run; several for the members of an ensemble.
        layers: what became of the layers, for each member.
        inputs: what the first weights are multiplied with.
        classes: of the rows that the network was judged by.
        columns: what single columns tell.
        loss: of the training rows, a row, without penalties.
        levels: the losses between which it lies.
        trained: whether ``loss`` is that after training.
        handful: what became of a few rows.
        beats_guess: whether it is better than a trivial guess on rows held out; ``None`` where there are none.
    """

    histories: tuple[History, ...] = ()
    layers: tuple[tuple[LayerSeries, ...], ...] = ()
    inputs: tuple[InputFacts, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    columns: tuple[ColumnFacts, ...] = ()
    loss: float | None = None
    levels: Levels | None = None
    trained: bool = True
    handful: HandfulFacts | None = None
    beats_guess: bool | None = None


def input_facts(network: Network, data: Mapping[str, Any], names: Sequence[str] | None) -> tuple[InputFacts, ...]:
    """Facts about what the first weights are multiplied with: scaling and normalising layers before them have acted."""
    program = network.program("activations")
    first = _first_products(program)
    reader = Runnable.of(Program("inputs", program.inputs, program.equations, tuple(first.items())))
    values = {**data, **network.parameters, **network.states}
    read = reader(dtype="float64", **{v.name: values[v.name] for v in program.inputs})
    facts: dict[str, InputFacts] = {}
    for weight, source in first.items():
        columns = read[weight].reshape(-1, read[weight].shape[-1])
        for j, column in enumerate(columns.T):
            named = names is not None and source.role == "input"
            name = names[j] if named and names else f"{source.name}[:, {j}]" if source.role == "input" else ""
            name = name or f"what row {j} of {weight} is multiplied with"
            facts[name] = InputFacts(
                name, float(np.sqrt(np.mean(column**2))), float(column.std()), float(np.abs(column).max())
            )
    return tuple(facts.values())


def _first_products(program: Program) -> dict[str, Var]:
    """The left factor of each product with a weight that depends on no other such product, by name of the weight."""
    behind: set[str] = set()
    first: dict[str, Var] = {}
    for equation in program.equations:
        read = [a for a in equation.arguments if isinstance(a, Var)]
        product = equation.operation.name == "matmul" and read[-1].role == "parameter"
        if any(v.name in behind for v in read):
            behind.add(equation.target.name)
        elif product:
            first[read[1].name] = read[0]
            behind.add(equation.target.name)
    return first


def class_facts(network: Network, X: Any, y: Any, *, names: Sequence[str] | None) -> tuple[ClassFacts, ...]:
    """How often each class occurs and is predicted; nothing where the target is no single class."""
    target, prediction = network.prepare(X, y)["Y"], network.predict(X)
    if network.loss_function.target == "classes":
        actual, predicted = target.argmax(axis=1), prediction.argmax(axis=1)
    elif network.loss_function.target in ("binary", "signs") and target.shape[1] == 1:
        middle = 0.5 if network.loss_function.target == "binary" else 0.0
        actual, predicted = (np.asarray(a[:, 0] > middle, np.int64) for a in (target, prediction))
    else:
        return ()
    count = max(2, target.shape[1])
    counts = (np.bincount(codes, minlength=count).tolist() for codes in (actual, predicted))
    named = names or [str(code) for code in range(count)]
    return tuple(ClassFacts(str(name), *both) for name, *both in zip(named, *counts, strict=True))
