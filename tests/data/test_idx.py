"""IDX files, and the digits of MNIST."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from chainrule.data import mnist, read_idx
from chainrule.errors import ArgumentError, DataError

TYPES = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
needs_mnist = pytest.mark.skipif(
    "CHAINRULE_MNIST" not in os.environ,
    reason="the environment variable CHAINRULE_MNIST names no folder with MNIST",
)


def packed(array: np.ndarray, code: int = 0x08) -> bytes:
    """The IDX bytes of an array, written with struct alone."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + struct.pack(f">{array.size}{TYPES[code]}", *array.ravel().tolist())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the four files of a tiny MNIST; label i has images of the value 10 * i."""
    for part, labels in (("train", [0, 1, 2, 1]), ("t10k", [1, 0])):
        images = np.repeat(np.array(labels) * 10, 784).reshape(-1, 28, 28)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(packed(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(packed(np.array(labels)))
    return tmp_path


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (0, 5)])
def test_each_type_and_shape_is_read(tmp_path: Path, code: int, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape) * (7 if code < 0x0B else -1.5 if code >= 0x0D else -700)
    if code < 0x0B:
        array %= 128
    for content in (packed(array, code), gzip.compress(packed(array, code))):
        (tmp_path / "file").write_bytes(content)
        found = read_idx(tmp_path / "file")
        assert found.dtype == np.dtype("=" + TYPES[code])
        assert_array_equal(found, array)
        assert found.shape == shape


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no IDX file: it starts with nothing"),
        (b"\0\0\x08", "is no IDX file"),
        (b"PNG\0\0\0", "is no IDX file: it starts with 50 4e 47 00"),
        (b"\0\0\x0a\1\0\0\0\0", "is no IDX file"),
        (b"\0\0\x08\2\0\0\0\1", "is truncated: 8 bytes do not hold its 2 sizes"),
        (
            packed(np.arange(6))[:-1],
            "is truncated: 6 values of 1 bytes and the header make 14 bytes, found 13",
        ),
        (packed(np.arange(6)) + b"\0", "has trailing bytes"),
        (b"\0\0\x0e\3" + b"\xff" * 12, "is truncated"),
        (gzip.compress(packed(np.arange(6)), mtime=0)[:-4], "is damaged gzip data"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "file")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


def test_a_tiny_mnist(folder: Path) -> None:
    X_train, y_train, X_test, y_test = mnist(folder)
    assert (X_train.shape, X_test.shape) == ((4, 784), (2, 784))
    assert (X_train.dtype, y_train.dtype) == (np.float32, np.int64)
    assert y_train.tolist() == [0, 1, 2, 1]
    assert y_test.tolist() == [1, 0]
    assert_array_equal(X_train, np.repeat(y_train[:, None] * 10, 784, axis=1).astype(np.float32) / np.float32(255))


def test_digits_are_chosen(folder: Path) -> None:
    X_train, y_train, X_test, y_test = mnist(folder, digits=(1, 2))
    assert y_train.tolist() == [1, 2, 1]
    assert y_test.tolist() == [1]
    assert (len(X_train), len(X_test)) == (3, 1)
    for digits in ((), (10,), (-1, 2)):
        with pytest.raises(ArgumentError, match="digits go from 0 to 9"):
            mnist(folder, digits)


def test_the_folder_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_MNIST", str(folder))
    assert len(mnist()[0]) == 4
    monkeypatch.delenv("CHAINRULE_MNIST")
    with pytest.raises(DataError, match="; download train-images") as caught:
        mnist()
    assert "CHAINRULE_MNIST" in str(caught.value)


def test_absent_and_mixed_up_mnist_files(folder: Path) -> None:
    (folder / FILES[3]).unlink()
    with pytest.raises(DataError, match=r"holds neither t10k-labels-idx1-ubyte nor .*; download"):
        mnist(folder)
    (folder / FILES[3]).write_bytes((folder / FILES[1]).read_bytes())
    with pytest.raises(DataError, match=r"has shape \(2, 28, 28\) and .* has shape \(4,\)"):
        mnist(folder)


@needs_mnist
def test_mnist_holds_the_published_counts() -> None:
    X_train, y_train, X_test, y_test = mnist()
    assert (X_train.shape, X_test.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (X_train.min(), X_train.max()) == (0, 1)
    assert X_train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)  # the mean that everyone subtracts
