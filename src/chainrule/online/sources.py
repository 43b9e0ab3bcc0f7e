"""Where streams of bytes come from: standard input, or a TCP connection."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from typing import Final

from chainrule.errors import ArgumentError, DataError

BYTES: Final = 1 << 18
"""Bytes that are read at once, at most."""

PATIENCE: Final = 10.0
"""Seconds to wait for a connection."""

_ADDRESS: Final = re.compile(r"tcp:/+(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<port>\d{1,5})/?")


def stream_bytes(source: str) -> Iterator[bytes]:
    """The bytes of a source as they come: ``-`` is standard input, ``tcp://host:port`` a server that sends lines.

    Raises:
        ArgumentError: for any other source.
        DataError: where nobody answers, or the connection breaks.
    """
    if source == "-":
        return iter(_standard_input, b"")
    address = _ADDRESS.fullmatch(source)
    if not address:
        raise ArgumentError(
            f"{source!r} is no stream: give - for standard input or tcp://host:port; a file is read by "
            f"chainrule train - --online < FILE"
        )
    return _received(address["host"].strip("[]"), int(address["port"]))


def _standard_input() -> bytes:
    """What there is, waiting only where there is nothing; unbuffered, so that no lock is held at exit."""
    try:
        if sys.stdin is None:
            raise OSError(0, "it is closed")
        return os.read(sys.stdin.fileno(), BYTES)
    except OSError as error:
        raise DataError(f"standard input: {error.strerror}; check that something writes lines to it") from None


def _received(host: str, port: int) -> Iterator[bytes]:
    try:
        with socket.create_connection((host, port), PATIENCE) as connection:
            connection.settimeout(None)
            while block := connection.recv(BYTES):
                yield block
    except (OSError, OverflowError, UnicodeError) as error:  # the last for a name that no host can have
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"tcp://{host}:{port}: {reason}; check that a server sends lines there") from None
