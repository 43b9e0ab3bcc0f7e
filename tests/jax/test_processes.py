"""Several processes: the same parameters, agreement, and what happens when one is lost."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from click.testing import CliRunner
from several_processes import difference, learnt, several, streamed

import chainrule as cr
from chainrule.cli import main
from chainrule.engines.jax import processes

LOST_WITHIN = 60
"""Seconds, on a machine with much else to do; on a quiet one it is one or two."""


@pytest.fixture(scope="module")
def two():
    return several(2)


def test_two_processes_learn_what_numpy_learns_and_have_the_same_bits(two):
    assert two[0]["learnt"] == two[1]["learnt"]
    assert difference(two[0]["learnt"], learnt("numpy")) < 1e-12


def test_processes_that_read_their_share_of_a_stream_learn_what_numpy_learns_of_it(two):
    assert two[0]["streamed"] == two[1]["streamed"]
    assert difference(two[0]["streamed"], np.array(streamed("numpy"))) < 1e-12


def test_a_row_that_fails_is_named_by_all_processes_whichever_has_read_it(two):
    assert two[0]["failed"] == two[1]["failed"]
    assert two[0]["failed"].startswith("444: ")


def test_processes_agree_on_the_largest_number_and_on_those_of_the_first(two):
    assert [each["largest"] for each in two] == [[1, 0, 5]] * 2
    assert [each["of the first"] for each in two] == [{"loss": 0.1}] * 2


def test_a_process_with_other_rows_is_named_on_all(two):
    for each in two:
        assert each["refused"].startswith("process 1 of 2 has other rows or other starting values than process 0")


def test_a_lone_process_agrees_with_itself_without_jax():
    assert processes.largest(3, 1) == (3, 1)
    assert processes.of_first({"loss": 0.5}) == {"loss": 0.5}
    assert processes.first()


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("anything", "joins others by cluster or HOST:PORT,NUMBER,PROCESSES, not 'anything'"),
        ("host,0,2", "HOST:PORT"),
        ("host:1,a,2", "NUMBER,PROCESSES"),
        ("host:1,2,2", "of 2 processes none has the number 2: they are counted from 0"),
        (":1,0,2", "HOST:PORT"),
        ("host:,0,2", "HOST:PORT"),
        ("host:http,0,2", "HOST:PORT"),
        ("host:70000,0,2", "a port is a number from 1 to 65535, not 70000"),
    ],
)
def test_a_place_among_processes_that_makes_no_sense_is_an_error(how, problem):
    with pytest.raises(cr.ArgumentError, match=problem):
        processes.join(how)


def chainrule(*words, **how):
    command = [sys.executable, "-m", "chainrule", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def test_outside_a_cluster_none_is_detected(table):
    process = chainrule("train", table, "--target", "y", "--join", "cluster")
    assert "JAX finds no cluster here" in process.communicate(timeout=120)[1]
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("pressed", "code", "said"),
    [(False, 2, "the other processes were not there within 4 seconds"), (True, 130, "interrupted")],
)
def test_a_process_whose_others_do_not_come_ends_in_time_and_at_ctrl_c(table, pressed, code, said):
    words = ["train", str(table), "--target", "y", "--join", "localhost:1,1,2"]
    lines = (
        "import signal; from chainrule.cli import main",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",  # a shell's background jobs ignore it
        "from chainrule.engines.jax import processes",
        "processes.JOINING_SECONDS = 4",
        "print('ready', flush=True)",
        f"main({words})",
    )
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", "; ".join(lines)], **how)
    assert process.stdout.readline() == "ready\n"
    if pressed:
        sleep(1)
        process.send_signal(signal.SIGINT)
    (line,) = process.communicate(timeout=100)[1].splitlines()
    assert process.returncode == code, line
    assert said in line


@pytest.fixture
def table(tmp_path):
    X = np.random.default_rng(0).normal(size=(150, 3))
    lines = [",".join(f"{v:.6g}" for v in (*row, row[0] * row[1])) for row in X]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a,b,c,y", *lines]))
    return path


def training(table, out, *words):
    network = ("--hidden", 4, "--members", 1, "--batch-size", 33)
    return chainrule("train", table, "--target", "y", *network, "--out", out, *words)


def children(pid):
    """Which process, by its number among the others, has which id."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_text().split("\0")
            if place.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1] == str(pid):
                found[words[words.index("--join") + 1].split(",")[1]] = int(place.name)
    return found


def runs(pid):
    """Whether there is such a process; one that nobody has asked for its exit code has no command line any more."""
    with suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def when_lines(process, path, count=2):
    """Wait until training has written so many lines."""
    while not (path.exists() and path.read_text().count("\n") >= count):
        assert process.poll() is None, process.communicate()
        sleep(0.1)


@pytest.mark.skipif(not os.path.exists("/proc"), reason="looks for processes as Linux shows them")
def test_a_process_that_is_killed_ends_the_others_soon_and_is_named(table, tmp_path):
    log = tmp_path / "log.jsonl"
    started = training(table, tmp_path / "model", "--epochs", 1_000_000, "--processes", 2, "--log", log)
    try:
        when_lines(started, log)
        pids = children(started.pid)
        assert sorted(pids) == ["0", "1"]
        os.kill(pids["1"], signal.SIGKILL)
        killed = monotonic()
        _, errors = started.communicate(timeout=LOST_WITHIN)
    finally:
        started.kill()
    assert monotonic() - killed < LOST_WITHIN
    assert started.returncode == 2
    named = "process 1 of 2 (counted from 0) was ended by SIGKILL; the others were ended"
    assert errors.splitlines()[-1] == f"chainrule: error: {named}"
    assert not any(map(runs, pids.values()))
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(not os.path.exists("/proc"), reason="looks for processes as Linux shows them")
def test_a_launcher_that_is_killed_takes_all_with_it_and_the_run_goes_on_to_the_same_bits(table, tmp_path):
    log, kept = tmp_path / "log.jsonl", ("--checkpoint", tmp_path / "kept", "--every", 0)
    words = ("--epochs", 60, "--processes", 2)
    started = training(table, tmp_path / "model", *words, *kept, "--log", log)
    try:
        when_lines(started, log)
        pids = children(started.pid)
    finally:
        started.kill()
        started.communicate()
    end = monotonic() + LOST_WITHIN
    while any(map(runs, pids.values())):
        assert monotonic() < end, "the processes train on for nobody"
        sleep(0.1)
    assert not (tmp_path / "model").exists()
    for out, more in ((tmp_path / "model", (*kept, "--resume")), (tmp_path / "whole", ())):
        process = training(table, out, *words, *more)
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        assert errors.startswith("Going on from ") is bool(more)
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "whole")]
    assert models[0] == models[1]


@pytest.mark.skipif(not os.path.exists("/proc"), reason="looks for processes as Linux shows them")
def test_ctrl_c_twice_ends_all_at_once_and_leaves_the_checkpoints(table, tmp_path):
    log, kept = tmp_path / "log.jsonl", tmp_path / "kept"
    words = ("--epochs", 1_000_000, "--processes", 2, "--log", log, "--checkpoint", kept)
    started = training(table, tmp_path / "model", *words)
    try:
        when_lines(started, log)
        pids = children(started.pid)
        for _ in range(2):
            started.send_signal(signal.SIGINT)
            sleep(0.3)
        _, errors = started.communicate(timeout=LOST_WITHIN)
    finally:
        started.kill()
    assert started.returncode == 130, errors
    assert not any(map(runs, pids.values()))
    assert [*(kept / "member-1").iterdir()]


def test_one_process_writes_and_prints_json_and_ctrl_c_ends_all_with_a_model(table, tmp_path):
    log = tmp_path / "log.jsonl"
    words = ("--epochs", 1_000_000, "--processes", 2, "--log", log, "--checkpoint", tmp_path / "kept", "--json")
    started = training(table, tmp_path / "model", *words)
    try:
        when_lines(started, log)
        started.send_signal(signal.SIGINT)
        output, errors = started.communicate(timeout=200)
    finally:
        started.kill()
    assert started.returncode == 130, errors
    assert json.loads(output)["interrupted"]
    model = cr.TableModel.load(tmp_path / "model")
    assert "--processes 2" in model.reproduction
    assert model.settings["engine"] == "jax"
    assert [path.name for path in (tmp_path / "kept").iterdir()]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--engine", "native"), "several processes train on JAX: leave --engine native out"),
        (("--join", "cluster"), "--processes starts all of them here, --join is one of them: give either"),
    ],
)
def test_options_that_contradict_processes_are_an_error(table, words, problem):
    shown = CliRunner().invoke(main, ["train", str(table), "--target", "y", "--processes", "2", *words])
    assert shown.exit_code == 2
    assert problem in shown.output
