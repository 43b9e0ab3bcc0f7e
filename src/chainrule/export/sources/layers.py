"""Products with parameters as the layers that frameworks have for them: x W + b as a call of a dense layer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from chainrule.expression import Operation, Spelling
from chainrule.program import Atom, Equation, Program, Var

CALL: Final = Operation(
    "call",
    ("x",),
    shape=lambda x, layer: x,
    python=Spelling(lambda x, attributes: f"self.{attributes['layer']}({x})"),
    latex=Spelling(""),
    words=Spelling(""),
)
"""A call of a layer; it stands in printed programs alone."""


@dataclass(frozen=True)
class FrameworkLayer:
    """A layer of a framework.

    Attributes:
        name: its name in the class.
        kind: ``dense``, x W + b; or ``embedding``, rows of a table.
        weight: W, shape (inputs, units), or the table.
        bias: b, shape (units,), where there is one.
    """

    name: str
    kind: Literal["dense", "embedding"]
    weight: Var
    bias: Var | None = None

    @property
    def sizes(self) -> tuple[int, int]:
        """Inputs and units, or rows and columns of the table."""
        inputs, units = map(int, self.weight.shape)
        return inputs, units


def with_layers(program: Program) -> tuple[Program, tuple[FrameworkLayer, ...]]:
    """The program with layers called, and these layers; a parameter that is read twice stays a parameter."""
    uses = Counter(a.name for e in program.equations for a in e.arguments if isinstance(a, Var))
    uses.update(a.name for _, a in program.outputs if isinstance(a, Var))
    own = {v.name for v in program.inputs if v.role == "parameter" and uses[v.name] == 1}
    products = {e.target.name: e for e in program.equations if e.operation.name == "matmul" and _reads(e, 1, own)}
    biases = {e.target.name: found for e in program.equations if (found := _product_and_bias(e, products, uses, own))}
    inside = {product.target.name for product, _ in biases.values()}
    equations: list[Equation] = []
    layers: list[FrameworkLayer] = []
    for e in program.equations:
        if e.target.name in inside:
            continue
        if e.target.name in biases or e.target.name in products:
            product, bias = biases.get(e.target.name, (e, None))
            x, weight = product.arguments
            layer = _layer("dense", weight, bias)
        elif e.operation.name == "take" and _reads(e, 0, own):
            weight, x = e.arguments
            layer = _layer("embedding", weight, None)
        else:
            equations.append(e)
            continue
        layers.append(layer)
        equations.append(Equation(e.target, CALL, (x,), (("layer", layer.name),), e.origin, e.section))
    hidden = {v.name for layer in layers for v in (layer.weight, layer.bias) if v is not None}
    inputs = tuple(v for v in program.inputs if v.name not in hidden)
    return Program(program.name, inputs, tuple(equations), program.outputs), tuple(layers)


def _reads(equation: Equation, place: int, own: Collection[str]) -> bool:
    """Whether an argument is a matrix of parameters that nothing else reads."""
    argument = equation.arguments[place]
    return isinstance(argument, Var) and argument.name in own and len(argument.shape) == 2


def _product_and_bias(
    equation: Equation, products: Mapping[str, Equation], uses: Mapping[str, int], own: Collection[str]
) -> tuple[Equation, Var] | None:
    """The product of x W + b and its b, if the equation adds these."""
    if equation.operation.name != "add":
        return None
    for product, bias in (equation.arguments, equation.arguments[::-1]):
        if not isinstance(product, Var) or not isinstance(bias, Var):
            return None
        if product.name in products and uses[product.name] == 1 and bias.name in own:
            fits = bias.shape == product.shape[-1:]
            return (products[product.name], bias) if fits else None
    return None


def _layer(kind: Literal["dense", "embedding"], weight: Atom, bias: Var | None) -> FrameworkLayer:
    assert isinstance(weight, Var)
    return FrameworkLayer(_named(kind, weight), kind, weight, bias)


def _named(kind: str, parameter: Var) -> str:
    """``dense1`` for ``W1``."""
    number = re.fullmatch(r"[A-Za-z]+(\d+)", parameter.name)
    return f"{kind}{number[1]}" if number else f"{kind}_{parameter.name}"
