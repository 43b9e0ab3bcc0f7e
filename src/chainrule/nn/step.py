"""A whole training step as one program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from chainrule.expression import Expression, Label, lift, symbol
from chainrule.ops.arrays import concatenate, take
from chainrule.optim import Optimizer
from chainrule.passes import share_common
from chainrule.program import Program, Var
from chainrule.schedules import clock
from chainrule.shapes import Shape
from chainrule.trace import atom_expression, postorder, substitute, trace


def step_program(
    gradients: Program, optimizer: Optimizer, *, gather: bool = True, outcome: Program | None = None
) -> Program:
    """One training step: pick the rows, forward, loss, backward, update.

    Args:
        gradients: the loss ``L`` and its gradients, with the running states after the batch as ``new_`` outputs.
        optimizer: how parameters change.
        gather: whether the step takes all the data, as ``all_X``, and the numbers of its rows; else ``X`` itself.
        outcome: the ``prediction`` and the loss of a batch as the network gives them outside training, where the step
            is to say what was predicted before it learnt.

    Returns:
        A program of the data, ``theta``, the optimiser's slots, running states, and the constants of the schedule. Its
        outputs are the loss ``L``, the rate ``lr``, and the ``new_`` values of what is carried to the next step. With
        an ``outcome``, ``L`` is the loss of that, and ``prediction`` an output too.
    """
    parameters = _of_role(gradients, "parameter")
    count = _elements(v.shape for v in parameters)
    theta = symbol("theta", (count,), role="parameter")
    slots = {name: symbol(name, (count,), role="state") for name in optimizer.slots}
    inputs, data = _data(_of_role(gradients, "input"), gather)
    given = {**data, **_views(theta, parameters)}
    known = substitute(gradients, given)
    t, S, T = clock()
    lr = lift(optimizer.schedule.rate(t - 1, S, T)).labelled(Label("lr", section="update"))
    g = _gradient(gradients, parameters, known).labelled(Label("g", section="update"))
    new_theta, new_slots = optimizer.step(theta, g, slots, lr, t)
    carried = {f"new_{name}": value for name, value in {"theta": new_theta, **new_slots}.items()}
    before = known if outcome is None else substitute(outcome, {v.name: known[v.name] for v in outcome.inputs})
    loss = (gradients if outcome is None else outcome).output("L")
    outputs = {"L": atom_expression(loss, before), "lr": lr}
    outputs |= {label: value.labelled(Label(label, section="update")) for label, value in carried.items()}
    outputs |= {k: atom_expression(atom, known) for k, atom in gradients.outputs if k.startswith("new_")}
    if outcome is not None:
        outputs["prediction"] = atom_expression(outcome.output("prediction"), before)
    carried_in = [*slots.values(), *(known[v.name] for v in _of_role(gradients, "state"))]
    named = [known[e.target.name] for e in gradients.equations if not e.target.anonymous]
    program = trace(
        outputs,
        name="training_step",
        inputs=[*inputs, theta, *carried_in, *_further(outputs.values(), carried_in)],
        order=[*given.values(), *named],
    )
    return share_common(program)


def _of_role(program: Program, role: str) -> list[Var]:
    return [v for v in program.inputs if v.role == role]


def _data(wanted: Iterable[Var], gather: bool) -> tuple[list[Expression], dict[str, Expression]]:
    """The data that a step takes, and the batch that it makes of them."""
    if not gather:
        batch = {v.name: symbol(v.name, v.shape, v.dtype, facts=v.facts) for v in wanted}
        return list(batch.values()), batch
    rows = symbol("rows", ("B",), "int")
    inputs, batch = [], {}
    for v in wanted:
        everything = symbol(f"all_{v.name}", ("N", *v.shape[1:]), v.dtype, facts=v.facts)
        taken = take(everything, rows)
        batch[v.name] = taken.labelled(Label(v.name, section="rows"))
        inputs.append(everything)
    return [*inputs, rows], batch


def _views(theta: Expression, parameters: Iterable[Var]) -> dict[str, Expression]:
    """The parameters as parts of the flat vector, one after another."""
    result, start = {}, 0
    for v in parameters:
        stop = start + _elements([v.shape])
        result[v.name] = theta[start:stop].reshape(*v.shape).labelled(Label(v.name, section="parameters"))
        start = stop
    return result


def _gradient(gradients: Program, parameters: Iterable[Var], known: Mapping[str, Expression]) -> Expression:
    """The derivatives by all parameters as one flat vector."""
    parts = [atom_expression(gradients.output(f"d{v.name}"), known) for v in parameters]
    flat = [part.reshape(_elements([part.shape])) for part in parts]
    return flat[0] if len(flat) == 1 else concatenate(*flat, axis=0)


def _elements(shapes: Iterable[Shape]) -> int:
    """The number of elements in arrays of these shapes, whose sizes are all known."""
    return sum(prod(int(size) for size in shape) for shape in shapes)


def _further(outputs: Iterable[Expression], states: Iterable[Expression]) -> list[Expression]:
    """What else expressions read, in order of first use: constants, and states of the optimiser's own."""
    nodes = (node for node, _ in postorder(outputs))
    taken = {state.name for state in states}
    return list({n.name: n for n in nodes if n.role in ("constant", "state") and n.name not in taken}.values())
