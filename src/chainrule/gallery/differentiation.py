"""Examples of automatic differentiation, from its literature and its libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.gallery.entry import Deviation, Entry, Work, on_wires


def griewank() -> Work:
    """The evaluation trace, and its adjoints."""
    x1, x2 = cr.symbols("x1 x2")
    v1 = (x1 / x2).named("v1")
    v2 = cr.sin(v1).named("v2")
    v3 = cr.exp(x2).named("v3")
    v4 = (v1 - v3).named("v4")
    v5 = (v2 + v4).named("v5")
    y = (v5 * v4).named("y")
    work = on_wires(y, x1=1.5, x2=0.5)
    v = work.values
    parts = (v["∂y/∂v3"] * v["v3"], -v["∂y/∂v1"] * v["v1"] / 0.5)
    rounded = {
        "v5 v4, both rounded to four digits": round(v["v5"], 4) * round(v["v4"], 4),
        "the sum over two paths, each rounded": sum(round(part, 4) for part in parts),
    }
    return Work({**v, **rounded}, work.program, work.at)


_ON_THE_WAY = "It was computed from numbers that were rounded already."

GRIEWANK = Entry(
    key="griewank",
    title="The first evaluation trace: y = (sin(x1/x2) + x1/x2 - exp(x2)) (x1/x2 - exp(x2))",
    year=2008,
    source="A. Griewank, A. Walther, Evaluating Derivatives, 2nd edition, SIAM, tables 1.1 to 1.3",
    about="The example with which the standard work on automatic differentiation begins; the same in its first edition "
    "of 2000.",
    compute=griewank,
    published={
        "v1": "3.0000",
        "v2": "0.1411",
        "v3": "1.6487",
        "v4": "1.3513",
        "v5": "1.4924",
        "y": "2.0167",
        "∂y/∂x1": "3.0118",
        "∂y/∂x2": "-13.7239",
    },
    also=("∂y/∂v1", "∂y/∂v4"),
    deviations={
        "y": Deviation(_ON_THE_WAY, "v5 v4, both rounded to four digits"),
        "∂y/∂x2": Deviation(_ON_THE_WAY, "the sum over two paths, each rounded"),
    },
)


def survey() -> Work:
    """The evaluation trace, and its adjoints."""
    x1, x2 = cr.symbols("x1 x2")
    v1 = cr.log(x1).named("v1")
    v2 = (x1 * x2).named("v2")
    v3 = cr.sin(x2).named("v3")
    v4 = (v1 + v2).named("v4")
    y = (v4 - v3).named("y")
    return on_wires(y, x1=2, x2=5)


BAYDIN = Entry(
    key="baydin",
    title="Forward and reverse mode: y = ln(x1) + x1 x2 - sin(x2)",
    year=2018,
    source="A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, Automatic differentiation in machine "
    "learning: a survey, Journal of Machine Learning Research 18(153), tables 2 and 3",
    about="One evaluation trace, used for both modes of automatic differentiation; the adjoints are those of table 3.",
    compute=survey,
    published={
        "v1": "0.693",
        "v2": "10",
        "v3": "-0.959",
        "v4": "10.693",
        "y": "11.652",
        "∂y/∂v4": "1",
        "∂y/∂v3": "-1",
        "∂y/∂v2": "1",
        "∂y/∂v1": "1",
        "∂y/∂x1": "5.5",
        "∂y/∂x2": "1.716",
    },
)


def slope_of_tanh() -> Work:
    """Both functions that were called tanh, derived and differenced."""
    x = cr.symbols("x")
    y = cr.exp(-x)
    half = (1 - y) / (1 + y)  # what the README first called tanh
    y = cr.exp(-2 * x)
    full = (1 - y) / (1 + y)

    def difference(f: cr.Expression) -> float:
        above, below = cr.evaluate(f, x=1.0001), cr.evaluate(f, x=0.9999)
        return float((above - below) / 0.0002)

    at: dict[str, Any] = {"x": 1.0}
    values = {
        "slope of the first version at 1": cr.derive(half)(**at)["dx"],
        "differences of the first version": difference(half),
        "slope of tanh at 1, first version": cr.derive(cr.tanh(x))(**at)["dx"],
        "slope of tanh at 1": cr.derive(full)(**at)["dx"],
        "differences": difference(full),
    }
    return Work(values, cr.derive(full), at)


AUTOGRAD = Entry(
    key="autograd",
    title="The slope of tanh, and of what looked like it",
    year=2015,
    source="D. Maclaurin, D. Duvenaud, M. Johnson, autograd, README, github.com/HIPS/autograd",
    about="The library's first example: a function written by hand, its gradient at 1, and a check by differences. An "
    "early README defines tanh by exp(-x), the later one by exp(-2 x).",
    compute=slope_of_tanh,
    published={
        "slope of tanh at 1, first version": "0.39322386648296376",
        "slope of tanh at 1": "0.41997434161402603",
    },
    also=("differences of the first version", "differences"),
    deviations={
        "slope of tanh at 1, first version": Deviation(
            "(1 - exp(-x)) / (1 + exp(-x)) is tanh(x/2), not tanh(x). Gradient and differences agree with each other "
            "all the same: a check of gradients finds errors of the derivative, never of the function. The README was "
            "corrected later.",
            "slope of the first version at 1",
        ),
    },
    remarks=(
        "The differences are printed there with 17 digits too. From the tenth on they are rounding, which depends on "
        "the machine.",
    ),
)


def logistic_in_jax() -> Work:
    """The gradient in double and in single precision."""
    x = cr.symbols("x", shape=(3,))
    total = cr.sum(1 / (1 + cr.exp(-x)))
    program = cr.derive(total)
    at: dict[str, Any] = {"x": np.arange(3.0)}
    slopes = program(**at)["dx"]
    single = program(**at, dtype="float32")["dx"]
    t = cr.symbols("t")
    third = 1 / (1 + cr.exp(-t))
    for _ in range(3):
        third = cr.gradient(third, t)
    values = {f"slope at {i}": slopes[i] for i in range(3)}
    values["slope at 2, in single precision"] = single[2]
    values["third derivative at 1"] = cr.evaluate(third, t=1.0)
    return Work(values, program, at)


_SINGLE = "JAX computes in single precision unless told otherwise, so the last one or two of these digits are rounding."

JAX = Entry(
    key="jax",
    title="The gradient of a sum of logistic functions",
    year=2025,
    source="The JAX authors, JAX documentation, Quickstart, section on grad, docs.jax.dev",
    about="The first gradient of the quickstart, at 0, 1 and 2, and a third derivative at 1.",
    compute=logistic_in_jax,
    published={
        "slope at 0": "0.25",
        "slope at 1": "0.19661197",
        "slope at 2": "0.10499357",
        "third derivative at 1": "-0.035325598",
    },
    deviations={
        "slope at 1": Deviation(_SINGLE),
        "slope at 2": Deviation(_SINGLE, "slope at 2, in single precision"),
        "third derivative at 1": Deviation(_SINGLE),
    },
)


def hyperdual() -> Work:
    """The function, derived twice."""
    x = cr.symbols("x")
    f = cr.exp(x) / cr.sqrt(cr.sin(x) ** 3 + cr.cos(x) ** 3)
    slope = cr.gradient(f, x)
    at: dict[str, Any] = {"x": 1.5}
    twice = cr.derive(slope)(**at)
    values = {"f": cr.evaluate(f, **at), "f'": twice["value"], "f''": twice["dvalue_dx"]}
    return Work(values, cr.derive(f), at)


HYPERDUAL = Entry(
    key="hyperdual",
    title="The test function of exact derivatives: f(x) = exp(x) / sqrt(sin(x)^3 + cos(x)^3)",
    year=2011,
    source="J. A. Fike, J. J. Alonso, The Development of Hyper-Dual Numbers for Exact Second-Derivative Calculations, "
    "AIAA paper 2011-886; the digits as in the README of JuliaDiff/HyperDualNumbers.jl",
    about="This function and close relatives of it serve to compare ways to differentiate by computer, as in Squire "
    "and Trapp (1998) on the complex step. Here the second derivative comes from deriving twice.",
    compute=hyperdual,
    published={"f": "4.497780053946162", "f'": "4.053427893898621", "f''": "9.463073681596601"},
)


def rosenbrock() -> Work:
    """The valley over 10, 9 and 4 points, derived once and twice."""

    def valley(points: int) -> cr.Expression:
        x = cr.symbols("x", shape=(points,))
        head, tail = x[:-1].named("head"), x[1:].named("tail")
        return cr.sum(100 * (tail - head**2) ** 2 + (1 - head) ** 2)

    value = cr.evaluate(valley(10), x=0.1 * np.arange(10))
    program = cr.derive(valley(9))
    at: dict[str, Any] = {"x": 0.1 * np.arange(9)}
    slopes = program(**at)["dx"]
    x = cr.symbols("x", shape=(4,))
    slope = cr.gradient(valley(4), x)
    rows = [cr.derive(cr.sum(slope[i : i + 1]))(x=0.1 * np.arange(4)) for i in range(4)]
    hessian = np.array([row["dx"] for row in rows])
    values = {"f, 10 points": float(value)}
    values |= {f"∂f/∂x{i}, 9 points": slopes[i] for i in range(9)}
    values |= {f"∂²f/∂x{i}∂x{j}, 4 points": hessian[i, j] for i in range(4) for j in range(i, 4)}
    return Work(values, program, at)


_ROSENBROCK_SLOPES = ("-2.", "10.6", "15.6", "13.4", "6.4", "-3.", "-12.4", "-19.4", "62.")
_ROSENBROCK_HESSIAN = {
    "00": "-38.", "01": "0.", "02": "0.", "03": "0.", "11": "134.",
    "12": "-40.", "13": "0.", "22": "130.", "23": "-80.", "33": "200.",
}  # fmt: skip

ROSENBROCK = Entry(
    key="rosenbrock",
    title="Rosenbrock's valley: its gradient and its second derivatives",
    year=1960,
    source="H. H. Rosenbrock, An automatic method for finding the greatest or least value of a function, The Computer "
    "Journal 3(3); the numbers as in the SciPy reference: rosen, rosen_der, rosen_hess",
    about="The sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 at 0, 0.1, 0.2, ... The second derivatives come from "
    "deriving twice; SciPy has them written out by hand.",
    compute=rosenbrock,
    published={
        "f, 10 points": "76.56",
        **{f"∂f/∂x{i}, 9 points": printed for i, printed in enumerate(_ROSENBROCK_SLOPES)},
        **{f"∂²f/∂x{ij[0]}∂x{ij[1]}, 4 points": printed for ij, printed in _ROSENBROCK_HESSIAN.items()},
    },
)


def pytorch_blitz() -> Work:
    """A mean over a matrix, and its gradient."""
    x = cr.symbols("x", shape=(2, 2))
    y = x + 2
    out = cr.mean(y * y * 3)
    program = cr.derive(out)
    at: dict[str, Any] = {"x": np.ones((2, 2))}
    results = program(**at)
    slopes = {f"∂out/∂x[{i},{j}]": results["dx"][i, j] for i in range(2) for j in range(2)}
    return Work({"out": results["value"], **slopes}, program, at)


PYTORCH = Entry(
    key="pytorch",
    title="A mean over a matrix: out = mean(3 (x + 2)^2)",
    year=2017,
    source="The PyTorch tutorials, Deep Learning with PyTorch: A 60 Minute Blitz, Autograd, as of version 1",
    about="The first backward pass of many who learned PyTorch, at a matrix of ones.",
    compute=pytorch_blitz,
    published={"out": "27", **{f"∂out/∂x[{i},{j}]": "4.5000" for i in range(2) for j in range(2)}},
)
