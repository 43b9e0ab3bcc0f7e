"""Formulas as circuits, from courses and tutorials."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.gallery.entry import Deviation, Entry, Work, on_wires

_CS231N = (
    "A. Karpathy, notes of the course CS231n, Convolutional Neural Networks for Visual Recognition, Stanford, chapter "
    '"Backpropagation, Intuitions", cs231n.github.io/optimization-2'
)


def sum_and_product() -> Work:
    """A sum gate and a product gate."""
    x, y, z = cr.symbols("x y z")
    q = (x + y).named("q")
    f = (q * z).named("f")
    return on_wires(f, x=-2, y=5, z=-4)


CS231N_CIRCUIT = Entry(
    key="cs231n-circuit",
    title="A sum and a product: f = (x + y) z",
    year=2015,
    source=f"{_CS231N}, section Compound expressions",
    about="The smallest circuit with a chain in it: the gradient of the sum gate is what the product gate hands it.",
    compute=sum_and_product,
    published={"q": "3", "f": "-12", "∂f/∂q": "-4", "∂f/∂x": "-4", "∂f/∂y": "-4", "∂f/∂z": "3"},
)


def gates_of_a_sigmoid() -> Work:
    """The sigmoid taken apart."""
    w0, x0, w1, x1, w2 = cr.symbols("w0 x0 w1 x1 w2")
    p0, p1 = (w0 * x0).named("p0"), (w1 * x1).named("p1")
    total = (p0 + p1).named("s")
    dot = (total + w2).named("dot")
    minus = (-dot).named("minus")
    e = cr.exp(minus).named("e")
    below = (e + 1).named("below")
    f = (1 / below).named("f")
    return on_wires(f, w0=2, x0=-1, w1=-3, x1=-2, w2=-3)


CS231N_NEURON = Entry(
    key="cs231n-neuron",
    title="A sigmoid neuron, gate by gate: f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))",
    year=2015,
    source=f"{_CS231N}, section Modularity: Sigmoid example",
    about="The sigmoid taken apart into gates, with the value and the gradient on each wire. The wires: p0 and p1 are "
    "the products, s their sum, dot the net input, minus its negative, e the exponential, below what stands below 1.",
    compute=gates_of_a_sigmoid,
    published={
        "p0": "-2.00",
        "p1": "6.00",
        "s": "4.00",
        "dot": "1.00",
        "minus": "-1.00",
        "e": "0.37",
        "below": "1.37",
        "f": "0.73",
        "∂f/∂below": "-0.53",
        "∂f/∂e": "-0.53",
        "∂f/∂minus": "-0.20",
        "∂f/∂dot": "0.20",
        "∂f/∂s": "0.20",
        "∂f/∂p0": "0.20",
        "∂f/∂p1": "0.20",
        "∂f/∂w0": "-0.20",
        "∂f/∂x0": "0.39",
        "∂f/∂w1": "-0.39",
        "∂f/∂x1": "-0.59",
        "∂f/∂w2": "0.20",
    },
    remarks=(
        "With the rounded gradient 0.20 in hand, 2 times 0.20 would give 0.40 for x0 where the figure rightly prints "
        "0.39: round at the end, not on the way.",
    ),
)


def routing() -> Work:
    """A product and a maximum, added and doubled."""
    x, y, z, w = cr.symbols("x y z w")
    product = (x * y).named("p")
    largest = cr.maximum(z, w).named("m")
    total = (product + largest).named("s")
    f = (2 * total).named("f")
    return on_wires(f, x=3, y=-4, z=2, w=-1)


CS231N_MAXIMUM = Entry(
    key="cs231n-maximum",
    title="Add, multiply, take the larger: f = 2 (x y + max(z, w))",
    year=2015,
    source=f"{_CS231N}, section Patterns in backward flow",
    about="What gates do to gradients: a sum hands them on, a product swaps its inputs, a maximum gives everything to "
    "the larger input and nothing to the other.",
    compute=routing,
    published={"p": "-12.00", "∂f/∂p": "2.00", "∂f/∂x": "-8.00", "∂f/∂y": "6.00", "∂f/∂z": "2.00", "∂f/∂w": "0.00"},
    also=("f",),
    remarks=(
        "The notes give max(x, y) the slope 1 by x where x >= y, and 1 by y where y >= x. At a tie both would be 1, "
        "although max(x, x) = x has slope 1 in all; here each gets 1/2.",
    ),
)


def hackers_neuron() -> Work:
    """All inputs take a step of 0.01 along their gradients."""
    a, b, c, x, y = cr.symbols("a b c x y")
    s = cr.sigmoid(a * x + b * y + c).named("s")
    at: dict[str, Any] = {"a": 1.0, "b": 2.0, "c": -3.0, "x": -1.0, "y": 3.0}
    work = on_wires(s, **at)
    moved = {name: value + 0.01 * work.values[f"∂s/∂{name}"] for name, value in at.items()}
    z = cr.symbols("z")
    alone = cr.derive(cr.sigmoid(z))
    at_3 = alone(z=3)
    raised, low, rounded = cr.evaluate(s, **moved), alone(z=-5)["value"], round(at_3["value"], 2)
    extra = {
        "s after a step of 0.01": raised,
        "s after a step of 0.01, cut to four digits": np.floor(raised * 1e4) / 1e4,
        "sigmoid(-5)": low,
        "sigmoid(-5), cut to three digits": np.floor(low * 1e3) / 1e3,
        "sigmoid(5)": alone(z=5)["value"],
        "sigmoid(3)": at_3["value"],
        "slope of the sigmoid at 3": at_3["dz"],
        "a (1 - a) with a rounded to two digits": rounded * (1 - rounded),
    }
    return Work({**work.values, **extra}, work.program, at)


_CUT = "Digits are cut off where others round."

HACKERS_NEURON = Entry(
    key="hackers-neuron",
    title="A neuron that is tugged upwards: s = sigmoid(a x + b y + c)",
    year=2014,
    source="A. Karpathy, Hacker's guide to Neural Networks, chapter 1, section Example: Single Neuron, "
    "karpathy.github.io/neuralnets",
    about="All five inputs take a small step along their gradients, and the output rises.",
    compute=hackers_neuron,
    published={
        "s": "0.8808",
        "∂s/∂a": "-0.105",
        "∂s/∂b": "0.315",
        "∂s/∂c": "0.105",
        "∂s/∂x": "0.105",
        "∂s/∂y": "0.210",
        "s after a step of 0.01": "0.8825",
        "sigmoid(-5)": "0.006",
        "sigmoid(5)": "0.993",
        "sigmoid(3)": "0.95",
        "slope of the sigmoid at 3": "0.0475",
    },
    deviations={
        "s after a step of 0.01": Deviation(_CUT, "s after a step of 0.01, cut to four digits"),
        "sigmoid(-5)": Deviation(_CUT, "sigmoid(-5), cut to three digits"),
        "slope of the sigmoid at 3": Deviation(
            "Where a sigmoid saturates, 1 - a loses the digits that a was rounded by: of the three digits printed, one "
            "is right.",
            "a (1 - a) with a rounded to two digits",
        ),
    },
)


def micrograd() -> Work:
    """The expression of the README, line by line."""
    a, b = cr.symbols("a b")
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c - a
    d = d + d * 2 + cr.relu(b + a)
    d = d + 3 * d + cr.relu(b - a)
    e = c - d
    f = e**2
    g = (f / 2 + 10 / f).named("g")
    return on_wires(g, a=-4.0, b=2.0)


MICROGRAD = Entry(
    key="micrograd",
    title="An expression with many forks",
    year=2020,
    source="A. Karpathy, micrograd, README, section Example usage, github.com/karpathy/micrograd",
    about="Two inputs that are used over and over: adjoints must add up at each fork.",
    compute=micrograd,
    published={"g": "24.7041", "∂g/∂a": "138.8338", "∂g/∂b": "645.5773"},
)


def computation_graph() -> Work:
    """Two paths from b to e."""
    a, b = cr.symbols("a b")
    c = (a + b).named("c")
    d = (b + 1).named("d")
    e = (c * d).named("e")
    return on_wires(e, a=2, b=1)


OLAH = Entry(
    key="olah",
    title="Two paths from b: e = (a + b)(b + 1)",
    year=2015,
    source="C. Olah, Calculus on Computational Graphs: Backpropagation, colah.github.io/posts/2015-08-Backprop",
    about="The derivative by b is the sum over two paths, one through c = a + b and one through d = b + 1.",
    compute=computation_graph,
    published={"c": "3", "d": "2", "e": "6", "∂e/∂c": "2", "∂e/∂d": "3", "∂e/∂a": "2", "∂e/∂b": "5"},
)


def textbook_graph() -> Work:
    """A graph of three operations."""
    a, b, c = cr.symbols("a b c")
    d = (2 * b).named("d")
    e = (a + d).named("e")
    L = (c * e).named("L")
    return on_wires(L, a=3, b=1, c=-2)


SLP_GRAPH = Entry(
    key="slp-graph",
    title="The computation graph of a textbook: L = c (a + 2 b)",
    year=2025,
    source="D. Jurafsky, J. H. Martin, Speech and Language Processing, draft of the 3rd edition, chapter on neural "
    "networks, section Computation Graphs",
    about="Forward and backward through a graph of three operations.",
    compute=textbook_graph,
    published={
        "d": "2",
        "e": "5",
        "L": "-10",
        "∂L/∂e": "-2",
        "∂L/∂d": "-2",
        "∂L/∂a": "-2",
        "∂L/∂b": "-4",
        "∂L/∂c": "5",
    },
)
