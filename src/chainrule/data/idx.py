"""Reads IDX files, the format of MNIST: a magic number, the sizes, then the numbers, all big-endian.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "The IDX file
format".
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, require

_DTYPES: Final = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MNIST_FOLDER: Final = "CHAINRULE_MNIST"
_MNIST_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array in an IDX file, plain or gzipped, in this machine's byte order.

    Raises:
        DataError: where the file is missing, no IDX file, too short, or too long.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "three-labels")
    ...     _ = path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    data = _bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES:
        raise DataError(
            f"{path} is no IDX file: it starts with {data[:4].hex(' ') or 'nothing'}, not with 00 00, "
            f"a type ({', '.join(f'{code:02x}' for code in _DTYPES)}) and the number of dimensions; "
            "check that it is the file you mean"
        )
    dtype, start = np.dtype(_DTYPES[data[2]]), 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(f"{path} is truncated: {len(data)} bytes do not hold its {data[3]} sizes; fetch it again")
    sizes = np.frombuffer(data, ">u4", data[3], offset=4).tolist()
    expected = start + math.prod(sizes) * dtype.itemsize
    if len(data) != expected:
        problem = "is truncated" if len(data) < expected else "has trailing bytes"
        raise DataError(
            f"{path} {problem}: {' x '.join(map(str, sizes))} values of {dtype.itemsize} bytes "
            f"and the header make {expected} bytes, found {len(data)}; fetch it again"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(sizes).astype(dtype.newbyteorder("="))


def mnist(
    folder: str | os.PathLike[str] | None = None, digits: Iterable[int] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Read the handwritten digits of MNIST from their four original files.

    Args:
        folder: where the files are, plain or gzipped; the environment variable ``CHAINRULE_MNIST`` if not
            given.
        digits: the digits to keep, all if not given. Labels stay the digits themselves.

    Returns:
        ``X_train``, ``y_train``, ``X_test``, ``y_test``: pixels from 0 (paper) to 1 (ink), shape ``(rows,
        784)``, and labels, shape ``(rows,)``; 60000 and 10000 rows for all digits.

    Raises:
        DataError: where the files are missing, damaged, or do not belong together.
        ArgumentError: for digits outside 0 to 9.
    """
    kept = None if digits is None else sorted(set(digits))
    require(kept is None or (bool(kept) and set(kept) <= set(range(10))), f"digits go from 0 to 9, not {kept}")
    paths = _mnist_paths(folder)
    return (*_images_and_labels(paths[0], paths[1], kept), *_images_and_labels(paths[2], paths[3], kept))


def _mnist_paths(folder: str | os.PathLike[str] | None) -> list[Path]:
    where = folder or os.environ.get(_MNIST_FOLDER)
    remedy = (
        f"download {', '.join(name + '.gz' for name in _MNIST_FILES)} from "
        "https://ossci-datasets.s3.amazonaws.com/mnist/ into a folder, "
        f"and give the folder or set the environment variable {_MNIST_FOLDER} to it"
    )
    if not where:
        raise DataError(f"no folder with MNIST is known; {remedy}")
    paths = []
    for name in _MNIST_FILES:
        found = [path for path in (Path(where, name), Path(where, name + ".gz")) if path.is_file()]
        if not found:
            raise DataError(f"{Path(where)} holds neither {name} nor {name}.gz; {remedy}")
        paths.append(found[0])
    return paths


def _images_and_labels(
    image_path: Path, label_path: Path, kept: list[int] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = read_idx(image_path), read_idx(label_path)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{image_path} has shape {images.shape} and {label_path} has shape {labels.shape}, "
            "not (images, rows, columns) and (images,); check that the files are the four original ones"
        )
    if kept is not None:
        chosen = np.isin(labels, kept)
        images, labels = images[chosen], labels[chosen]
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels /= 255
    return pixels, labels.astype(np.int64)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the spelling") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged gzip data ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check that it is a file") from error
