"""Who is compared does the same work: same start, same rows, same losses."""

import numpy as np
import pytest
from benchmarks.training.contestants import CONTESTANTS, LeftOut
from benchmarks.training.problem import load_problem, make_problem
from benchmarks.training.worker import Worker
from benchmarks.training.workloads import WORKLOADS

from chainrule.engines.native.team import borrow

ROWS = {"tiny": 64, "table": 128, "odd": 68, "gelu": 200}
PEERS = {
    "tiny": ["chainrule", "jax", "jax-sums", "torch", "sklearn"],
    "table": ["chainrule", "jax", "torch", "sklearn"],
    "odd": ["chainrule", "jax-optax", "torch"],
    "gelu": ["chainrule", "jax-optax", "torch"],
}


def losses(contestant, problem):
    try:
        return CONTESTANTS[contestant].prepare(problem).turn(0.0).losses
    except LeftOut as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(("name", "peer"), [(name, peer) for name, peers in PEERS.items() for peer in peers])
def test_losses_of_the_first_epochs_agree(name, peer):
    problem = make_problem(WORKLOADS[name], ROWS[name])
    ours = losses("chainrule-numpy", problem)
    assert ours[1] < ours[0]
    assert losses(peer, problem) == pytest.approx(ours, rel=1e-4)


def test_a_turn_begins_at_the_starting_weights():
    trainer = CONTESTANTS["chainrule-numpy"].prepare(make_problem(WORKLOADS["table"], 128))
    first, second = trainer.turn(0.0), trainer.turn(0.02)
    assert first.losses == second.losses
    assert len(second.seconds) > len(first.seconds) == 1


def test_a_problem_comes_back_from_its_file(tmp_path):
    problem = make_problem(WORKLOADS["gelu-float64"], 100)
    problem.save(tmp_path / "problem.npz")
    again = load_problem(str(tmp_path / "problem.npz"))
    assert again.workload == problem.workload
    assert list(again.start) == ["W1", "b1", "W2", "b2"]
    for before, after in ((problem.X, again.X), (problem.y, again.y), (problem.start["W2"], again.start["W2"])):
        assert after.dtype == before.dtype
        assert np.array_equal(after, before)


def test_operations_of_a_row():
    # 784-128-10: each product is 2 inputs units operations; nothing is wanted below the first layer.
    forward = 2 * (784 * 128 + 128 * 10)
    assert WORKLOADS["digits"].flops_per_row == forward + forward + 2 * 128 * 10


@pytest.mark.parametrize("name", WORKLOADS)
def test_epochs_are_whole_batches(name):
    assert WORKLOADS[name].rows % WORKLOADS[name].batch == 0


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_peak_is_of_multiply_adds_that_are_made(precision):
    """All chains go from s to s / 2 + 1, whose fixed point is 2."""
    name = "table" if precision == "float32" else "table-float64"
    loop = CONTESTANTS["peak"].prepare(make_problem(WORKLOADS[name], 32)).loop
    with borrow(1) as crew:
        loop.seconds(crew, 8)
    starts = np.arange(12.0)[:, None]
    assert loop.sums == pytest.approx(np.broadcast_to(2 + (starts - 2) / 2**8, loop.sums.shape), rel=1e-6)


def test_a_worker_answers_and_says_why_it_cannot(tmp_path):
    path = tmp_path / "problem.npz"
    make_problem(WORKLOADS["tiny"], 64).save(path)
    worker = Worker("chainrule-numpy", 1)
    try:
        assert len(worker.ask(do="load", problem=str(path))["losses"]) == 2
        assert all(s > 0 for s in worker.ask(do="turn", seconds=0.01)["seconds"])
        assert worker.ask(do="memory")["bytes"] > 10_000_000
        assert "no-such-file" in worker.ask(do="load", problem="no-such-file")["left_out"]
    finally:
        worker.close()
