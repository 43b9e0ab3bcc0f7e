"""Ctrl-C in the middle: no experiment takes half a training for a whole one."""

import os
import signal
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import learning_rates, starts
from chainrule.homework import homework_2
from chainrule.training import whole_runs

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to itself")


def pressed_in_epoch_2(moment):
    if moment.epoch == 2:
        signal.raise_signal(signal.SIGINT)


def test_within_whole_runs_a_training_that_ctrl_c_ended_raises_and_outside_it_returns():
    X, y = np.ones((4, 1)), np.ones(4)
    before = signal.getsignal(signal.SIGINT)
    history = cr.mlp([1, 1]).fit(X, y, epochs=9, callbacks=[pressed_in_epoch_2])
    assert history.interrupted
    with pytest.raises(KeyboardInterrupt), whole_runs():
        cr.mlp([1, 1]).fit(X, y, epochs=9, callbacks=[pressed_in_epoch_2])
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    "long",
    [
        lambda: learning_rates(rates=(0.001, 0.01), epochs=1_000_000),
        lambda: starts(count=4, epochs=1_000_000),
        lambda: homework_2(updates=10_000_000),
        lambda: cr.gallery.show("mazur-later"),
    ],
)
def test_ctrl_c_ends_the_whole_thing(long):
    timer = threading.Timer(0.8, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        long()
    timer.join()
