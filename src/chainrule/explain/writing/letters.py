"""LaTeX of names as a terminal and a drawing show it."""

from __future__ import annotations

import re

from chainrule.show.latex import latex_name

Piece = tuple[str, int]
"""Letters, and where they stand: 1 raised, -1 lowered, 0 on the line."""


def pieces(latex: str) -> list[Piece]:
    r"""LaTeX of a name, taken apart into letters on the line, raised and lowered ones.

    >>> pieces(r"W^{(1)}_{12}"), pieces(r"\hat{y}_{2}")
    ([('W', 0), ('(1)', 1), ('12', -1)], [('ŷ', 0), ('2', -1)])
    """
    text = re.sub(r"\\hat\{(\w)\}", lambda m: {"y": "ŷ"}.get(m[1], f"{m[1]}^"), latex)
    text = re.sub(r"\\(?:mathit|mathrm|text|operatorname)\{([^}]*)\}", r"\1", text)
    text = text.replace(r"\langle ", "<").replace(r" \rangle", ">")
    text = re.sub(r"\\([_%$&#])", r"\1", text)
    text = re.sub(r"\\(\w+)", lambda m: _LETTERS.get(m[1], m[1]), text)
    found: list[Piece] = []
    for sign, shifted, rest in re.findall(r"([\^_])\{([^{}]*)\}|([^{}^_]+|[\^_](?!\{))", text):
        level = {"^": 1, "_": -1, "": 0}[sign]
        if found and level == 0 == found[-1][1]:
            found[-1] = (found[-1][0] + rest, 0)
        else:
            found.append((shifted or rest, level))
    return [piece for piece in found if piece[0]]


def plain(latex: str) -> str:
    r"""LaTeX of a name as a terminal shows it: indices beside the letter, unless there are upper and lower ones.

    >>> plain(r"W^{(1)}_{12}"), plain(r"\hat{y}"), plain("O_{21}"), plain("{h_{1}}^{\\langle 2 \\rangle}"), plain("Y'")
    ('W⁽¹⁾₁₂', 'ŷ', 'O21', 'h₁<2>', "Y'")
    """
    found = pieces(latex)
    both = any(level == 1 for _, level in found)
    return "".join(_shifted(text, level) if both else text for text, level in found)


def in_words(name: str) -> str:
    r"""LaTeX of a name that someone else has given: in square brackets, as a condition is, unless it is one word.

    Letters that have a meaning in every LaTeX text become spaces.

    >>> in_words("age"), in_words("bill_length"), in_words("island=Biscoe"), in_words("share (%)"), in_words("W1")
    ('\\mathit{age}', '\\mathit{bill\\_length}', '[\\text{island=Biscoe}]', '[\\text{share (\\%)}]', '[\\text{W1}]')
    """
    if name.isidentifier() and not re.fullmatch(r"[WbzhXYL]\d*", name):
        return latex_name(name)
    safe = re.sub(r"([_%$&#])", r"\\\1", re.sub(r"[\\{}^~]", " ", name))
    return rf"[\text{{{safe}}}]"


def _shifted(text: str, level: int) -> str:
    """Raised or lowered letters, if there are such of all."""
    table = {1: _RAISED, -1: _LOWERED, 0: {}}[level]
    return text.translate(table) if all(ord(c) in table for c in text) else text


_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "lambda": "λ", "mu": "μ", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "psi": "ψ", "omega": "ω",
}  # fmt: skip

_RAISED = str.maketrans("0123456789()+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻")
_LOWERED = str.maketrans("0123456789()+-", "₀₁₂₃₄₅₆₇₈₉₍₎₊₋")
