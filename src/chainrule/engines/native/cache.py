"""Compiled objects on disk, so that a program is compiled once on each machine.

The variable ``CHAINRULE_CACHE`` names the folder; ``0`` and ``off`` turn the cache off. Without it, the folder is
``chainrule/native`` in the user's folder for caches. Nothing that goes wrong here is an error: a program is then
compiled again.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from chainrule.engines.native.target import Target

FORMAT = 1
"""Part of every key: to be raised when code is generated with other options, or files are laid out otherwise."""
LIMIT = 256 << 20
"""Bytes that the files take at most."""
MAGIC = b"chainrule object\n"
ABANDONED = 3600.0
"""Seconds after which a file that was being written is taken to be left over."""


class ObjectCache:
    """A folder with one file for each compiled program.

    A file begins with the SHA-256 of its key and content, and counts only if that fits: one that is truncated, damaged
    or has another's name is as good as none, and is replaced when the program has been compiled. Files are written
    under another name first, so several processes may use the folder at once.

    Args:
        folder: where the files are. Code from it is executed: it must be trusted, see :func:`open_cache`.
        limit: bytes that the files take at most; those not used for the longest time go first.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder, self.limit = folder, limit

    def read(self, key: str) -> bytes | None:
        """The content stored under a key; ``None`` if there is none that is whole."""
        path = self._path(key)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        head, content = stored[: len(MAGIC) + 32], stored[len(MAGIC) + 32 :]
        if head != _head(key, content):
            return None
        with suppress(OSError):  # the time of the last use
            os.utime(path)
        return content

    def write(self, key: str, content: bytes) -> None:
        """Store content under a key, if the disk lets us."""
        if len(content) > self.limit:
            return
        with suppress(OSError):
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix="writing-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_head(key, content) + content)
                os.replace(temporary, self._path(key))
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            self._shrink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.object"

    def _shrink(self) -> None:
        """Delete what was not used for the longest time until the rest is within the limit."""
        files = sorted(self._files(), reverse=True)
        total = 0
        for used, size, path in files:
            total += size
            left_over = path.name.startswith("writing-") and time.time() - used > ABANDONED
            if total > self.limit or left_over:
                total -= size
                with suppress(OSError):
                    path.unlink()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Time of last use, size and path of each file of ours."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if re.fullmatch(r"[0-9a-f]{64}\.object|writing-\w+", entry.name):
                    with suppress(OSError):  # another process has just deleted it
                        found = entry.stat(follow_symlinks=False)
                        yield found.st_mtime, found.st_size, Path(entry.path)


def _head(key: str, content: bytes) -> bytes:
    return MAGIC + hashlib.sha256(key.encode() + content).digest()


def object_key(text: str, target: Target, llvm_version: str) -> str:
    """The SHA-256 of all that decides what an object holds, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in (str(FORMAT), llvm_version, target.triple, target.cpu, target.features, text):
        digest.update(f"{len(part)} {part}".encode())
    return digest.hexdigest()


def open_cache() -> ObjectCache | None:
    """The cache of this user; ``None`` where it is turned off or its folder cannot be made or trusted.

    Warns:
        RuntimeWarning: once, if the folder belongs to another user, or others may write into it.
    """
    chosen = os.environ.get("CHAINRULE_CACHE", "").strip()
    if chosen.lower() in ("0", "off"):
        return None
    try:
        folder = Path(chosen).expanduser() if chosen else _user_folder() / "chainrule" / "native"
    except RuntimeError:  # this user has no home
        return None
    return ObjectCache(folder) if _is_ready(folder) else None


def _user_folder() -> Path:
    """Where this system keeps what can be made again."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


@cache
def _is_ready(folder: Path) -> bool:
    """Whether the folder is there and nobody else can put code into it. Asked once in a process."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    reason = _distrust(found)
    if reason:
        warnings.warn(
            f"compiled programs are not kept: {folder} {reason}; "
            "set CHAINRULE_CACHE to a folder of your own, or to 'off'",
            RuntimeWarning,
            stacklevel=2,
        )
    return not reason


def _distrust(found: os.stat_result) -> str:
    """Why a folder must not be used; empty if it may."""
    if sys.platform == "win32":  # access lists rule there, and those of the user's own folder are right
        return ""
    if found.st_uid != os.geteuid():
        return f"belongs to another user (number {found.st_uid})"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "may be written by other users (chmod go-w would change that)"
    return ""
