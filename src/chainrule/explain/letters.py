"""LaTeX of names as a terminal shows it."""

from __future__ import annotations

import re


def plain(latex: str) -> str:
    r"""LaTeX of a name as a terminal shows it.

    >>> plain(r"W^{(1)}_{12}"), plain(r"\hat{y}"), plain("O_{21}"), plain("{h_{1}}^{\\langle 2 \\rangle}"), plain("Y'")
    ('W(1)_12', 'ŷ', 'O21', 'h_1<2>', "Y'")
    """
    text = re.sub(r"\\hat\{(\w)\}", lambda m: {"y": "ŷ"}.get(m[1], f"{m[1]}^"), latex)
    text = re.sub(r"\\(?:mathit|mathrm|text|operatorname)\{([^}]*)\}", r"\1", text)
    text = text.replace(r"\langle ", "<").replace(r" \rangle", ">").replace(r"\_", "_")
    text = re.sub(r"\\(\w+)", lambda m: _LETTERS.get(m[1], m[1]), text)
    joined = "_" if "^{" in text else ""
    text = re.sub(r"\^\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"_\{([^{}]*)\}", rf"{joined}\1", text)
    return re.sub(r"[{}]", "", text)


_LETTERS = {"sigma": "σ", "varphi": "φ", "phi": "φ", "eta": "η", "alpha": "α", "lambda": "λ", "theta": "θ"}
