"""The intermediate representation: what it refuses, and what makes two programs the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

import chainrule as cr
from chainrule.errors import ProgramError, UnknownNameError
from chainrule.expression import symbol
from chainrule.program import Equation, Literal, Program, Var, typecheck
from chainrule.trace import expressions_of, trace

X = Var("X", ("B", 3), role="input")
W = Var("W", (3, 2), role="parameter")
MATMUL, TANH, ADD, LESS = (cr.operations[n] for n in ("matmul", "tanh", "add", "less"))


def program(*equations, inputs=(X, W), outputs=None):
    last = equations[-1].target if equations else inputs[0]
    return Program("p", tuple(inputs), equations, tuple(outputs or [("out", last)]))


Z = Equation(Var("z", ("B", 2)), MATMUL, (X, W))
TRUTH = Equation(Var("t", ("B", 3), "bool"), LESS, (X, Literal(0)))
WIDE = Equation(Var("h", ("B", 3)), TANH, (X,))
H = Equation(Var("h", ("B", 2)), TANH, (Z.target,))


def test_a_right_program_passes():
    assert typecheck(program(Z, H)) == program(Z, H)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (program(Z, inputs=(replace(X, role=None), W)), "the input X has no role"),
        (program(H, Z), "uses z, which is not defined before it"),
        (program(Z, replace(H, target=replace(H.target, name="z"))), "z is assigned twice"),
        (program(Z, replace(H, target=replace(H.target, name="X"))), "X is assigned twice"),
        (program(Z, replace(H, target=replace(H.target, name="B"))), "both a variable and a size"),
        (program(replace(Z, target=replace(Z.target, name="2z"))), "cannot be the name"),
        (program(replace(Z, target=replace(Z.target, name="class"))), "cannot be the name"),
        (program(replace(Z, target=replace(Z.target, shape=("B", 3)))), r"has shape \(B, 2\), not \(B, 3\)"),
        (program(replace(Z, arguments=(W, X))), "2 columns meet B rows"),
        (
            program(Z, replace(H, arguments=(replace(Z.target, shape=("B", 9)),))),
            "uses z, which is not defined",
        ),
        (program(Z, replace(H, arguments=(Z.target, Z.target))), "has 2 arguments, not 1"),
        (program(Z, outputs=[("out", H.target)]), "the output out is h, which is not defined"),
        (program(Z, outputs=[("out", Z.target), ("out", X)]), "two outputs share a label"),
        (
            program(TRUTH, replace(WIDE, arguments=(TRUTH.target,))),
            "needs floats: convert with to_float",
        ),
        (program(replace(WIDE, target=replace(WIDE.target, dtype="bool"))), "gives float values, not bool"),
        (program(Equation(Var("t", ("B", 3)), LESS, (X, Literal(0)))), "gives bool values, not float"),
        (
            program(Equation(Var("t", ("B", 3), "int"), ADD, (X, Literal(1)))),
            "gives float values, not int",
        ),
    ],
)
def test_each_broken_rule_is_refused(wrong, message):
    with pytest.raises(ProgramError, match=message):
        typecheck(wrong)


def network():
    x, y = symbol("X", ("B", 3)), symbol("Y", ("B", 2), facts=frozenset({"rows_sum_to_one"}))
    w, b = symbol("W", (3, 2), role="parameter"), symbol("b", (2,), role="parameter")
    z = (x @ w + b).named("z")
    return cr.derive(cr.sum(-cr.mean(y * cr.log(cr.softmax(z)), axis=0)), wrt="W b")


def test_programs_are_equal_when_they_compute_the_same():
    assert network() == network()
    assert hash(network()) == hash(network())
    assert network().fingerprint == network().fingerprint
    x = cr.symbols("x")
    assert trace({"y": x * 2}) != trace({"y": 2 * x})
    assert trace({"y": x * 2}).fingerprint != trace({"y": x * 3}).fingerprint


def test_where_a_line_comes_from_does_not_count():
    original = program(Z, H)
    annotated = program(replace(Z, origin="from a book", section="backward"), H)
    assert annotated == original
    assert annotated.fingerprint == original.fingerprint


def test_the_fingerprint_tells_programs_apart():
    base = program(Z, H)
    others = [
        replace(base, name="q"),
        program(Z),
        program(Z, replace(H, operation=cr.operations["sigmoid"])),
        program(Z, H, outputs=[("other", H.target)]),
        program(Z, H, outputs=[("out", H.target), ("z", Z.target)]),
    ]
    assert len({p.fingerprint for p in [base, *others]}) == 1 + len(others)


@pytest.mark.parametrize("seed", ["0", "1", "4321"])
def test_the_fingerprint_is_the_same_in_every_process(seed):
    code = (
        "import chainrule as cr\n"
        "from chainrule.expression import symbol\n"
        "x = symbol('X', ('B', 3))\n"
        "y = symbol('Y', ('B', 2), facts=frozenset({'rows_sum_to_one', 'b', 'a'}))\n"
        "w, b = symbol('W', (3, 2), role='parameter'), symbol('b', (2,), role='parameter')\n"
        "z = (x @ w + b).named('z')\n"
        "p = cr.derive(cr.sum(-cr.mean(y * cr.log(cr.softmax(z)), axis=0)), wrt='W b')\n"
        "print(p.fingerprint)\n"
        "print(p)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    namespace = {}
    exec(code.replace("print(p.fingerprint)", "").replace("print(p)", ""), namespace)
    here = namespace["p"]
    fingerprint, _, text = result.stdout.partition("\n")
    assert fingerprint == here.fingerprint
    assert text.rstrip() == str(here).rstrip()


def test_json_and_back():
    for original in [network(), cr.derive(cr.symbols("x") ** 2), with_tuples()]:
        text = json.dumps(original.to_json())
        again = Program.from_json(json.loads(text))
        assert again == Program(original.name, original.inputs, original.equations, original.outputs)
        assert again.fingerprint == original.fingerprint
        assert [e.origin for e in again.equations] == [e.origin for e in original.equations]
        assert [e.section for e in again.equations] == [e.section for e in original.equations]


def with_tuples():
    x = cr.symbols("x", shape=(3, 4))
    parts = cr.concatenate(x[:, 1:3], cr.transpose(x, axes=(0, 1)), axis=1)
    return trace({"y": cr.sum(parts, axis=(0, 1))})


def test_json_that_is_wrong_is_refused():
    description = network().to_json()
    with pytest.raises(UnknownNameError, match="the operation nonsense is not defined"):
        Program.from_json(json.loads(json.dumps(description).replace('"log_softmax"', '"nonsense"')))
    broken = json.loads(json.dumps(description))
    broken["equations"] = broken["equations"][1:]
    with pytest.raises(ProgramError, match="not defined before it"):
        Program.from_json(broken)
    broken = json.loads(json.dumps(description))
    broken["equations"][0]["target"]["shape"] = [7]
    with pytest.raises(ProgramError):
        Program.from_json(broken)


def test_outputs_by_label():
    assert network().output("dW").shape == (3, 2)
    with pytest.raises(UnknownNameError, match="unknown output 'dWW': did you mean 'dW'"):
        network().output("dWW")


def test_sizes_come_from_the_first_input_that_has_them():
    assert program(Z).sizes == {"B": ("X", 0)}


def test_expressions_of_a_program_trace_back_to_it():
    original = network()
    known = expressions_of(original)
    outputs = {label: known[atom.name] for label, atom in original.outputs}
    again = trace(
        outputs,
        name=original.name,
        inputs=[known[v.name] for v in original.inputs],
        order=[known[e.target.name] for e in original.equations],
    )
    assert again.to_json() == original.to_json()


def test_two_symbols_of_one_name_are_refused():
    with pytest.raises(ProgramError, match="two different symbols are called x"):
        trace({"y": cr.symbols("x") + cr.symbols("x", shape=(2,))})
    assert trace({"y": cr.symbols("x") + cr.symbols("x")}).inputs == (Var("x", (), role="input"),)


def test_inputs_must_be_complete():
    x, y = cr.symbols("x y")
    with pytest.raises(ProgramError, match="uses y, which is not among its inputs"):
        trace({"z": x + y}, inputs=[x])


def test_a_name_given_twice_gets_a_number():
    x = cr.symbols("x")
    both = trace({"y": (2 * x).named("z") + (3 * x).named("z")})
    assert [e.target.name for e in both.equations if not e.target.anonymous] == ["z", "z_2", "y"]
