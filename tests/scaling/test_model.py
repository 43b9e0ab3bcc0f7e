"""What several machines are said to cost: the formula on numbers worked out by hand, and what follows from it."""

import json
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from chainrule.cli import main
from chainrule.scaling import Calibration, Machine, Measured, Work, page, pays_from, step_seconds, work_of

MACHINE = Machine(flops=1e9, bytes=1e8, step=1e-3, latency=1e-4, bandwidth=1e7)
WORK = Work(row_flops=1e6, row_bytes=1e5, fixed_flops=2e6, fixed_bytes=1e5, gradient=1e5)


def test_one_machine_has_the_cost_of_the_step_of_its_operations_and_of_its_bytes():
    assert step_seconds(MACHINE, WORK, 10) == pytest.approx(1e-3 + 12e6 / 1e9 + 11e5 / 1e8)


def test_on_four_machines_rows_are_rounded_up_and_the_gradient_goes_round():
    rows, summed = 3, 2 * 2 * 1e-4 + 2 * 3 / 4 * 1e5 / 1e7
    assert step_seconds(MACHINE, WORK, 10, 4) == pytest.approx(1e-3 + (2 + rows) * 1e-3 + (1 + rows) * 1e-3 + summed)


def test_a_second_machine_pays_where_the_rows_saved_outweigh_the_sum():
    """Half of B rows of 2 ms each are saved; the sum takes 0.2 ms and 10 ms."""
    assert pays_from(MACHINE, WORK) == 16
    for batch, pays in ((8, False), (16, True)):
        assert (step_seconds(MACHINE, WORK, batch, 2) < step_seconds(MACHINE, WORK, batch)) is pays


def test_a_second_machine_never_pays_over_a_line_that_is_slow_for_any_batch():
    assert pays_from(replace(MACHINE, latency=1e9), WORK) is None


@pytest.mark.parametrize("units", [3, 64])
def test_the_work_of_a_network_is_that_of_its_layers(units):
    """A row is multiplied with every weight once forward and twice backward, but for the features' adjoint."""
    hidden, last = 3 * units * units, units
    work = work_of(units)
    products = 2 * (3 * (hidden + last) - units * units)
    assert products <= work.row_flops <= products + 40 * units
    assert work.gradient == 4 * (hidden + 3 * units + last + 1)
    assert work.fixed_flops >= 5 * work.gradient / 4  # of Adam, for each parameter


def test_the_page_has_constants_steps_and_what_is_gained():
    alone = Machine(1e11, 1e10, 1e-5, 0.0, float("inf"))
    found = [
        Calibration(count, replace(alone, latency=latency, bandwidth=width), (Measured(64, 32, 0.001),))
        for count, latency, width in ((1, 0.0, float("inf")), (2, 1e-4, 1e9))
    ]
    text = page(found)
    assert "all-reduce us" in text
    assert text.count("1.00") >= 2  # the steps, in ms
    assert "a second pays" in text
    assert "computing like one process alone" in text
    assert "computing like each of these processes" in page(found[1:])
    assert "a second pays" not in page(found[:1])
    texts = [json.dumps(each.to_json(), allow_nan=False) for each in found]
    assert [Calibration.from_json(json.loads(each)) for each in texts] == found


def test_the_error_of_a_process_that_measures_is_json_where_that_is_asked_for(monkeypatch):
    def failed(words, processes, output):
        output.write(b'{"error": "no JAX"}\n')
        return 2

    monkeypatch.setattr(sys.modules["chainrule.cli.bench"], "started", failed)
    for words, printed in ((["--json"], '{"error": "no JAX"}\n'), ([], "")):
        shown = CliRunner().invoke(main, ["bench", "--calibrate", *words])
        assert (shown.exit_code, shown.output) == (2, printed)


def test_the_smallest_number_of_processes_is_measured_first_and_none_twice(monkeypatch):
    counts = []
    monkeypatch.setattr(sys.modules["chainrule.cli.bench"], "started", lambda _, count, told: counts.append(count) or 7)
    shown = [CliRunner().invoke(main, ["bench", "--calibrate", "--processes", n]) for n in ("2,1", "4,4")]
    assert counts == [1, 4]
    assert [each.exit_code for each in shown] == [7, 7]


def test_numbers_of_processes_that_are_none_are_an_error():
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--calibrate", "--processes", "2,x"])
    assert ended.value.code == 2
    shown = CliRunner().invoke(main, ["bench", "--calibrate", "--processes", "0"])
    assert shown.exit_code == 2
    assert "give numbers such as 1,2,4" in shown.output
