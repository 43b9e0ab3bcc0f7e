"""Phases, executed in NumPy by the oracle, against the printed text: lowering is right apart from any machine code."""

import numpy as np
import pytest
from agreement import EXACT, NAN_BYTES, assert_outputs
from programs import random_formula, random_training

from chainrule.engines import numpy as reference
from chainrule.engines.native.code import generate, generate_call
from chainrule.engines.native.oracle import Oracle
from chainrule.engines.native.target import host
from chainrule.engines.protocol import batches
from chainrule.engines.steps import NumpyRun
from chainrule.shapes import concrete

FORMULAS, TRAININGS = 60, 40


@pytest.mark.parametrize("start", range(0, FORMULAS, 20))
def test_formulas(start):
    for seed in range(start, start + 20):
        trial = random_formula(seed)
        code = generate_call(trial.program, "float64", host(), rows=trial.rows)
        arena = code.memory.allocate(NAN_BYTES)
        for name, view in code.schedule.inputs.items():
            arena.array(view)[...] = trial.values[name]
        given = Oracle(code.schedule, arena).step(trial.rows, trial.values)
        arena.check()
        wanted = {label: np.asarray(w) for label, w in reference.run(trial.program, trial.values).items()}
        given = {label: np.asarray(g, wanted[label].dtype) for label, g in given.items()}
        assert_outputs(given, wanted, EXACT, scale=1.0)


@pytest.mark.parametrize("start", range(0, TRAININGS, 20))
def test_training_steps(start):
    for seed in range(start, start + 20):
        check_steps(random_training(seed, 3))


def test_large_batches_in_pieces():
    pieces = [check_steps(random_training(seed, 2, batches=(1025, 1300, 2048))) for seed in range(900, 912)]
    assert sum(p is not None for p in pieces) >= 4


def check_steps(t):
    """Each step from the state that NumPy reached, so that no path diverges; where the pieces of a batch begin."""
    code = generate(t.step, "float64", host(), rows=t.batch_size, user=[*t.data, "rows"])
    arena = code.memory.allocate(NAN_BYTES)
    run = NumpyRun(t.step, "float64", t.data, t.state)
    for number, rows in enumerate(batches(t.order, t.batch_size)):
        for name, value in run.state.items():
            for region in [r for r in code.regions if r.vector == name] or [None]:
                view = code.schedule.inputs[region.name if region else name]
                part = value[region.start : region.stop] if region else value
                arena.array(view)[...] = np.reshape(part, concrete(view.shape, {}))
        constants = t.constants | {"t": number + 1.0, "step": number}
        outputs = Oracle(code.schedule, arena, t.data | {"rows": rows}).step(len(rows), constants)
        (loss,) = run.advance(rows, t.batch_size, number, t.constants)
        assert outputs["L"] == pytest.approx(loss, rel=1e-11, abs=1e-300)
        assert outputs["lr"] == pytest.approx(run.rate(), rel=1e-14)
    arena.check()
    return code.schedule.pieces
