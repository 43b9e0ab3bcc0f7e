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


class Cleared:
    """Ctrl-C is pressed while it is cleared away."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def dropped(then=lambda: None):
    """Ctrl-C at a moment when Python drops what is raised: in a destructor, or in a library's garbage collection."""
    with whole_runs():
        cleared = Cleared()
        del cleared
        then()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_python_drops_ends_the_next_training_or_else_the_whole_thing():
    with pytest.raises(KeyboardInterrupt):
        dropped(lambda: cr.mlp([1, 1]).fit(np.ones((4, 1)), np.ones(4), epochs=1_000_000_000))
    with pytest.raises(KeyboardInterrupt):
        dropped()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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
