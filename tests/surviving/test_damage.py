"""Disks that fill up, files that are cut short or changed: the newest whole checkpoint counts."""

from __future__ import annotations

import errno
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_checkpoints import broken, small, steps_in
from victims import X, fingerprint, y

import chainrule as cr
from chainrule.training import keeping

MEGABYTE = 1 << 20


@pytest.fixture(name="disk")
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where one may be made."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def large(**settings: Any) -> tuple[cr.Network, cr.History]:
    """A network whose checkpoints take about 0.3 MB each, of three steps an epoch."""
    net = cr.mlp([6, 120, 170, 1], loss="binary_cross_entropy", seed=1)
    return net, net.fit(X, y, batch_size=500, engine="numpy", **{"epochs": 4, **settings})


def test_training_goes_on_where_the_disk_is_full(disk: Path) -> None:
    (disk / "something else").write_bytes(bytes(MEGABYTE))
    checkpoints = cr.Checkpoints(disk / "checkpoints", seconds=None, steps=1, keep=50)
    with pytest.warns(
        RuntimeWarning, match="no checkpoint at step 3, training goes on: No space left on device"
    ) as said:
        ended = large(checkpoints=checkpoints)
    assert len(said) == 1  # though many could not be written
    assert fingerprint(*ended) == fingerprint(*large())
    assert steps_in(disk / "checkpoints") == [0, 1, 2]  # nothing else is left, not even a part of a file
    (disk / "something else").unlink()
    assert fingerprint(*large(checkpoints=disk / "checkpoints", resume=disk / "checkpoints")) == fingerprint(*ended)


def test_nothing_is_trained_in_vain_on_a_disk_that_is_full_from_the_start(disk: Path) -> None:
    (disk / "something else").write_bytes(bytes(2 * MEGABYTE - (1 << 16)))
    with pytest.raises(cr.ArgumentError, match=r"cannot be written to .*No space left on device\): see to its space"):
        large(checkpoints=disk / "checkpoints")
    assert steps_in(disk / "checkpoints") == []


def test_checkpoints_come_back_when_there_is_space_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those at steps 100, 150 and 300 cannot be written: a warning for the first of each row of failures."""
    written: list[int] = []
    write = keeping.write_file

    def full(path: Path, *content: Any) -> None:
        written.append(int(path.stem.split("-")[1]))
        if len(written) in (3, 4, 7):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, *content)

    monkeypatch.setattr(keeping, "write_file", full)
    checkpoints = cr.Checkpoints(tmp_path, seconds=None, steps=50, keep=20)
    with pytest.warns(RuntimeWarning, match="training goes on") as said:
        ended = small(checkpoints=checkpoints)
    assert [str(w.message).split(",")[0] for w in said] == ["no checkpoint at step 100", "no checkpoint at step 300"]
    assert steps_in(tmp_path) == [0, 50, 200, 250, 350, 376]
    assert fingerprint(*ended) == fingerprint(*small())


@pytest.mark.parametrize("folder", ["/proc/checkpoints", "file/checkpoints", "file"])
def test_a_place_that_cannot_be_written_is_an_error_before_the_first_step(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        cr.ArgumentError,
        match=r"checkpoints cannot be written to .*: see to its space and permissions, or give another",
    ):
        small(checkpoints=tmp_path / folder)


@pytest.fixture(name="left")
def left_behind(tmp_path: Path) -> Path:
    """The folder of a run that was broken off, with three checkpoints."""
    broken(tmp_path, 100)
    assert steps_in(tmp_path) == [84, 91, 98]
    return tmp_path


def resumed(folder: Path, *, warned: int) -> tuple[cr.Network, cr.History]:
    """What comes of a run that goes on, with so many warnings about damaged files."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = small(resume=folder)
    texts = [str(w.message) for w in said]
    assert len(texts) == warned
    assert all("this checkpoint is passed over" in text for text in texts), texts
    return found


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_a_file_that_was_cut_short_is_passed_over(left: Path, share: float) -> None:
    path = left / "checkpoint-98.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert fingerprint(*resumed(left, warned=1)) == fingerprint(*small())


def test_a_single_bit_that_flipped_is_noticed_wherever_it_is(left: Path) -> None:
    """Unless it means the same: 1E-8 for 1e-8, or another last digit of a number that is rounded to the same one."""
    path, rng = left / "checkpoint-98.safetensors", np.random.default_rng(0)
    content = path.read_bytes()
    whole = described(path)
    passed_over = 0
    for place in [0, 7, 8, *rng.integers(len(content), size=300).tolist()]:
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = keeping.newest(left, whole[0]["training"])
        if said:
            assert "checkpoint-98.safetensors" in str(said[0].message)
            assert found is not None
            assert found.steps == 91
            passed_over += 1
        else:
            assert described(path) == whole
    assert passed_over >= 295


def described(path: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """All that a file holds."""
    description, arrays = keeping.read_file(path, "checkpoint")
    return description, {name: array.tolist() for name, array in arrays.items()}


def test_a_run_that_passed_over_a_damaged_file_leaves_it_behind(left: Path) -> None:
    (left / "checkpoint-98.safetensors").write_bytes(b"damaged")
    checkpoints = cr.Checkpoints(left, seconds=None, steps=1, keep=1)
    with pytest.warns(RuntimeWarning, match=r"checkpoint-98\.safetensors"):
        small(checkpoints=checkpoints, resume=left, epochs=1)
    assert steps_in(left) == [94]


def test_it_is_an_error_if_no_file_is_whole(left: Path) -> None:
    for path in left.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with (
        pytest.warns(RuntimeWarning, match="this checkpoint is passed over"),
        pytest.raises(
            cr.ModelFileError, match=r"no checkpoint in .* can be gone on from, .* or delete them to start anew"
        ),
    ):
        small(resume=left)


@pytest.mark.parametrize("part", ["history", "checkpoint"])
def test_files_of_another_version_name_it(left: Path, part: str) -> None:
    path = left / "checkpoint-98.safetensors"
    description, arrays = keeping.read_file(path, "checkpoint")
    description.pop("checksum")
    description[part]["news"] = 1
    keeping.write_file(path, description | {"chainrule": "99.0"}, arrays)
    with pytest.raises(cr.ModelFileError, match=r"was written by chainrule 99\.0, .*: go on with that version"):
        small(resume=left)


def test_what_cannot_be_deleted_stays(left: Path) -> None:
    (left / "checkpoint-7.safetensors").mkdir()
    small(checkpoints=left, resume=left)
    assert steps_in(left)[-3:] == [91, 98, 376]


def test_other_files_in_the_folder_are_let_be(left: Path) -> None:
    names = ["checkpoint-last.safetensors", "notes.txt", ".checkpoint-notes"]
    for name in names:
        (left / name).write_text("mine")
    broken_off = left / ".checkpoint-99.safetensors.0123abcd"
    broken_off.write_text("half of a file")
    resumed(left, warned=0)
    assert broken_off.exists()  # nothing is written in that folder
    small(checkpoints=left, resume=left)
    assert not broken_off.exists()
    assert all((left / name).read_text() == "mine" for name in names)
