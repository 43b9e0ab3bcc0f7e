"""A log of JSON lines, read with ``json`` alone."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import subprocess
import sys

import pytest

import chainrule as cr


def lines_of(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_epoch_is_a_line_with_the_numbers_of_the_history(fit, tmp_path):
    _, history = fit(cr.callbacks.JSONLines(tmp_path / "log.jsonl"))
    start, *epochs, end = lines_of(tmp_path / "log.jsonl")
    assert [line["epoch"] for line in epochs] == [1, 2, 3, 4]
    for name in ("loss", "validation_loss", "mae", "learning_rate", "seconds"):
        assert [line[name] for line in epochs] == history.watched(name)
    assert (start["event"], {line["event"] for line in epochs}, end["event"]) == ("start", {"epoch"}, "end")
    assert (end["stopped"], end["epochs"], end["steps"], end["failed"]) == (history.stopped, 4, history.steps, False)


def test_the_first_line_says_what_is_trained_and_how(fit, tmp_path):
    net, _ = fit(cr.callbacks.JSONLines(tmp_path / "log.jsonl"), optimizer=cr.SGD(cr.schedules.Cosine(0.1)))
    start = lines_of(tmp_path / "log.jsonl")[0]
    assert (start["chainrule"], start["parameters"], start["seed"]) == (cr.__version__, 13, 1)
    assert start["network"] == repr(net)
    chosen = start["settings"]
    assert (chosen["rows"], chosen["epochs"], chosen["batch_size"]) == (16, 4, 5)
    assert chosen["optimizer"]["optimizer"] == "SGD"
    assert chosen["optimizer"]["lr"]["schedule"] == "Cosine"


def test_trainings_that_share_a_file_are_told_apart(fit, tmp_path):
    log = cr.callbacks.JSONLines(tmp_path / "log.jsonl")
    fit(log)
    fit(log, epochs=2)
    fit(cr.callbacks.JSONLines(tmp_path / "log.jsonl", run="mine"), epochs=1)
    lines = lines_of(tmp_path / "log.jsonl")
    runs = list(dict.fromkeys(line["run"] for line in lines))
    assert [sum(line["run"] == run for line in lines) for run in runs] == [6, 4, 3]
    assert runs[2] == "mine"


def test_the_members_of_an_ensemble_are_runs_of_their_own(fit, tmp_path):
    own = []
    members = cr.callbacks.for_members([cr.callbacks.JSONLines(tmp_path / "log.jsonl", run="trial"), own.append], 2)
    for callbacks in members:
        fit(*callbacks, epochs=1)
    runs = [line["run"] for line in lines_of(tmp_path / "log.jsonl") if line["event"] == "end"]
    assert runs == ["trial/member 1", "trial/member 2"]
    assert len(own) == 2


def test_numbers_that_json_does_not_have_are_null(fit, tmp_path):
    fit(cr.callbacks.JSONLines(tmp_path / "log.jsonl"), metrics=[lambda prediction, target: float("nan")])
    assert None in lines_of(tmp_path / "log.jsonl")[1].values()


def test_a_log_is_copied_without_its_file(fit, tmp_path):
    log = cr.callbacks.JSONLines(tmp_path / "log.jsonl", run="mine")
    fit(log)
    assert pickle.loads(pickle.dumps(log)) == copy.deepcopy(log) == log


def test_training_that_becomes_infinite_is_logged_as_failed(fit, tmp_path):
    with pytest.raises(cr.NonFiniteError):
        fit(cr.callbacks.JSONLines(tmp_path / "log.jsonl"), epochs=200, optimizer=cr.SGD(1e3))
    end = lines_of(tmp_path / "log.jsonl")[-1]
    assert (end["event"], end["failed"]) == ("end", True)
    assert "not finite" in end["stopped"]


KILLED = """
import os, signal, sys
import numpy as np
import chainrule as cr

def die(moment):
    if moment.epoch == 3:
        os.kill(os.getpid(), signal.SIGKILL)

X = np.ones((8, 1))
cr.mlp([1, 1]).fit(X, X, epochs=9, callbacks=[cr.callbacks.JSONLines(sys.argv[1]), die])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_the_file_of_a_killed_process_is_valid_up_to_its_last_epoch(tmp_path):
    path = tmp_path / "log.jsonl"
    result = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert result.returncode == -signal.SIGKILL
    assert [line["event"] for line in lines_of(path)] == ["start", "epoch", "epoch", "epoch"]
