"""Compiled programs on disk: whatever happens to the files, programs run."""

import os
import stat
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from chainrule.engines.native import cache, jit
from chainrule.engines.native.cache import ObjectCache, object_key, open_cache
from chainrule.engines.native.target import Target, host

MACHINE = Target("x86_64-unknown-linux-gnu", "znver4", "+avx512f", 64)
KEY, OTHER = "a" * 64, "b" * 64
TEXT = "define void @f(ptr %p) {\n store i64 7, ptr %p\n ret void\n}\n"
posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of files")


@pytest.fixture
def store(tmp_path):
    return ObjectCache(tmp_path)


@pytest.fixture
def compiled(monkeypatch):
    """How often code was generated."""
    calls = []
    generate = jit._generate
    monkeypatch.setattr(jit, "_generate", lambda *arguments: calls.append(1) or generate(*arguments))
    return calls


def works(text=TEXT, target=None):
    import ctypes

    number = ctypes.c_int64()
    jit.compile_text(text, target or host()).function("f", ctypes.c_void_p)(ctypes.byref(number))
    return number.value == 7


def test_what_was_written_is_read(store):
    assert store.read(KEY) is None
    store.write(KEY, b"code")
    assert store.read(KEY) == b"code"
    assert store.read(OTHER) is None


def test_a_program_is_compiled_once(monkeypatch, tmp_path, compiled):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "new" / "folder"))
    for count in (1, 1, 1):
        assert works()
        assert len(compiled) == count
    assert works(TEXT + "; what only people read\n")
    assert len(compiled) == 1
    assert works(TEXT + "declare double @llvm.fabs.f64(double)\n")
    assert len(compiled) == 2


@pytest.mark.parametrize(
    "change", [{"triple": "x86_64-pc-windows"}, {"cpu": "znver3"}, {"features": "-avx512f"}, {"cpu": "znver4+avx512f"}]
)
def test_another_machine_has_another_key(change):
    assert object_key(TEXT, MACHINE, "22") != object_key(TEXT, replace(MACHINE, **change), "22")


def test_another_text_llvm_or_format_has_another_key(monkeypatch):
    known = {object_key(TEXT, MACHINE, "22"), object_key(TEXT + " ", MACHINE, "22"), object_key(TEXT, MACHINE, "23")}
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert len(known | {object_key(TEXT, MACHINE, "22")}) == 4
    assert object_key(TEXT, MACHINE, "22") == object_key(TEXT, replace(MACHINE), "22")


@pytest.mark.parametrize("length", [0, 1, 10, 16, 17, 48, 49, 60])
def test_a_truncated_file_is_ignored_and_replaced(store, length):
    store.write(KEY, b"some code of twenty b")
    path = store._path(KEY)
    path.write_bytes(path.read_bytes()[:length])
    assert store.read(KEY) is None
    store.write(KEY, b"again")
    assert store.read(KEY) == b"again"


def test_each_flipped_bit_is_noticed(store):
    store.write(KEY, b"code")
    path = store._path(KEY)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert store.read(KEY) is None


def test_a_file_under_another_name_is_ignored(store):
    store.write(KEY, b"code")
    store._path(KEY).rename(store._path(OTHER))
    assert store.read(OTHER) is None


def test_a_folder_in_place_of_a_file_is_no_failure(store):
    store._path(KEY).mkdir()
    assert store.read(KEY) is None
    store.write(KEY, b"code")
    assert store.read(KEY) is None
    assert list(store.folder.glob("writing-*")) == []


def test_a_damaged_file_is_compiled_again(monkeypatch, tmp_path, compiled):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    assert works()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    assert works()
    assert works()
    assert len(compiled) == 2


def test_the_size_is_bounded_and_the_least_recently_used_go(tmp_path):
    store = ObjectCache(tmp_path, limit=3500)
    keys = [f"{i:064x}" for i in range(4)]
    for age, key in zip((300, 200, 100), keys, strict=False):
        store.write(key, bytes(1000))
        os.utime(store._path(key), (time.time() - age,) * 2)
    assert store.read(keys[0]) is not None  # used just now, so the second is the oldest
    store.write(keys[3], bytes(1000))
    assert [store.read(key) is not None for key in keys] == [True, False, True, True]
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 3500


def test_content_above_the_limit_is_not_kept(tmp_path):
    store = ObjectCache(tmp_path, limit=100)
    store.write(KEY, bytes(101))
    assert list(tmp_path.iterdir()) == []


def test_only_files_of_its_own_are_deleted(tmp_path):
    thesis = tmp_path / "thesis.object"
    thesis.write_bytes(bytes(5000))
    os.utime(thesis, (0, 0))
    left, current = tmp_path / "writing-left", tmp_path / "writing-now"
    left.write_bytes(b"x")
    current.write_bytes(b"x")
    os.utime(left, (0, 0))
    ObjectCache(tmp_path, limit=1000).write(KEY, b"code")
    assert {p.name for p in tmp_path.iterdir()} == {"thesis.object", "writing-now", f"{KEY}.object"}


@posix
def test_the_folder_is_made_for_its_owner_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    assert open_cache().folder == tmp_path / "cache"
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_refused_with_one_warning(monkeypatch, tmp_path, mode, compiled):
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("CHAINRULE_CACHE", str(folder))
    with pytest.warns(RuntimeWarning, match=r"written by other users \(chmod go-w"):
        assert works()
    assert works()  # a second warning would be an error
    assert len(compiled) == 2
    assert list(folder.iterdir()) == []


@posix
def test_a_folder_of_another_user_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.warns(RuntimeWarning, match=f"belongs to another user \\(number {owner}\\)"):
        assert open_cache() is None


@posix
def test_a_folder_that_cannot_be_written_is_no_failure(monkeypatch, tmp_path, compiled):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    monkeypatch.setattr("tempfile.mkstemp", full)
    assert works()
    assert works()
    assert len(compiled) == 2


def test_a_folder_that_cannot_be_made_is_no_failure(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "file" / "cache"))
    assert open_cache() is None
    assert works()


@pytest.mark.parametrize("word", ["0", "off", "OFF"])
def test_it_can_be_turned_off(monkeypatch, word):
    monkeypatch.setenv("CHAINRULE_CACHE", word)
    assert open_cache() is None
    assert works()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders of Linux")
@pytest.mark.parametrize("named", [True, False])
def test_the_default_is_the_users_folder_for_caches(monkeypatch, tmp_path, named):
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "named") if named else "relative")
    assert open_cache().folder == tmp_path / ("named" if named else ".cache") / "chainrule" / "native"


def test_several_processes_share_a_folder(tmp_path):
    """Each writes and reads the same keys, in a folder too small for all of them."""
    code = (
        "import sys; from pathlib import Path; from chainrule.engines.native.cache import ObjectCache\n"
        "store = ObjectCache(Path(sys.argv[1]), limit=5000); wrong = hits = 0\n"
        "for i in range(150):\n"
        "    key = f'{i % 7:064x}'; content = bytes([i % 7]) * 1000\n"
        "    store.write(key, content); found = store.read(key)\n"
        "    hits += found is not None; wrong += found not in (None, content)\n"
        "print(hits, wrong)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        hits, wrong = map(int, process.communicate(timeout=60)[0].split())
        assert process.returncode == 0
        assert (hits > 0, wrong) == (True, 0)
    assert list(tmp_path.glob("writing-*")) == []
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 5000
