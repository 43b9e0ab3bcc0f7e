"""A network's programs: prediction, loss, gradients, and a whole training step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chainrule.derivation import derive_program
from chainrule.errors import ArgumentError
from chainrule.expression import Expression, Label, lift, symbol
from chainrule.losses import Loss
from chainrule.nn.build import Build, Parameter, State
from chainrule.nn.layers import Dense, Layer, activation_name, activation_of
from chainrule.ops.arrays import concatenate, take
from chainrule.optim import Optimizer
from chainrule.passes import drop_unused, share_common, simplify
from chainrule.program import Program, Var
from chainrule.schedules import clock
from chainrule.shapes import Shape
from chainrule.trace import atom_expression, postorder, substitute, trace


@dataclass(frozen=True)
class Model:
    """What a network computes, before any numbers: layers, loss and penalties over inputs of known shapes."""

    layers: tuple[Layer, ...]
    loss: Loss
    inputs: tuple[tuple[str, Shape], ...]
    l1: float = 0.0
    l2: float = 0.0

    def assemble(self, *, training: bool) -> Assembled:
        """The expressions of prediction and objective."""
        symbols = {name: symbol(name, shape) for name, shape in self.inputs}
        build = Build(symbols, training)
        output = _linked(build.run(self.layers, next(iter(symbols.values()))), self.layers, self.loss, build)
        facts = frozenset({"rows_sum_to_one"}) if self.loss.target == "classes" else frozenset[str]()
        target = symbol("Y", output.shape, facts=facts)
        objective = self.loss.total(output, target)
        weights = [build.symbols[p.name] for p in build.parameters if p.penalised]
        for w in weights if self.l2 else ():
            objective = objective + self.l2 * (w**2).sum()
        for w in weights if self.l1 else ():
            objective = objective + self.l1 * abs(w).sum()
        return Assembled(build, output, target, objective.named("L"))

    def prediction_program(self) -> Program:
        """From the inputs to the prediction; every named value on the way is an output too."""
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

    def loss_program(self, *, training: bool = False, simplified: bool = True) -> Program:
        """The objective of a batch; in training, also the running states after it."""
        a = self.assemble(training=training)
        updates = {f"new_{name}": value for name, value in a.build.updates.items()}
        program = trace({"L": a.objective, **updates}, name="loss", inputs=a.symbols(target=True))
        return simplify(program) if simplified else program

    def gradients_program(self, *, training: bool = False, simplified: bool = True) -> Program:
        """The objective and its derivative by every parameter; in training, also the running states after it."""
        program = self.loss_program(training=training, simplified=simplified)
        wrt = [v.name for v in program.inputs if v.role == "parameter"]
        keep = [label for label, _ in program.outputs if label != "L"]
        derived = derive_program(program, wrt, "L", keep)
        return simplify(derived) if simplified else derived

    def step_program(self, optimizer: Optimizer, *, gather: bool = True) -> Program:
        """One training step: pick the rows, forward, loss, backward, update.

        Inputs: the data (with ``gather``, all of it as ``all_X`` and the numbers of the rows), ``theta``, the
        optimiser's slots, running states, and the constants of the schedule. Outputs: the loss ``L``, the rate
        ``lr``, and ``new_`` values of what is carried to the next step.
        """
        derived = self.gradients_program(training=True)
        data = [v for v in derived.inputs if v.role == "input"]
        given: dict[str, Expression] = {}
        inputs: list[Expression] = []
        if gather:
            rows = symbol("rows", ("B",), "int")
            for v in data:
                everything = symbol(f"all_{v.name}", ("N", *v.shape[1:]), v.dtype, facts=v.facts)
                given[v.name] = Expression(
                    v.shape, v.dtype, operation=take(everything, rows).operation, arguments=(everything, rows),
                    label=Label(v.name, section="rows"), facts=v.facts,
                )  # fmt: skip
                inputs.append(everything)
            inputs.append(rows)
        else:
            given |= {v.name: symbol(v.name, v.shape, v.dtype, facts=v.facts) for v in data}
            inputs += given.values()
        parameters = [v for v in derived.inputs if v.role == "parameter"]
        count = parameter_count([v.shape for v in parameters])
        theta = symbol("theta", (count,), role="parameter")
        given |= views(theta, {v.name: v.shape for v in parameters})
        known = substitute(derived, given)
        parts = [atom_expression(derived.output(f"d{v.name}"), known) for v in parameters]
        flat = [part.reshape(parameter_count([part.shape])) for part in parts]
        g = flat[0] if len(flat) == 1 else concatenate(*flat, axis=0)
        slots = {name: symbol(name, (count,), role="state") for name in optimizer.slots}
        t, S, T = clock()
        lr = lift(optimizer.schedule.rate(t - 1, S, T)).labelled(Label("lr", section="update"))
        new_theta, new_slots = optimizer.step(theta, g.labelled(Label("g", section="update")), slots, lr, t)
        carried = {"theta": new_theta, **new_slots}
        outputs = {"L": known[derived.output("L").name], "lr": lr}  # type: ignore[union-attr]
        for name, value in carried.items():
            outputs[f"new_{name}"] = value.labelled(Label(f"new_{name}", section="update"))
        for label, atom in derived.outputs:
            if label.startswith("new_"):
                outputs[label] = atom_expression(atom, known)
        states = [known[v.name] for v in derived.inputs if v.role == "state"]
        constants = [known[v.name] for v in derived.inputs if v.role == "constant"]
        rest = [s for s in _constants_of(outputs.values()) if s.name not in {c.name for c in constants}]
        named = [known[e.target.name] for e in derived.equations if not e.target.anonymous]
        order = [*given.values(), *named]
        return share_common(
            trace(
                outputs,
                name="training_step",
                inputs=[*inputs, theta, *slots.values(), *states, *constants, *rest],
                order=order,
            )
        )


@dataclass(frozen=True)
class Assembled:
    """The expressions of a model."""

    build: Build
    prediction: Expression
    target: Expression
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
        """Inputs of the model's programs: data, target, parameters, running states, key and step."""
        data = [*self.build.inputs.values(), *([self.target] if target else [])]
        return [*data, *self.build.symbols.values()]


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


def parameter_count(shapes: list[Shape]) -> int:
    """The number of elements in arrays of these shapes."""
    total = 0
    for shape in shapes:
        elements = 1
        for size in shape:
            assert isinstance(size, int)
            elements *= size
        total += elements
    return total


def views(theta: Expression, shapes: Mapping[str, Shape]) -> dict[str, Expression]:
    """The parameters as parts of the flat vector, one after another."""
    result, start = {}, 0
    for name, shape in shapes.items():
        stop = start + parameter_count([shape])
        result[name] = theta[start:stop].reshape(*shape).labelled(Label(name, section="parameters"))
        start = stop
    return result


def _constants_of(outputs: Iterable[Expression]) -> list[Expression]:
    """The constants that expressions read, in order of first use."""
    nodes = (n for n, _ in postorder(outputs))
    return list({n.name: n for n in nodes if n.role == "constant"}.values())
