"""A network's programs: prediction, loss and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainrule.derivation import derive_program
from chainrule.errors import ArgumentError, require
from chainrule.expression import Expression, Operation, symbol
from chainrule.losses import Loss
from chainrule.nn.activations import activation_name, activation_of
from chainrule.nn.build import Build, Parameter, State
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Dense
from chainrule.nn.step import step_program
from chainrule.optim import Optimizer
from chainrule.passes import drop_unused, simplify
from chainrule.program import Program, Var
from chainrule.shapes import Shape
from chainrule.trace import trace


@dataclass(frozen=True)
class Model:
    """What a network computes, before any numbers: layers, loss and penalties over inputs of known shapes."""

    layers: tuple[Layer, ...]
    loss: Loss
    inputs: tuple[tuple[str, Shape], ...]
    l1: float = 0.0
    l2: float = 0.0

    def assemble(self, *, training: bool, weighted: bool = False) -> Assembled:
        """The expressions of prediction and objective; ``weighted`` if rows have weights ``w``."""
        symbols = {name: symbol(name, shape) for name, shape in self.inputs}
        build = Build(symbols, training)
        output = _linked(build.run(self.layers, next(iter(symbols.values()))), self.layers, self.loss, build)
        facts = frozenset({"rows_sum_to_one"}) if self.loss.target == "classes" else frozenset[str]()
        target = symbol("Y", output.shape, facts=facts)
        require(not (weighted and "w" in symbols), "an input is called w, as the weights of rows are: rename it")
        weight = symbol("w", output.shape[:1], facts=frozenset({"row_weights"})) if weighted else None
        objective = self.loss.total(output, target, weight)
        weights = [build.symbols[p.name] for p in build.parameters if p.penalised]
        for w in weights if self.l2 else ():
            objective = objective + self.l2 * (w**2).sum()
        for w in weights if self.l1 else ():
            objective = objective + self.l1 * abs(w).sum()
        return Assembled(build, output, target, weight, objective.named("L"))

    @property
    def ending(self) -> tuple[Callable[[Expression], Expression] | None, tuple[str, str]]:
        """The output's activation function (nothing for a linear output), and the names before and after it."""
        output = self.assemble(training=False).prediction
        assert output.name is not None
        assert output.operation is not None
        net, *settings = output.arguments
        if net.name is None or net.shape != output.shape or any(s.literal is None for s in settings):
            return None, (output.name, output.name)
        return partial(_applied, output.operation, settings, output.attributes), (net.name, output.name)

    def prediction_program(self) -> Program:
        """From the inputs to the prediction."""
        a = self.assemble(training=False)
        return simplify(trace({"prediction": a.prediction}, name="predict", inputs=a.symbols(target=False)))

    def activations_program(self) -> Program:
        """Like :meth:`prediction_program`, with every named value on the way as an output."""
        a = self.assemble(training=False)
        inner = trace({"prediction": a.prediction}, inputs=a.symbols(target=False))
        named = {e.target.name: e.target for e in inner.equations if not e.target.anonymous}
        return Program("activations", inner.inputs, inner.equations, tuple(named.items()))

    def codes_program(self) -> Program:
        """What the tables of embeddings are read with, by the name of the table, before it is cut to whole numbers."""
        a = self.assemble(training=False)
        inner = trace({"prediction": a.prediction}, inputs=a.symbols(target=False))
        made = {e.target.name: e for e in inner.equations}
        read = {}
        for equation in inner.equations:
            table, *indices = equation.arguments
            if equation.operation.name == "take" and isinstance(table, Var) and table.role == "parameter":
                source = made.get(getattr(indices[0], "name", ""))
                read[table.name] = source.arguments[0] if source is not None else indices[0]
        whole = Program("codes", inner.inputs, inner.equations, tuple(read.items()))
        needed = drop_unused(whole)
        used = {v.name for e in needed.equations for v in e.arguments if isinstance(v, Var)}
        used |= {v.name for v in read.values() if isinstance(v, Var)}
        return replace(needed, inputs=tuple(v for v in inner.inputs if v.name in used))

    def loss_program(self, *, training: bool = False, simplified: bool = True, weighted: bool = False) -> Program:
        """The objective of a batch; in training, also the running states after it."""
        a = self.assemble(training=training, weighted=weighted)
        updates = {f"new_{name}": value for name, value in a.build.updates.items()}
        program = trace({"L": a.objective, **updates}, name="loss", inputs=a.symbols(target=True))
        return simplify(program) if simplified else program

    def outcome_program(self, *, weighted: bool = False) -> Program:
        """The prediction and the objective of a batch, in one pass."""
        a = self.assemble(training=False, weighted=weighted)
        outputs = {"prediction": a.prediction, "L": a.objective}
        return simplify(trace(outputs, name="outcome", inputs=a.symbols(target=True)))

    def gradients_program(self, *, training: bool = False, simplified: bool = True, weighted: bool = False) -> Program:
        """The objective and its derivative by every parameter; in training, also the running states after it."""
        program = self.loss_program(training=training, simplified=simplified, weighted=weighted)
        wrt = [v.name for v in program.inputs if v.role == "parameter"]
        keep = [label for label, _ in program.outputs if label != "L"]
        derived = derive_program(program, wrt, "L", keep)
        return simplify(derived) if simplified else derived

    def step_program(self, optimizer: Optimizer, *, gather: bool = True, weighted: bool = False) -> Program:
        """One training step; see :func:`chainrule.nn.step.step_program`."""
        return step_program(self.gradients_program(training=True, weighted=weighted), optimizer, gather=gather)

    def online_program(self, optimizer: Optimizer) -> Program:
        """One training step that also gives the prediction of its rows before the update; its loss is that of it."""
        gradients, outcome = self.gradients_program(training=True), self.outcome_program()
        return drop_unused(step_program(gradients, optimizer, outcome=outcome))


@dataclass(frozen=True)
class Assembled:
    """The expressions of a model."""

    build: Build
    prediction: Expression
    target: Expression
    weight: Expression | None
    objective: Expression

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters, in order."""
        return self.build.parameters

    @property
    def states(self) -> list[State]:
        """The running states, in order."""
        return self.build.states

    def symbols(self, *, target: bool) -> list[Expression]:
        """Inputs of the model's programs: data, target, weights of rows, parameters, running states, key and step."""
        data = [*self.build.inputs.values(), *([self.target] if target else [])]
        weight = [self.weight] if target and self.weight is not None else []
        return [*data, *weight, *self.build.symbols.values()]


def _applied(
    operation: Operation, settings: list[Expression], attributes: Mapping[str, Any], net: Expression
) -> Expression:
    return operation(net, *settings, **attributes)


def _linked(output: Expression, layers: tuple[Layer, ...], loss: Loss, build: Build) -> Expression:
    """The output under the activation that the loss wants, if its last layer has none."""
    last = layers[-1]
    if isinstance(last, Dense) and last.activation is None and loss.link != "linear":
        operation = activation_of(loss.link)
        assert operation is not None
        output = operation(output).named(f"h{build.counters['Dense']}")
    name = output.operation.name if output.operation is not None else "linear"
    if loss.outputs and name not in loss.outputs:
        stated = activation_name(getattr(last, "activation", None)) or "linear"
        raise ArgumentError(
            f"{loss.name} is defined for an output that is {' or '.join(loss.outputs)}, not {stated}: "
            f"leave the activation of the last Dense layer out, or make it {loss.outputs[0]!r}"
        )
    return output
