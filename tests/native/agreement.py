"""Whether results agree: values of formulas, and whole training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from programs import Training, Trial

from chainrule.engines import numpy as reference
from chainrule.engines.native.call import NativeCall
from chainrule.engines.native.run import NativeRun
from chainrule.engines.native.target import Target, cores, host
from chainrule.engines.native.unrolled import UnrolledRun, fits
from chainrule.engines.protocol import NonFiniteStep
from chainrule.engines.steps import NumpyRun

NAN_BYTES = 0xFF
"""What memory is filled with before a run: floats are NaN then, and a value that was never written is found."""

WIDTHS = [width for width in (64, 32, 16) if width <= host().vector_bytes]

THREADS = (2, 4)
"""Numbers of threads that must give the bits of one; ``CHAINRULE_THREADS`` must allow them."""

EXACT = 1e-12
"""Relative to the largest element of an array, in float64."""


def assert_outputs(given: Mapping[str, Any], wanted: Mapping[str, Any], bound: float, scale: float = 0.0) -> None:
    """The same shapes and element types; floats within ``bound`` of the largest (and of ``scale``), others equal."""
    assert set(given) == set(wanted)
    for label, want in wanted.items():
        want, have = np.asarray(want), np.asarray(given[label])
        assert (have.shape, have.dtype) == (want.shape, want.dtype), label
        if want.dtype.kind != "f":
            assert np.array_equal(have, want), label
            continue
        finite = np.isfinite(want)
        assert np.array_equal(np.isnan(have), np.isnan(want)), label
        assert np.array_equal(have[~finite], want[~finite], equal_nan=True), label
        largest = max(scale, np.max(np.abs(want[finite]), initial=0.0))
        worst = np.max(np.abs(have[finite] - want[finite]), initial=0.0)
        assert worst <= bound * largest, f"{label}: {worst / largest:.2g} of the largest, {largest:.3g}"


def check_formula(trial: Trial, width: int, precision: str = "float64", spare: int = 0) -> None:
    """A formula in machine code against the printed text; memory for ``spare`` more rows changes nothing."""
    wanted = reference.run(trial.program, trial.values, precision)
    call = NativeCall(trial.program, precision, {"B": trial.rows + spare}, target=host(width), fill=NAN_BYTES)
    given = call.run(trial.values)
    call.arena.check()
    assert_outputs(given, wanted, EXACT if precision == "float64" else 2e-4, scale=1.0)


def native(t: Training, *, fill: int = NAN_BYTES, target: Target | None = None, threads: int = 1) -> NativeRun:
    """The training on the native engine."""
    return NativeRun(
        t.step, t.precision, t.data, t.state, batch_size=t.batch_size, threads=threads, target=target, fill=fill
    )


def results(run: Any, t: Training) -> dict[str, Any]:
    """Losses, state and rate after all steps; where a step is not finite, its number, and the state before it."""
    steps, found = 0, dict[str, Any]()
    try:
        losses = run.advance(t.order, t.batch_size, 0, t.constants)
        steps = len(losses)
        run.verify()
        found = {"losses": losses, "rate": run.rate()}
    except NonFiniteStep as failure:
        found = {"failed": failure.position + steps, "what": failure.what}
    return found | {name: np.array(run.state[name]) for name in run.state}


def check_training(t: Training, width: int, bound: float = EXACT) -> float:
    """A training run against NumPy; the bound that was allowed.

    A deviation is allowed to be a hundred times what a change of the starting weights by one rounding makes, where that
    is more than ``bound``: some paths amplify rounding (Adam divides a gradient that should be 0 by its own size).
    """
    assert cores() >= max(THREADS), "CHAINRULE_THREADS must be 4: see the fixture four_threads"
    wanted, other = reference_and_twin(t)
    run = native(t, target=host(width))
    twins = {threads: run.twin(t.state) for threads in THREADS}
    given = results(run, t)
    run._arena.check()
    for threads, twin in twins.items():
        twin._threads = threads
        for name, value in results(twin, t).items():
            same = np.array_equal(value, given[name], equal_nan=name != "what")
            assert same, f"{name} on {threads} threads is not what it is on one"
    forms = [given]
    if fits(t.step, t.batch_size) and "failed" not in wanted:
        forms.append(results(UnrolledRun(t.step, t.precision, t.data, t.state, target=host(width)), t))
    return max(check_results(t, form, wanted, other, bound) for form in forms)


def reference_and_twin(t: Training) -> tuple[dict[str, Any], dict[str, Any]]:
    """What NumPy makes of a training, and what it makes of starting weights that are changed by one rounding."""
    changed = dict(t.state)
    signs = np.where(np.arange(len(changed["theta"])) % 2, 1, -1)
    changed["theta"] = (changed["theta"] * (1 + np.finfo(t.precision).eps * signs)).astype(t.precision)
    wanted, other = (results(NumpyRun(t.step, t.precision, t.data, state), t) for state in (t.state, changed))
    return wanted, other


def check_results(
    t: Training, given: Mapping[str, Any], wanted: Mapping[str, Any], other: Mapping[str, Any], bound: float
) -> float:
    """Another engine's results against NumPy's, and NumPy's from changed weights; the bound that was allowed."""
    if "failed" in wanted or "failed" in other:
        steps = sorted(r.get("failed", len(t.order)) for r in (wanted, other))
        assert steps[0] <= given.get("failed", len(t.order)) <= steps[1]
        return 1.0
    return _deviation(given, wanted, other, bound)


def _deviation(given: Mapping[str, Any], wanted: Mapping[str, Any], other: Mapping[str, Any], bound: float) -> float:
    """Check each array; the largest deviation that was allowed."""
    allowed = bound
    for name, want in wanted.items():
        largest = max(float(np.max(np.abs(want), initial=0.0)), 1e-300)
        sensitive = 100 * float(np.max(np.abs(np.asarray(other[name]) - want), initial=0.0)) / largest
        worst = float(np.max(np.abs(np.asarray(given[name]) - want), initial=0.0)) / largest
        allowed = max(allowed, sensitive)
        assert worst <= max(bound, sensitive), f"{name}: {worst:.2g} of the largest, {largest:.3g}"
    return allowed
