"""What phases and machine code look like to people."""

import re

import pytest
from programs import random_training

import chainrule as cr
from chainrule.engines.indices import guarded
from chainrule.engines.native.code import generate
from chainrule.engines.native.emit import without_comments
from chainrule.engines.native.listing import phase_lines, view_text
from chainrule.engines.native.phases import Buffer
from chainrule.engines.native.target import Target
from chainrule.engines.native.views import Layout, sliced, transposed

MACHINE = Target("x86_64-unknown-linux-gnu", "x86-64", "", 16)
"""One that is the same wherever the tests run."""

WANTED = """\
training_step: 8 phases for batches of 16 rows, float32

    each thread first computes for itself
        lr = 0.1 / (1 + 1.0 * (t - 1) / S)

  1 gather, threads share rows by 16: 0 FLOPs, 640 bytes
        X = all_X[rows]
        reads all_X, rows; writes X (B, 4)
  2 product, threads share rows by 16: 1,280 FLOPs, 928 bytes
        h1 = maximum(X @ W1 + b1, 0.0)
        reads X, W1, b1; writes h1 (B, 8)
  3 product, threads share rows by 16: 336 FLOPs, 868 bytes
        t3 = h1 @ W2 + b2 - all_Y[rows]
        t4 = t3 ** 2
        dz2 = 2 * t3 / B
        reads h1, W2, b2, all_Y, rows; writes t4 (B, 1), dz2 (B, 1)
  4 product, threads share rows by 16: 512 FLOPs, 1,120 bytes
        dz1 = dz2 @ W2.T * (h1 > 0)
        reads dz2, W2, h1; writes dz1 (B, 8)
    --- all threads meet ---
  5 reduction, one thread: 35 FLOPs, 140 bytes
        L_out = t4.sum() / B
        b2 = b2 - lr * dz2.sum()
        reads b2, t4, dz2; writes L_out (), b2 (1,)
  6 product, threads share rows by 4: 1,088 FLOPs, 1,024 bytes
        W1 = W1 - lr * (X.T @ dz1)
        reads X, dz1, W1; writes W1 (4, 8)
  7 reduction, threads share elements by 4: 144 FLOPs, 576 bytes
        b1 = b1 - lr * dz1.sum(axis=0)
        reads b1, dz1; writes b1 (8,)
  8 product, threads share elements by 4: 272 FLOPs, 640 bytes
        W2 = W2 - lr * (dz2.T @ h1)
        reads dz2, h1, W2; writes W2 (8, 1)
"""


def code_of(net, optimizer, rows):
    step = net.model.step_program(optimizer)
    user = [v.name for v in step.inputs if v.role == "input"]
    return generate(guarded(step, user), net.dtype, MACHINE, rows=rows, user=user)


def small():
    return code_of(cr.mlp([4, 8, 1], hidden="relu"), cr.SGD(cr.schedules.InverseTime(0.1, 1.0)), 16)


def test_phases_of_a_small_network():
    assert str(small().schedule) == WANTED


def test_new_values_have_the_names_of_their_places_where_no_line_needs_the_old_ones():
    text = str(code_of(cr.mlp([4, 8, 1]), cr.SGD(0.1, momentum=0.9, nesterov=True), 16).schedule)
    assert "        v_W1 = 0.9 * v_W1 + dW1\n        W1 = W1 - 0.1 * (dW1 + 0.9 * v_W1)\n" in text


def test_batches_in_pieces_say_so():
    text = str(code_of(cr.mlp([4, 8, 1]), cr.SGD(0.1), 2000).schedule)
    before, rest = text.split("    for each 256 rows of the batch:\n")
    during, after = rest.split("    after the last of them:\n")
    assert re.search(r"fill, threads share rows by \d+: 0 FLOPs, 128 bytes\n        dW1_sum = 0.0\n", before)
    assert "dW1_sum = dW1_sum + X.T @ dz1" in during
    assert "W1 = W1 - 0.1 * dW1_sum" in after


def test_every_phase_of_random_programs_says_what_it_writes():
    for seed in range(40):
        t = random_training(seed, 1, batches=(16, 1500))
        known = [*t.data, "rows"]
        schedule = generate(guarded(t.step, known), "float64", MACHINE, rows=t.batch_size, user=known).schedule
        for phase in schedule.phases:
            written = {re.match(r"\w+", line)[0] for line in phase_lines(schedule, phase)}
            assert {view.buffer.name for view in phase.writes()} <= written


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (lambda whole: whole, "W"),
        (lambda whole: transposed(whole, None), "W.T"),
        (lambda whole: sliced(whole, ((2, 5), None)), "W[2:5, :]"),
        (lambda whole: sliced(whole, (None, (1, 3))), "W[:, 1:3]"),
        (lambda whole: transposed(sliced(whole, (None, (1, 3))), None), "W[:, 1:3].T"),
    ],
)
def test_views_are_written_as_in_numpy(view, text):
    layout = Layout(4, None)
    assert view_text(view(layout.whole(Buffer("W", (7, 5)))), layout) == text


def test_titles_of_machine_code_name_all_phases_of_a_kernel():
    code = code_of(cr.mlp([8, 8, 8, 8, 1]), cr.SGD(0.1), 16)
    text = code.module.titled()
    named = [re.findall(r"^; phase (\d+):", part, re.MULTILINE) for part in text.split("\ndefine ")]
    assert sorted({int(n) for group in named for n in group}) == list(range(1, len(code.schedule.phases) + 1))
    assert any(len(set(group)) > 1 for group in named)
    for section in ("sums of", "load", "compute", "store", "all threads meet", "phase 1"):
        assert f"\n  ; {section}" in text


def test_titles_and_comments_are_not_part_of_what_is_compiled():
    module = small().module
    bare = without_comments(module.titled())
    assert ";" not in bare
    assert bare == without_comments(module.text)
