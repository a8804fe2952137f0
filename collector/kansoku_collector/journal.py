"""The journal: what was acknowledged and is not yet in ClickHouse, in segment files that survive a crash.

One writer appends entries and makes a whole group durable with one fdatasync before any of them is answered.
A segment is closed by size or age; its name is the deduplication token of everything it writes, so that
processing it twice stores it once. `recent.bin` holds the hashes of stored requests: a client's retry is
recognised after the segment is gone and after a restart.
"""

import contextlib
import fcntl
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kansoku_collector.entries import Entry, Kind, read_entries
from kansoku_collector.errors import KansokuError

__all__ = ["Entry", "Journal", "JournalFull", "Kind", "Segment"]

RECENT_SECONDS = 600  # a retry within this time is recognised
RECENT_ENTRIES = 100_000
_RECORD = 24  # hash (16) + received ms (8)


class JournalFull(KansokuError):  # noqa: N818 - a state, not a fault
    """The journal has reached its limit or its disk refuses; the client should retry later."""


@dataclass(slots=True)
class Segment:
    """One segment file; `raw_bytes` counts its bodies inflated, `born` is monotonic time."""

    path: Path
    born: float
    handle: int = -1
    bytes: int = 0
    raw_bytes: int = 0
    oldest_ms: int = 0

    @property
    def token(self) -> str:
        """Name that makes a second insert of the same rows a no-op."""
        return self.path.stem

    def entries(self) -> Iterator[Entry]:
        """Read the entries in order, up to the first that is incomplete."""
        return read_entries(self.path.read_bytes())


@dataclass
class Recent:
    """Hashes of requests that were made durable lately, oldest first."""

    path: Path
    seen: dict[bytes, int] = field(default_factory=dict)

    def load(self) -> None:
        """Read the file, ignoring a torn record at its end."""
        data = self.path.read_bytes() if self.path.exists() else b""
        for at in range(0, len(data) - _RECORD + 1, _RECORD):
            self.add(data[at : at + 16], int.from_bytes(data[at + 16 : at + _RECORD], "little"))

    def add(self, digest: bytes, received_ms: int) -> None:
        """Remember one, and forget the oldest beyond the limit."""
        self.seen[digest] = received_ms
        if len(self.seen) > RECENT_ENTRIES:
            del self.seen[next(iter(self.seen))]

    def holds(self, digest: bytes) -> bool:
        """Tell whether this request was stored within the window."""
        received = self.seen.get(digest)
        return received is not None and received > time.time() * 1000 - RECENT_SECONDS * 1000

    def save(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """Append to the file durably; rewrite it when most of it is out of date."""
        data = b"".join(digest + received.to_bytes(8, "little") for digest, received in entries)
        if self.path.exists() and self.path.stat().st_size > 2 * RECENT_ENTRIES * _RECORD:
            draft = self.path.with_suffix(".new")
            _write_durably(
                draft, b"".join(d + r.to_bytes(8, "little") for d, r in list(self.seen.items())), os.O_TRUNC
            )
            draft.replace(self.path)
        _write_durably(self.path, data, os.O_APPEND)


class Journal:
    """The segments of one directory. `append` and `rotate` may be called from any thread."""

    def __init__(self, directory: Path, *, max_bytes: int, segment_bytes: int, flush_seconds: float) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._flush_seconds = flush_seconds
        self._lock = threading.Lock()
        self._open: Segment | None = None
        self._closed: list[Segment] = []
        self._last_ns = 0
        self.ready = threading.Event()  # set when a segment may be due
        directory.mkdir(parents=True, exist_ok=True)
        self._id = self._own_id()
        self._recent = Recent(directory / "recent.bin")
        self._recent.load()
        self._recover()

    def append(self, entries: list[Entry]) -> None:
        """Make `entries` durable, all or none; raise JournalFull at the limit or when the disk refuses."""
        data = b"".join(entry.encode() for entry in entries)
        with self._lock:
            if self._bytes() + len(data) > self._max_bytes:
                raise JournalFull(f"the journal holds {self._bytes()} bytes, its limit is {self._max_bytes}")
            segment = self._open or self._create()
            try:
                _write_all(segment.handle, data)
                _sync(segment.handle)
            except OSError as error:
                self._undo(segment)
                raise JournalFull(f"the journal cannot be written: {error.strerror}") from error
            segment.bytes += len(data)
            segment.raw_bytes += sum(entry.raw_bytes for entry in entries)
            segment.oldest_ms = segment.oldest_ms or entries[0].received_ms
            for entry in entries:
                self._recent.add(entry.digest, entry.received_ms)
        if segment.raw_bytes >= self._segment_bytes:
            self.ready.set()

    def known(self, digest: bytes) -> bool:
        """Tell whether a request with this hash was made durable within the window."""
        return self._recent.holds(digest)

    def due(self, *, everything: bool = False) -> list[Segment]:
        """Close the open segment when it is due, or `everything` is asked; return the closed ones."""
        with self._lock:
            self.ready.clear()
            segment = self._open
            if segment and (everything or self._is_due(segment)):
                os.close(segment.handle)
                segment.handle = -1
                self._closed.append(segment)
                self._open = None
            return list(self._closed)

    def done(self, segment: Segment) -> None:
        """Forget a segment whose rows are in ClickHouse; its hashes stay for the retry window."""
        self._recent.save((e.digest, e.received_ms) for e in segment.entries())
        segment.path.unlink()
        with self._lock:
            self._closed.remove(segment)

    def set_aside(self, segment: Segment, reason: str) -> Path:
        """Move a segment that cannot be stored out of the way, with the reason beside it."""
        target = segment.path.with_suffix(".bad")
        target.with_suffix(".reason").write_text(reason + "\n", encoding="utf-8")
        segment.path.replace(target)
        with self._lock:
            self._closed.remove(segment)
        return target

    @property
    def bytes(self) -> int:
        """Bytes that are acknowledged and not yet in ClickHouse."""
        with self._lock:
            return self._bytes()

    @property
    def oldest_ms(self) -> int:
        """When the oldest waiting request was received, ms since the epoch; 0 when none waits."""
        with self._lock:
            waiting = [s.oldest_ms for s in [*self._closed, *([self._open] if self._open else [])]]
        return min(waiting, default=0)

    def _bytes(self) -> int:
        return sum(s.bytes for s in self._closed) + (self._open.bytes if self._open else 0)

    def _is_due(self, segment: Segment) -> bool:
        return (
            segment.raw_bytes >= self._segment_bytes
            or time.monotonic() - segment.born >= self._flush_seconds
            or segment.handle == -1
        )

    def _create(self) -> Segment:
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        path = self.directory / f"{self._last_ns:020d}-{self._id}.seg"
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            _sync_directory(self.directory)
        except OSError as error:
            raise JournalFull(f"the journal cannot be written: {error.strerror}") from error
        self._open = Segment(path, time.monotonic(), handle)
        return self._open

    def _undo(self, segment: Segment) -> None:
        """Cut off what was written and not acknowledged: the client will send it again."""
        try:
            os.ftruncate(segment.handle, segment.bytes)
        except OSError:  # the bytes may stay: leave them behind in a segment that takes no more
            os.close(segment.handle)
            self._open = None
            if segment.bytes:
                segment.handle = -1
                self._closed.append(segment)

    def _recover(self) -> None:
        """Queue the segments that an earlier process left, and learn their hashes."""
        for path in sorted(self.directory.glob("*.seg")):
            segment = Segment(path, 0.0, bytes=path.stat().st_size)
            for entry in segment.entries():
                segment.oldest_ms = segment.oldest_ms or entry.received_ms
                self._recent.add(entry.digest, entry.received_ms)
            self._last_ns = max(self._last_ns, int(path.stem.split("-")[0]))
            self._closed.append(segment)

    def _own_id(self) -> str:
        """Return this journal's name: segments of several collectors may meet in one cluster."""
        path = self.directory / "id"
        if not path.exists():
            path.write_text(secrets.token_hex(4), encoding="ascii")
        return path.read_text(encoding="ascii").strip()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync(handle: int) -> None:
    """Return when the file's bytes are on the disk itself."""
    if sys.platform == "darwin":  # its fsync stops at the drive's cache
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(handle)


def _write_durably(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    try:
        _write_all(handle, data)
        _sync(handle)
    finally:
        os.close(handle)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot; the segment's own fdatasync still counts
        os.fsync(handle)
    os.close(handle)
