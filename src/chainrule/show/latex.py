"""Programs as LaTeX."""

from __future__ import annotations

import re

from chainrule.program import Program, Var
from chainrule.show.layout import Language, Written, lay_out

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
    ]
)


def to_latex(program: Program) -> str:
    """The program as an ``aligned`` block, one line an equation.

    The adjoint of ``v`` is written as the derivative by ``v`` of the value that was derived.
    """

    def name(shown: str, var: Var) -> str:
        return _derivative(*var.derivative) if var.derivative else latex_name(shown)

    language = Language(name, latex_number, lambda operation: operation.latex)
    layout = lay_out(program, language)
    shown = {line.equation.target.name for line in layout.lines}
    rows = [f"{line.name} &= {line.text}" for line in layout.lines]
    for (label, atom), (_, text) in zip(program.outputs, layout.outputs, strict=True):
        # An output that is a number, or another variable under a second name.
        if not isinstance(atom, Var) or (atom.name not in shown and atom.name != label):
            rows.append(f"{latex_name(label)} &= {text}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _derivative(value: str, *by: str) -> str:
    """The derivative of a value by one variable, or by several in turn."""
    order = f"^{{{len(by)}}}" if len(by) > 1 else ""
    below = " ".join(
        rf"\partial {latex_name(v)}" + (f"^{{{by.count(v)}}}" if by.count(v) > 1 else "") for v in dict.fromkeys(by)
    )
    return rf"\frac{{\partial{order} {latex_name(value)}}}{{{below}}}"


def latex_name(name: str) -> str:
    r"""A variable's name as mathematics.

    >>> latex_name("W1"), latex_name("theta"), latex_name("learning_rate"), latex_name("x_n")
    ('W_{1}', '\\theta', '\\mathit{learning\\_rate}', 'x_{n}')
    """
    match = re.fullmatch(r"([A-Za-z]+)(?:_?(\d+)|_([a-z]))?", name)
    if match is None or (len(match[1]) > 2 and match[1] not in GREEK):
        return rf"\mathit{{{name.replace('_', chr(92) + '_')}}}"
    letters, index = match[1], match[2] or match[3]
    base = rf"\{letters}" if letters in GREEK else letters if len(letters) == 1 else rf"\mathit{{{letters}}}"
    return base if index is None else f"{base}_{{{index}}}"


def latex_number(value: float | int) -> Written:
    """A number: whole numbers without a point, large and small ones with a power of ten."""
    text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
    text = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(text, text)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return Written(text, 15 if text.startswith("-") else 100)
    power = f"10^{{{int(exponent)}}}"
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-")
    return Written(sign + (power if digits == "1" else rf"{digits} \cdot {power}"), 15 if sign else 20)
