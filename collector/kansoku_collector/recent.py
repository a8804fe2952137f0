"""Hashes of the requests made durable lately: by them a retry is recognised, also after a restart."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from kansoku_collector.files import append_durably, write_durably

RECENT_SECONDS = 600  # a retry within this time is recognised
RECENT_ENTRIES = 100_000  # at least as many are remembered, at most twice as many
_RECORD = 24  # hash (16) + received ms (8)


class Recent:
    """The hashes in memory, in two generations of which the older is forgotten at once; and a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}

    def load(self) -> None:
        """Read the file; a record that a power cut tore is cut off, so that the next ones can be read."""
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = len(data) - len(data) % _RECORD
        if whole != len(data):
            os.truncate(self._path, whole)
        for at in range(0, whole, _RECORD):
            self.add(data[at : at + 16], int.from_bytes(data[at + 16 : at + _RECORD], "little"))

    def add(self, digest: bytes, received_ms: int) -> None:
        """Remember one, and forget the oldest beyond the limit."""
        if len(self._young) >= RECENT_ENTRIES:
            self._young, self._old = {}, self._young
        self._young[digest] = received_ms

    def holds(self, digest: bytes) -> bool:
        """Tell whether this request was stored within the window."""
        received = self._young.get(digest) or self._old.get(digest)
        return received is not None and received > time.time() * 1000 - RECENT_SECONDS * 1000

    def save(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """Append to the file durably; rewrite it when most of it is out of date."""
        if self._path.exists() and self._path.stat().st_size > 4 * RECENT_ENTRIES * _RECORD:
            write_durably(self._path, _encode([*self._old.copy().items(), *self._young.copy().items()]))
        append_durably(self._path, _encode(entries))


def _encode(entries: Iterable[tuple[bytes, int]]) -> bytes:
    return b"".join(digest + received.to_bytes(8, "little") for digest, received in entries)
