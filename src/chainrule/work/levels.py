"""The levels of exercises, and problems with numbers that are friendly to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.work.files import work_of
from chainrule.work.problem import Problem
from chainrule.work.quantities import asked_of
from chainrule.work.slips import value_of

MOST_DRAWS = 500
"""Problems that are drawn until one has no zero among what is asked."""

LARGEST, SMALLEST = 100.0, 0.01
"""Between these, numbers are friendly."""

Described = dict[str, Any]


@dataclass(frozen=True)
class Level:
    """What is special about a level.

    Args:
        title: what it is about.
        words: what is to be done.
        notation: how names are written unless another notation is wanted.
        draw: makes a problem.
        ask: what is asked of it.
        matrices: whether it is about whole arrays.
        formulas: whether formulas are asked for.
    """

    title: str
    words: str
    notation: str
    draw: Callable[[np.random.Generator], Described]
    ask: Callable[[Problem], list[str]]
    matrices: bool = False
    formulas: bool = False


def drawn(level: int, seed: int, notation: str | None) -> tuple[Described, list[str]]:
    """A problem of a level, and what is asked."""
    kind = LEVELS[level]
    random = np.random.default_rng([level, seed])
    for _ in range(MOST_DRAWS):
        described = {"notation": notation or kind.notation, "lr": 0.1, **kind.draw(random)}
        problem = work_of(described).problem
        asked = kind.ask(problem)
        if _telling(problem, asked):
            break
    return described, asked


def _telling(problem: Problem, asked: list[str]) -> bool:
    """Whether the numbers that are asked for are neither large nor tiny, and none that stands alone is zero."""
    for name in asked:
        values = [abs(value_of(q, problem.own, problem.lr).item()) for q in asked_of(problem, name)]
        zeros = values.count(0.0)
        if zeros == len(values) or any(v > LARGEST or 0 < v < SMALLEST for v in values):
            return False
    return True


# Problems: whole numbers in the first layer and halves in the second keep everything short


def _network(
    random: np.random.Generator, sizes: list[int], *, rows: int = 1, finest: float = 0.5, **settings: Any
) -> Described:
    """A network with a few rows; weights are multiples of a small number and never zero."""
    weights: dict[str, Any] = {}
    for n, (before, after) in enumerate(pairwise(sizes), 1):
        step = finest if n == len(sizes) - 1 else 1.0
        weights[f"W{n}"] = _numbers(random, (before, after), step, 2)
        weights[f"b{n}"] = _numbers(random, (after,), step, 1)
    x = _numbers(random, (rows, sizes[0]), 1.0, 3)
    if settings.get("loss") == "cross_entropy":
        y: Any = np.eye(sizes[-1])[random.integers(0, sizes[-1], rows)].tolist()
    elif settings.get("loss") == "binary_cross_entropy":
        y = random.integers(0, 2, (rows, sizes[-1])).tolist()
    else:
        y = _numbers(random, (rows, sizes[-1]), 1.0, 4)
    return {"network": {"sizes": sizes, **settings}, "weights": weights, "data": {"x": x, "y": y}}


def _numbers(random: np.random.Generator, shape: tuple[int, ...], step: float, most: float) -> Any:
    count = round(most / step)
    found = random.integers(1, count + 1, shape) * random.choice([-1, 1], shape) * step
    return found.tolist()


def _neuron(random: np.random.Generator) -> Described:
    return _network(random, [2, 1], output="linear", loss=str(random.choice(["squared_error", "half_squared_error"])))


def _small(random: np.random.Generator) -> Described:
    return _network(random, [2, 2, 1], hidden="relu", output="linear", loss="squared_error")


def _several(random: np.random.Generator) -> Described:
    if random.integers(2):
        return _network(random, [2, 3], loss="cross_entropy")
    return _network(random, [2, 2, 1], rows=2, hidden="relu", output="linear", loss="squared_error")


def _smooth(random: np.random.Generator) -> Described:
    hidden = str(random.choice(["sigmoid", "tanh"]))
    loss = str(random.choice(["squared_error", "half_squared_error", "binary_cross_entropy"]))
    return _network(random, [2, 2, 1], hidden=hidden, loss=loss)


# What is asked


def _values(problem: Problem) -> list[str]:
    return [problem.written[gate.name] for gate in problem.circuit.gates]


def _slopes(problem: Problem, names: list[str]) -> list[str]:
    return [f"d{problem.output}/d{problem.written[name]}" for name in names]


def _all_of_a_neuron(problem: Problem) -> list[str]:
    prediction = problem.circuit.gates[0].name
    new = [f"{problem.written[problem.parameters[0]]} new"]
    return [*_values(problem), *_slopes(problem, [prediction, *problem.parameters]), *new]


def _gradients(problem: Problem) -> list[str]:
    prediction = problem.circuit.gates[-2].name
    first, *_, last = (p for p in problem.parameters if problem.circuit.elements[p].name.startswith("W"))
    new = [f"{problem.written[p]} new" for p in (first, last)]
    return [*_values(problem), *_slopes(problem, [prediction, *reversed(problem.parameters)]), *new]


def _matrices(problem: Problem) -> list[str]:
    """The arrays of the forward pass, the loss, and the derivatives by all but the prediction, backwards."""
    elements = problem.circuit.elements
    arrays = list(dict.fromkeys(elements[gate.name].name for gate in problem.circuit.gates[:-1]))
    last = max(int(array[1:]) for array in arrays)
    known = {*arrays, *(elements[p].name for p in problem.parameters)} - {f"h{last}"}
    order = [f"{letter}{n}" for n in range(last, 0, -1) for letter in "hzWb"]
    return [*arrays, problem.output, *(f"d{problem.output}/d{array}" for array in order if array in known)]


def _formulas(problem: Problem) -> list[str]:
    return _slopes(problem, list(reversed(problem.parameters)))


LEVELS: Mapping[int, Level] = {
    1: Level("a neuron", "Work out the prediction, the loss, its derivatives and one step.", "indexed", _neuron,
             _all_of_a_neuron),
    2: Level("a forward pass", "Work out every value, from the input to the loss.", "indexed", _small, _values),
    3: Level("gradients and a step", "Work out every value, the derivatives backwards, and two weights after a step.",
             "indexed", _small, _gradients),
    4: Level("arrays", "Work out every array of the forward and of the backward pass.", "names", _several, _matrices,
             matrices=True),
    5: Level("derivatives as formulas", "Derive each derivative as a formula over the names above, with values such as "
             "the prediction by their names.", "indexed", _smooth, _formulas, formulas=True),
}  # fmt: skip
"""Each level by its number."""
