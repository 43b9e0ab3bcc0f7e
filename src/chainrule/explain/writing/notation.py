r"""Notations: the letters, indices and conventions in which an explanation is written.

A course writes :math:`W^{(1)}_{12}`, another ``W112``, a third ``w_{21}`` with column vectors. Programs have one
convention (rows of ``X`` are samples, ``z = x @ W + b``); a notation says how their values are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from chainrule.document import Formula
from chainrule.errors import ArgumentError, unknown_name
from chainrule.explain.scalars import Element
from chainrule.explain.writing.letters import in_words, plain
from chainrule.show.latex import latex_name


@dataclass(frozen=True)
class Notation:
    r"""How values of a network are written.

    Templates are LaTeX with placeholders: ``<l>`` the number of the layer, ``<next>`` that of the next, ``<i>`` the
    unit from which a weight comes, ``<j>`` the unit to which it leads (or the unit or feature itself). Units and rows
    count from ``first``.

    Args:
        name: what the profile is called.
        weight, bias, net, activation: of layer ``<l>``; ``net`` is the sum before the activation function.
        prediction: the output of the last layer; empty to write it like any other layer's output.
        input, target, loss: the data, the value aimed at, and what is minimised.
        function: a letter for activation functions, such as ``\varphi``; empty to write each by its own name.
        sigma: how the logistic function is written.
        rate: the learning rate.
        columns: whether vectors are columns (``W a + b``) instead of rows (``x W + b``).
        first: the number of the first unit and row, 0 or 1.
        linear_as_net: whether the sum of a layer without an activation function keeps the letter of a sum; else it
            has that of the layer's output, which it is as well.
        only_prediction: whether the index of the unit is dropped where the last layer has one unit only.
        names: letters of your own for single values, by the name of the variable or element (``{"X[0]": "c"}`` for
            the first feature of every row).
        features: the names that the features have in a table, in plain words.

    >>> from dataclasses import replace
    >>> from chainrule.explain.scalars import Element
    >>> NOTATIONS["indexed"].element(Element("W1", (0, 1))).text
    'W112'
    >>> mine = replace(NOTATIONS["textbook"], weight="w^{<l>}_{<i><j>}")
    >>> mine.element(Element("W1", (0, 1))).latex
    'w^{1}_{12}'
    """

    name: str
    weight: str = "W_{<l>}[<i>,<j>]"
    bias: str = "b_{<l>}[<j>]"
    net: str = "z_{<l>}[<j>]"
    activation: str = "h_{<l>}[<j>]"
    prediction: str = ""
    input: str = "X[<j>]"
    target: str = "Y[<j>]"
    loss: str = "L"
    function: str = ""
    sigma: str = r"\sigma"
    rate: str = r"\eta"
    columns: bool = False
    first: int = 0
    linear_as_net: bool = False
    only_prediction: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.first not in (0, 1):
            raise ArgumentError(f"units count from 0 or from 1, not from {self.first!r}")

    def element(
        self, element: Element, layers: Layers | None = None, *, alone: bool = True, single: bool = False
    ) -> Formula:
        """One element of a value.

        Args:
            element: which.
            layers: of which network; without it, of one in which every layer has an activation function.
            alone: whether its row is the only one, so that the row is not written.
            single: whether a row has one prediction only.
        """
        row = element.index[0] if element.rows else None
        rest = element.index[1:] if element.rows else element.index
        own = self.names.get(str(Element(element.name, rest))) or self.names.get(element.name)
        if own is None and element.name == "X" and len(rest) == 1 and rest[0] < len(self.features):
            own = in_words(self.features[rest[0]])
        template = self._template(element.name, layers)
        if own is None and not template:
            places = ",".join(str(i + self.first) for i in rest)
            text = element.name + (f"[{places}]" if places else "")
            latex = latex_name(element.name) + (f"[{places}]" if places else "")
        else:
            dropped = single and self.only_prediction and template in (self.prediction, self.target)
            latex = own or self._filled(template, element.name, () if dropped else rest)
            text = plain(latex)
        if row is None or alone:
            return Formula(latex, text)
        return Formula(_with_row(latex, row + self.first), f"{text}<{row + self.first}>")

    def array(self, name: str, layers: Layers) -> Formula:
        """A whole array: the template without the places of units."""
        own = self.names.get(name)
        template = self._template(name, layers)
        if own is None and not template:
            return Formula(latex_name(name), name)
        latex = own or _numbered(re.sub(r"\[[<>ij,]*\]|[_^]\{[<>ij,]*\}|<[ij]>", "", template), name)
        return Formula(latex, plain(latex))

    def _template(self, name: str, layers: Layers | None) -> str:
        match = re.fullmatch(r"(W|b|z|h|X|Y|L)(\d*)", name)
        if match is None:
            return ""
        letter, layer = match[1], match[2]
        linear = layers is not None and layers.linear(name)
        final = layers is not None and layer == str(layers.last)
        if letter in "zh" and final and (letter == "h" or linear) and self.prediction:
            return self.prediction
        if letter == "z" and linear and not self.linear_as_net:
            return self.activation
        fields = {"W": self.weight, "b": self.bias, "z": self.net, "h": self.activation}
        return {**fields, "X": self.input, "Y": self.target, "L": self.loss}[letter]

    def _filled(self, template: str, name: str, index: tuple[int, ...]) -> str:
        numbers = [str(i + self.first) for i in index]
        to = numbers[-1] if numbers else ""
        source = numbers[0] if len(numbers) > 1 else ""
        filled = _numbered(template, name).replace("<i>", source).replace("<j>", to)
        return re.sub(r"\[\]|[_^]\{\}", "", filled)


def _numbered(template: str, name: str) -> str:
    """The template with the numbers of the layer of a value and of the next in place."""
    layer = re.sub(r"\D", "", name)
    return template.replace("<l>", layer).replace("<next>", str(int(layer) + 1) if layer else "")


def _with_row(latex: str, row: int) -> str:
    """The number of the row of the batch, as an upper index in parentheses in front of what stands there."""
    return rf"{{{latex}}}^{{\langle {row} \rangle}}"


NOTATIONS: dict[str, Notation] = {
    n.name: n
    for n in (
        Notation("names", linear_as_net=True),
        Notation(
            "textbook",
            weight="W^{(<l>)}_{<i><j>}",
            bias="b^{(<l>)}_{<j>}",
            net="z^{(<l>)}_{<j>}",
            activation="h^{(<l>)}_{<j>}",
            prediction=r"\hat{y}_{<j>}",
            input="x_{<j>}",
            target="y_{<j>}",
            first=1,
            only_prediction=True,
        ),
        Notation(
            "columns",
            weight="W^{[<l>]}_{<j><i>}",
            bias="b^{[<l>]}_{<j>}",
            net="z^{[<l>]}_{<j>}",
            activation="a^{[<l>]}_{<j>}",
            prediction=r"\hat{y}_{<j>}",
            input="x_{<j>}",
            target="y_{<j>}",
            loss="J",
            rate=r"\alpha",
            columns=True,
            first=1,
            only_prediction=True,
        ),
        Notation(
            "indexed",
            weight="W_{<l><i><j>}",
            bias="b_{<l><j>}",
            net="Z_{<l><j>}",
            activation="O_{<l><j>}",
            prediction="Y'_{<j>}",
            input="X_{<j>}",
            target="Y_{<j>}",
            first=1,
            only_prediction=True,
        ),
        Notation(
            "net",
            weight="w^{(<l>)}_{<i><j>}",
            bias="b^{(<l>)}_{<j>}",
            net=r"\mathit{net}^{(<l>)}_{<j>}",
            activation="o^{(<l>)}_{<j>}",
            prediction="f_{<j>}",
            input="x_{<j>}",
            target="y_{<j>}",
            loss="E",
            first=1,
            only_prediction=True,
        ),
        Notation(
            "phi",
            weight="w^{(<l>)}_{<j><i>}",
            bias="b^{(<l>)}_{<j>}",
            net="t^{(<l>)}_{<j>}",
            activation=r"x^{(<next>)}_{<j>}",
            input="x^{(1)}_{<j>}",
            target="y_{<j>}",
            function=r"\varphi",
            rate=r"\eta",
            columns=True,
            first=1,
            only_prediction=True,
        ),
    )
}
"""The profiles that come with the package."""


@dataclass(frozen=True)
class Layers:
    """What a notation needs to know of a network: the number of its last layer, and which layers have activations."""

    last: int
    active: frozenset[int]

    @staticmethod
    def of(names: Iterable[str]) -> Layers:
        """From the names of a network's values: ``z1``, ``h1``, ``z2``, ..."""
        found = [(m[1], int(m[2])) for name in names if (m := re.fullmatch(r"([zh])(\d+)", name))]
        active = frozenset(number for letter, number in found if letter == "h")
        return Layers(max((number for _, number in found), default=0), active)

    def linear(self, name: str) -> bool:
        """Whether the value belongs to a layer without an activation function."""
        number = re.sub(r"\D", "", name)
        return not number or int(number) not in self.active


def namer(notation: Notation, elements: Mapping[str, Element]) -> Callable[[str], Formula]:
    """How the scalars of a network are written; the elements say which layer is the last and which have activations."""
    layers = Layers.of(e.name for e in elements.values())
    alone = all(e.index[0] == 0 for e in elements.values() if e.rows)
    single = all(e.index[-1] == 0 for e in elements.values() if re.fullmatch(rf"[zh]{layers.last}|Y", e.name))

    def name(variable: str) -> Formula:
        if variable not in elements:
            latex = latex_name(variable)
            return Formula(latex, variable)
        element = elements[variable]
        return notation.element(element, layers, alone=alone, single=single)

    return name


def notation_of(choice: Notation | str) -> Notation:
    """A notation by its name, or the one that was given."""
    if isinstance(choice, Notation):
        return choice
    if choice not in NOTATIONS:
        raise unknown_name("notation", choice, NOTATIONS)
    return NOTATIONS[choice]


def conventions(notation: Notation) -> str:
    """In words, how the notation reads."""
    product = "W a + b with column vectors" if notation.columns else "x W + b with rows as samples"
    order = "to, from" if _to_first(notation) else "from, to"
    features = " Features have the names of the table and the values that the network takes." * bool(notation.features)
    return (
        f"Notation {notation.name!r}: {product}; the indices of a weight are ({order}), counted from {notation.first}."
        f"{features}"
    )


def _to_first(notation: Notation) -> bool:
    return notation.weight.find("<j>") < notation.weight.find("<i>")
