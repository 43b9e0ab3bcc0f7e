"""What a network ends with, its output's activation function and its loss, derived in one piece."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule import passes
from chainrule.derivation import derive_program
from chainrule.errors import ArgumentError, require, unknown_name, whole_number
from chainrule.explain.circuits.gates import circuit_of
from chainrule.explain.scalars import Element, scalars_of
from chainrule.explain.simplifying.simplification import Simplification
from chainrule.explain.writing.notation import Notation, notation_of
from chainrule.expression import REGISTRY, Expression, Operation, symbol
from chainrule.losses import LOSSES, Loss, loss_of
from chainrule.ops.reductions import softmax
from chainrule.runnable import Runnable
from chainrule.shapes import broadcast
from chainrule.show.numbers import counted
from chainrule.trace import trace

Floats: TypeAlias = NDArray[np.float64]

MOST_OUTPUTS = 10
"""Outputs up to which a derivative is written out as a sum over all of them."""


def simplification(
    output: str = "softmax",
    loss: Any = None,
    *,
    outputs: int | None = None,
    z: Any = None,
    y: Any = None,
    notation: Notation | str | None = None,
) -> Simplification:
    """The derivative of a loss by what enters the output's activation function, simplified line by line.

    The chain rule gives a sum over paths, ``dL/dz_j = sum_k dL/dq_k dq_k/dz_j``. Each step after it applies one named
    rule of algebra, until none applies: softmax with cross-entropy comes down to ``q - y``.

    Args:
        output: the activation function of the output: ``"softmax"``, ``"sigmoid"``, ``"linear"``, ...
        loss: as for a network; without it, the loss that belongs to the activation function.
        outputs: how many outputs; without it as many as ``z`` has, or 3 for softmax and 1 for others.
        z: the numbers that enter the activation function.
        y: the target of each output. Where the targets of a class loss do not add up to 1, the derivation stops at the
            form that holds for any targets.
        notation: the name of a notation or one of your own; without it, q, a or p for outputs, z and y.

    Returns:
        A page: ``print`` it, or read its ``text``, ``latex`` and ``html``; ``results`` holds the shortest forms.

    Raises:
        ArgumentError: for a loss that is not defined for this output, or numbers that do not fit.

    >>> import chainrule as cr
    >>> [form.text for form in cr.simplification("softmax", "cross_entropy").results.values()]
    ['q1 - y1', 'q2 - y2', 'q3 - y3']
    >>> [form.text for form in cr.simplification("sigmoid").results.values()]
    ['a - y']
    """
    chosen = loss_of(_belonging(output) if loss is None else loss)
    count = _count(outputs, z, y, 3 if output == "softmax" else 1)
    numbers = _numbers("z", [0.5 * (count - n) for n in range(count)] if z is None else z, count)
    others = -1.0 if chosen.target == "signs" else 0.0
    targets = _numbers("y", [1.0] + [others] * (count - 1) if y is None else y, count)
    letters = _letters(output, count) if notation is None else notation_of(notation)
    return simplified(_activation(output), chosen, numbers, targets, letters)


def simplified(
    activation: Callable[[Expression], Expression] | None,
    loss: Loss,
    z: Floats,
    y: Floats,
    notation: Notation,
    names: tuple[str, str] = ("z1", "h1"),
) -> Simplification:
    """The simplification for the last layer of a network.

    Args:
        activation: the activation function of the output; nothing for a linear one.
        loss: what is minimised.
        z: the numbers that enter the activation function.
        y: the target of each output.
        notation: how everything is written.
        names: what the program calls the values before and after the activation function.
    """
    count = len(z)
    require(
        count <= MOST_OUTPUTS,
        f"a derivation for {count} outputs cannot be read: it is written out for at most {MOST_OUTPUTS}",
    )
    probabilities = loss.target == "classes" and isclose(float(y.sum()), 1, abs_tol=1e-6)
    facts = frozenset({"rows_sum_to_one"}) if probabilities else frozenset[str]()
    net, target = symbol(names[0], ("B", count)), symbol("Y", ("B", count), facts=facts)
    output = net if activation is None else activation(net).named(names[1])
    name = "linear" if activation is None or output.operation is None else output.operation.name
    require(name != "softmax" or count > 1, "a softmax of one output is always 1: give it at least 2 outputs")
    if loss.outputs and name not in loss.outputs:
        raise ArgumentError(f"{loss.name} is defined for outputs of {' or '.join(loss.outputs)}, not of {name}")
    textbook = trace({"L": loss.total(output, target)}, name="loss", inputs=[net, target])
    row = {names[0]: z[None], "Y": y[None]}
    scalars = scalars_of(textbook, {"B": 1})
    log: list[passes.Step] = []
    merged = passes.simplify(derive_program(passes.simplify(textbook, log), [names[0]], "L"), log)
    return Simplification(
        circuit=circuit_of(scalars, scalars.values(row), named=True),
        program=Runnable.of(merged),
        rewrites=tuple(dict.fromkeys(step.rewrite for step in log)),
        output=name,
        loss=loss,
        notation=notation,
        nets=tuple(Element(names[0], (0, j)).variable for j in range(count)),
        row=row,
    )


def _belonging(output: str) -> str:
    """The loss that has this activation function as its link; squared error for others."""
    linked = (name for name, make in LOSSES.items() if make().link == output and output != "linear")
    return next(linked, "squared_error")


def _activation(name: str) -> Operation | None:
    if name == "linear":
        return None
    elementwise = {n: o for n, o in REGISTRY.items() if o.shape is broadcast and o.kind == "float"}
    known = {n: o for n, o in elementwise.items() if len(o.arguments) - len(o.defaults) == 1} | {"softmax": softmax}
    if name not in known:
        raise unknown_name("activation function", name, ["linear", *known])
    return known[name]


def _count(outputs: int | None, z: Any, y: Any, usual: int) -> int:
    """How many outputs: as stated, or as many as there are numbers."""
    if outputs is not None:
        return whole_number("outputs", outputs, 1)
    given = z if z is not None else y
    return usual if given is None else int(np.size(given))


def _numbers(name: str, values: Any, count: int) -> Floats:
    try:
        row = np.atleast_1d(np.asarray(values, np.float64))
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} must hold one number for each output, not {values!r}") from None
    if row.shape != (count,) or not np.isfinite(row).all():
        raise ArgumentError(f"{name} must hold {counted(count, 'finite number')}, one for each output, not {values!r}")
    return row


def _letters(output: str, count: int) -> Notation:
    """Short letters, as there is one layer only."""
    letter = {"softmax": "q", "sigmoid": "a"}.get(output, "p")
    alone = {"z1": "z"} if count == 1 and output != "linear" else {}
    return Notation(
        "letters",
        net="z_{<j>}",
        prediction=letter + "_{<j>}",
        target="y_{<j>}",
        first=1,
        only_prediction=True,
        names=alone,
    )
