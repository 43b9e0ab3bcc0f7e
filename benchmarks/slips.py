"""How many slips, made at random in right solutions, are found and named: ``python -m benchmarks.slips``.

The solutions and the slips are computed here, in plain NumPy by hand; nothing of chainrule is used but the check. A
slip counts as named when its kind is the first that is named. Batches have 1 or 3 rows: with 2, a factor 2 and a mean
that is missing are the same, and both are named.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Array = NDArray[Any]
RATE = 0.1


@dataclass
class Solution:
    """A small network on a few rows, solved by hand; a slip changes one thing on the way.

    The slips in the forward pass: ``bias`` is left out, the ``activation`` is left out, the ``logarithm`` has the base
    10, ``exchanged`` target and prediction. In the backward pass: the ``slope`` is left out, or taken at the value
    (``place``), or is that of another function (``other``); a weight of another unit is read (``index``), the weights
    are on their side (``transpose``), only one ``path`` or one ``row`` is taken, the ``mean`` or the
    ``input`` is left out, weights are ``renewed`` too early.
    """

    random: np.random.Generator
    rows: int = 1
    outputs: int = 1
    hidden: str = "sigmoid"
    loss: str = "squared_error"
    slip: str = ""
    units: int = 2
    values: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = self.random.uniform
        self.X = draw(-1.5, 1.5, (self.rows, 2)).round(2)
        self.W1, self.b1 = draw(-1.5, 1.5, (2, self.units)).round(2), draw(-1, 1, self.units).round(2)
        self.W2, self.b2 = draw(-1.5, 1.5, (self.units, self.outputs)).round(2), draw(-1, 1, self.outputs).round(2)
        if self.loss == "cross_entropy":
            self.codes = self.random.integers(0, self.outputs, self.rows)
            self.Y = np.eye(self.outputs)[self.codes]
        elif self.loss == "binary_cross_entropy":
            self.Y = self.random.integers(0, 2, (self.rows, self.outputs)).astype(float)
        else:
            self.Y = draw(-2, 2, (self.rows, self.outputs)).round(2)

    def network(self) -> cr.Network:
        """The same network, to be checked against."""
        net = cr.mlp([2, self.units, self.outputs], hidden=self.hidden, loss=self.loss, dtype="float64")
        for name in ("W1", "b1", "W2", "b2"):
            net.parameters[name] = getattr(self, name)
        return net

    @property
    def target(self) -> Array:
        """The targets as a network takes them."""
        return self.codes if self.loss == "cross_entropy" else self.Y

    def solve(self, slip: str = "") -> dict[str, Array]:
        """All values and derivatives, with a slip or without one."""
        z1 = self.X @ self.W1 + (0 if slip == "bias" else self.b1)
        h1 = z1 if slip == "activation" else _FUNCTIONS[self.hidden](z1)
        z2 = h1 @ self.W2 + self.b2
        P = _LINKS[self.loss](z2)
        found = {"z1": z1, "h1": h1, "z2": z2, "L": self._loss(P, slip)}
        B = 1 if slip == "mean" else self.rows
        dz2 = (2 if self.loss == "squared_error" else 1) * (P - self.Y) / B
        if slip == "row":
            dz2 = dz2 * (np.arange(self.rows) == 0)[:, None]
        W2 = self.W2
        if slip == "renewed":
            W2 = W2 - RATE * h1.T @ dz2
        if slip == "index":
            W2 = np.roll(W2, 1, axis=0)
        if slip == "transpose":
            W2 = W2.T
        if slip == "path":
            W2 = W2 * (np.arange(self.outputs) == 0)
        dh1 = dz2 @ W2.T
        slopes = {
            "slope": np.ones_like(z1),
            "place": _SLOPES[self.hidden](h1),
            "other": _SLOPES["tanh" if self.hidden == "sigmoid" else "sigmoid"](z1),
        }
        dz1 = dh1 * slopes.get(slip, _SLOPES[self.hidden](z1))
        inputs = np.ones_like(self.X) if slip == "input" else self.X
        return found | {
            "dL/dz2": dz2, "dL/dh1": dh1, "dL/dz1": dz1,
            "dL/dW2": h1.T @ dz2, "dL/db2": dz2.sum(0), "dL/dW1": inputs.T @ dz1, "dL/db1": dz1.sum(0),
        }  # fmt: skip

    def _loss(self, P: Array, slip: str) -> Array:
        Y = self.Y
        if self.loss == "squared_error":
            return np.asarray(((P - Y) ** 2).sum(1).mean())
        if slip == "exchanged":
            P, Y = Y, P
        log = np.log10 if slip == "logarithm" else np.log
        if self.loss == "cross_entropy":
            return np.asarray(-(Y * log(P)).sum(1).mean())
        return np.asarray(-(Y * log(P) + (1 - Y) * log(1 - P)).sum(1).mean())


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def _softmax(z: Array) -> Array:
    powers = np.exp(z)
    return np.asarray(powers / powers.sum(1, keepdims=True))


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {"sigmoid": _sigmoid, "tanh": np.tanh}
_SLOPES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: _sigmoid(z) * (1 - _sigmoid(z)),
    "tanh": lambda z: np.asarray(1 - np.tanh(z) ** 2),
}
_LINKS: dict[str, Callable[[Array], Array]] = {
    "squared_error": lambda z: z,
    "binary_cross_entropy": _sigmoid,
    "cross_entropy": _softmax,
}

NUMBERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bias": ("bias", "z1", {}),
    "activation": ("activation", "h1", {}),
    "logarithm": ("logarithm", "L", {"loss": "binary_cross_entropy"}),
    "slope": ("activation derivative", "dL/dz1", {}),
    "place": ("place of derivative", "dL/dz1", {}),
    "other": ("other function", "dL/dz1", {}),
    "index": ("index", "dL/dh1", {"outputs": 1, "loss": "binary_cross_entropy"}),
    "transpose": ("transpose", "dL/dh1", {"outputs": 2, "loss": "squared_error", "whole": True}),
    "path": ("missing path", "dL/dh1", {"outputs": 2, "loss": "squared_error"}),
    "row": ("sum over rows", "dL/dW2", {"rows": 3}),
    "mean": ("mean", "dL/dW2", {"rows": 3}),
    "input": ("missing factor", "dL/dW1", {}),
    "renewed": ("new weights", "dL/dW1", {}),
}
"""Slips in numbers: the kind that has to be named, where the number is read, what the network must have."""

WHOLES: dict[str, tuple[str, Callable[[Array, Array], Array]]] = {
    "sign": ("sign", lambda w, g: -g),
    "factor 2": ("factor 2", lambda w, g: 2 * g),
    "half": ("factor 2", lambda w, g: g / 2),
    "plus": ("update", lambda w, g: w + RATE * g),
    "no rate": ("learning rate", lambda w, g: w - g),
    "step alone": ("update", lambda w, g: RATE * g),
}
"""Slips in a derivative as a whole, and in the step: the kind, and what is written instead."""

FORMULAS: dict[str, tuple[str, str, str]] = {
    "formula index": ("index", "dL/dW2[0,0]", "2 * (z2[0,0] - Y[0,0]) * h1[0,1]"),
    "formula sign": ("sign", "dL/dW1[0,1]", "2*(Y[0,0] - z2[0,0])*W2[1,0]*{slope}*X[0,0]"),
    "formula factor 2": ("factor 2", "dL/dW1[0,1]", "(z2[0,0] - Y[0,0])*W2[1,0]*{slope}*X[0,0]"),
    "formula slope": ("activation derivative", "dL/dW1[0,1]", "2*(z2[0,0] - Y[0,0])*W2[1,0]*X[0,0]"),
    "formula weight": ("missing factor", "dL/dW1[0,1]", "2*(z2[0,0] - Y[0,0])*{slope}*X[0,0]"),
    "formula input": ("index", "dL/dW1[0,1]", "2*(z2[0,0] - Y[0,0])*W2[1,0]*{slope}*X[0,1]"),
    "formula bias": ("extra factor", "dL/db1[1]", "2*(z2[0,0] - Y[0,0])*W2[1,0]*{slope}*b1[1]"),
    "matrix transpose": ("transpose", "dL/dW2", "h1 @ dL/dz2"),
    "matrix order": ("product order", "dL/dW1", "dL/dz1 @ X^T"),
    "other element": ("other quantity", "dL/dW1[0,1]", "2*(z2[0,0] - Y[0,0])*W2[0,0]*{slope0}*X[0,1]"),
}
"""Slips in formulas for one row and one output: the kind, what is asked, what is written."""

KINDS = (*NUMBERS, *WHOLES, *FORMULAS)


@dataclass
class Tally:
    """What became of slips: how many were made, found and named, and how many right answers were called wrong."""

    made: int = 0
    found: int = 0
    named: int = 0
    right: int = 0
    alarms: int = 0
    missed: list[str] = field(default_factory=list)


def run(count: int, seed: int = 0) -> dict[str, Tally]:
    """Make slips of each kind in turn, and check them."""
    random = np.random.default_rng(seed)
    tallies = {kind: Tally() for kind in KINDS}
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        solution, asked, wrong, expected = _made(kind, random)
        answers = _right(solution, asked, random) | {asked: wrong}
        marked = cr.check_my_work(solution.network(), answers, X=solution.X, y=solution.target, lr=RATE)
        verdict, tally = marked[asked], tallies[kind]
        tally.made += 1
        tally.found += not verdict.right
        tally.right += len(answers) - 1
        tally.alarms += sum(not v.right for v in marked.verdicts) - (not verdict.right)
        if verdict.kinds[:1] == (expected,):
            tally.named += 1
        else:
            tally.missed.append(f"{asked} = {wrong}: {verdict.sentence}")
    return tallies


def _made(kind: str, random: np.random.Generator) -> tuple[Solution, str, Any, str]:
    """A solution, what is asked, a wrong answer, and the kind of its slip."""
    while True:
        settings: dict[str, Any] = {"hidden": str(random.choice(["sigmoid", "tanh"]))}
        if kind in FORMULAS:
            expected, asked, text = FORMULAS[kind]
            solution = Solution(random, **settings)
            slope = {"sigmoid": "h1[0,{0}]*(1 - h1[0,{0}])", "tanh": "(1 - h1[0,{0}]^2)"}[solution.hidden]
            return solution, asked, text.format(slope=slope.format(1), slope0=slope.format(0)), expected
        loss = str(random.choice(["squared_error", "binary_cross_entropy", "cross_entropy"]))
        outputs = 3 if loss == "cross_entropy" else int(random.choice([1, 2]))
        settings |= {"loss": loss, "outputs": outputs, "rows": int(random.choice([1, 3]))}
        if kind in NUMBERS:
            expected, name, needed = NUMBERS[kind]
            settings |= needed
            whole = settings.pop("whole", False)
            if settings["loss"] == "binary_cross_entropy" and "outputs" not in needed:
                settings["outputs"] = 1
            solution = Solution(random, **settings)
            right, wrong = (solution.solve(slip)[name] for slip in ("", kind))
            if whole and np.abs(right - wrong).max() > 1e-4:
                return solution, name, wrong.round(8).tolist(), expected
        else:
            expected, change = WHOLES[kind]
            solution = Solution(random, **settings)
            name = str(random.choice(["W1", "W2"]))
            w, g = getattr(solution, name), solution.solve()[f"dL/d{name}"]
            step = expected in ("update", "learning rate")
            right, wrong = (w - RATE * g if step else g), change(w, g)
            name = f"{name} new" if step else f"dL/d{name}"
        index = tuple(int(random.integers(size)) for size in np.shape(right))
        one, other = float(np.asarray(right)[index]), float(np.asarray(wrong)[index])
        if abs(one - other) > 1e-4 * max(abs(one), abs(other)) and abs(other) > 1e-3:
            return solution, _element(name, index), f"{other:.8f}", expected


def _right(solution: Solution, asked: str, random: np.random.Generator) -> dict[str, str]:
    """Some right answers that lie beside the wrong one, none of which leads to it."""
    found = solution.solve()
    names = [name for name in found if name not in asked]
    answers = {}
    for name in random.choice(names, 4, replace=False):
        index = tuple(int(random.integers(size)) for size in np.shape(found[name]))
        answers[_element(str(name), index)] = f"{float(np.asarray(found[name])[index]):.8f}"
    return answers


def _element(name: str, index: tuple[int, ...]) -> str:
    if not index:
        return name
    name, _, new = name.partition(" ")
    return f"{name}[{','.join(map(str, index))}]" + (f" {new}" if new else "")


def main() -> None:
    """Print a table of what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=580, help="slips to make")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tallies = run(given.count, given.seed)
    print("| slip | made | found | named |\n|---|---|---|---|")
    for kind, tally in tallies.items():
        print(f"| {kind} | {tally.made} | {tally.found} | {tally.named} |")
    made, found, named, right, alarms = (
        sum(getattr(t, part) for t in tallies.values()) for part in ("made", "found", "named", "right", "alarms")
    )
    print(f"| all | {made} | {found} | {named} |\n")
    print(f"False alarms: {alarms} of {right} right answers.")
    for tally in tallies.values():
        for line in tally.missed:
            print(f"not named: {line}")


if __name__ == "__main__":
    main()
