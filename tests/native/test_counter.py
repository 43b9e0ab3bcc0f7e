"""Random numbers from a counter: known answers, and NumPy's bits."""

import ctypes

import numpy as np
import pytest

from chainrule.engines import threefry
from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.counter import uniform
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import host


def drawn(form, key, step, stream, first, *, known=False):
    """The numbers of elements ``first`` and on; ``known`` when the code is written, or given when it runs."""
    module = Module()
    f = module.function("go", ["i64 %key", "i64 %step", "i64 %first", "ptr %out"], exported=True)
    a = Arithmetic(f, form)
    a.store(uniform(a, *((key, step) if known else ("%key", "%step")), stream, first if known else "%first"), "%out")
    out = np.zeros(form.lanes, form.precision)
    go = compile_text(module.text, host()).function("go", *[ctypes.c_int64] * 3, ctypes.c_void_p)
    go(key, step, first, out.ctypes.data)
    return out


# Salmon and others (2011), the file kat_vectors of their library Random123: counter, key, words of threefry2x32-20.
KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_published_answers(counter, key, words, known, form):
    for word in (0, 1):
        got = drawn(form, key[0], counter[1], key[1], 2 * counter[0] + word, known=known)[0]
        assert got == (words[word] >> 8) / 2**24


@pytest.mark.parametrize("first", [0, 1, 7, 16, 4097])
@pytest.mark.parametrize(("key", "step", "stream"), [(0, 0, 0), (123456789, 1, 0), (2**32 - 1, 2**31 + 5, 3)])
def test_the_numbers_are_those_of_numpy_bit_for_bit(key, step, stream, first, form):
    dtype = {"float32": np.float32, "float64": np.float64}[form.precision]
    expected = threefry.uniform(key, step, stream=stream, shape=(first + form.lanes,), dtype=dtype)[first:]
    for known in (False, True):
        assert np.array_equal(drawn(form, key, step, stream, first, known=known), expected)


def test_key_and_step_count_modulo_two_to_the_32(form):
    plain = drawn(form, 5, 9, 1, 0)
    assert np.array_equal(drawn(form, 5 + 2**32, 9 - 2**32, 1, 0), plain)
    assert np.array_equal(drawn(form, 5 - 2**32, 9 + 2**40, 1, 0, known=True), plain)
    assert not np.array_equal(drawn(form, 6, 9, 1, 0), plain)
