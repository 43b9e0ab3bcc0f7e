"""Programs of primitives only."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.native.expand import expand
from chainrule.engines.numpy import run
from chainrule.expression import symbol
from chainrule.program import typecheck
from chainrule.trace import trace

X = np.linspace(-3.0, 3.0, 12).reshape(4, 3)


def step(hidden="gelu", optimizer=None):
    net = cr.mlp([3, 4, 3], hidden=hidden, output="softmax", loss="cross_entropy")
    return net.model.step_program(optimizer or cr.Adam(0.1))


@pytest.mark.parametrize(
    "name", ["sigmoid", "softplus", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish",
             "softsign", "hard_tanh", "erf", "softmax", "log_softmax", "logsumexp", "mean"],
)  # fmt: skip
def test_what_is_expanded_computes_the_same(name):
    x = symbol("x", (4, 3))
    program = trace({"y": getattr(cr, name)(x)})
    result = expand(program)
    assert all(equation.operation.primitive for equation in result.equations)
    expected = run(program, {"x": X})["y"]
    np.testing.assert_allclose(run(result, {"x": X})["y"], expected, rtol=1e-14, atol=1e-300)


def test_expansions_of_expansions_are_expanded():
    result = expand(trace({"y": cr.mish(symbol("x", ("B", 2)))}))
    assert {e.operation.name for e in result.equations} <= {
        "multiply", "tanh", "add", "maximum", "log1p", "exp", "negative", "abs"
    }  # fmt: skip


def test_inputs_and_outputs_stay():
    program = step()
    result = typecheck(expand(program))
    assert result.inputs == program.inputs
    assert [label for label, _ in result.outputs] == [label for label, _ in program.outputs]


def test_a_program_of_primitives_stays_as_it_is():
    program = expand(step("tanh", cr.SGD(0.1)))
    assert expand(program) == program


def test_named_values_keep_their_names():
    program = step("sigmoid")
    named = {e.target.name for e in program.equations if not e.target.anonymous}
    assert named <= {e.target.name for e in expand(program).equations}


def test_what_two_expansions_share_is_computed_once():
    x = symbol("x", (5,))
    result = expand(trace({"p": cr.softmax(x), "q": cr.log_softmax(x)}))
    assert [e.operation.name for e in result.equations].count("exp") == 1


def test_what_no_output_needs_is_left_out():
    x = symbol("x", (5,))
    program = trace({"y": x + 1.0}, inputs=[x], order=[cr.sigmoid(x)])
    assert [e.operation.name for e in expand(program).equations] == ["add"]


def test_literals_and_plain_numbers_may_be_arguments():
    x = symbol("x", (5,))
    result = expand(trace({"y": cr.leaky_relu(x, 0.25), "z": cr.clip(x, -1, 1)}))
    values = run(result, {"x": np.array([-2.0, -0.5, 0.0, 0.5, 2.0])})
    assert values["y"].tolist() == [-0.5, -0.125, 0.0, 0.5, 2.0]
    assert values["z"].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
