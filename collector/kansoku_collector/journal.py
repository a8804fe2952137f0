"""The journal: what was acknowledged and is not yet in ClickHouse, in segment files that survive a crash.

One writer appends entries and makes a whole group durable with one fdatasync before any of them is answered.
A segment is closed by size or age; its name is the deduplication token of everything it writes, so that
processing it twice stores it once. `recent.bin` holds the hashes of stored requests: a client's retry is
recognised after the segment is gone and after a restart. What cannot be stored is set aside (`aside.py`).
"""

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kansoku_collector import aside
from kansoku_collector.entries import Entry, Kind, is_torn, read_entries, read_pieces
from kansoku_collector.errors import KansokuError
from kansoku_collector.files import private_directory, sync, sync_directory, write_all, write_durably
from kansoku_collector.recent import Recent

__all__ = ["Entry", "Journal", "JournalFull", "Kind", "Segment"]

_QUIET = 0.2  # share of the time to a flush without a request, after which the sender has done for now
_HELD_BYTES = 96 << 20  # of bodies in memory, parsed, for the writer: an open segment and one in work
_HELD_CLOSED = 2  # segments; where more wait, ClickHouse is away or slow, and memory must not grow with that
_SAY_SECONDS = 60.0
_ID = re.compile(rb"[0-9a-f]{8}")
log = logging.getLogger("kansoku")


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
    held: list[Entry] | None = None  # its entries, where they are still in memory

    @property
    def token(self) -> str:
        """Name that makes a second insert of the same rows a no-op."""
        return self.path.stem

    @property
    def retried(self) -> bool:
        """Tell whether it was set aside before."""
        return aside.is_retried(self.token)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries in order, from the disk without those that are not whole."""
        return read_entries(self.path.read_bytes()) if self.held is None else iter(self.held)


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
        self._appended_at = 0.0
        self._closed_at = float("-inf")
        self._aside_bytes = 0
        self._refused_at = float("-inf")
        self.ready = threading.Event()  # set when a segment may be due
        private_directory(directory)
        self._id = self._own_id()
        self._recent = Recent(directory / "recent.bin")
        self._recent.load()
        self._recover()

    def append(self, entries: list[Entry]) -> None:
        """Make `entries` durable, all or none; raise JournalFull at the limit or when the disk refuses."""
        data = b"".join(part for entry in entries for part in entry.parts())
        with self._lock:
            held = self._bytes() + self._aside_bytes
            if held + len(data) > self._max_bytes:
                raise self._full(f"holds {held} bytes, its limit is {self._max_bytes}")
            segment = self._open or self._create()
            try:
                write_all(segment.handle, data)
                sync(segment.handle)
            except OSError as error:
                self._undo(segment)
                raise self._full(f"cannot be written: {error.strerror}") from error
            segment.bytes += len(data)
            segment.raw_bytes += sum(entry.raw_bytes for entry in entries)
            segment.oldest_ms = segment.oldest_ms or entries[0].received_ms
            self._appended_at = time.monotonic()
            self._hold(segment, entries)
            for entry in entries:
                self._recent.add(entry.digest, entry.received_ms)
            if segment.raw_bytes >= self._segment_bytes:
                self._close(segment)
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
                self._close(segment)
            return list(self._closed)

    def done(self, segment: Segment) -> None:
        """Forget a segment whose rows are in ClickHouse; its hashes stay for the retry window."""
        hashes = [(e.digest, e.received_ms) for e in segment.entries()]
        try:
            self._recent.save(hashes)
        except OSError:  # a full disk, perhaps full of this segment: it goes, and leaves room for its hashes
            segment.path.unlink(missing_ok=True)
            with suppress(OSError):  # without them a retry after a restart is recognised by its spans
                self._recent.save(hashes)
        segment.path.unlink(missing_ok=True)
        with self._lock:
            self._closed.remove(segment)

    def keep(
        self, segment: Segment, refused: Sequence[tuple[Entry, str]], lacking: Sequence[aside.Lacking]
    ) -> Path:
        """Set aside the requests of a segment that cannot be stored; the rest of it is, or will be."""
        data = b"".join(entry.encode() for entry, _ in refused)
        reasons = list(dict.fromkeys(reason for _, reason in refused))
        return aside.put_aside(self.directory, segment.token, data, reasons, lacking)

    def set_aside(self, segment: Segment, reason: str) -> Path:
        """Set a whole segment aside, so that it does not block those behind it."""
        path = aside.move_aside(segment.path, reason)
        with self._lock:
            self._closed.remove(segment)
        return path

    def carry_out(self) -> int:
        """Carry out what was decided about segments set aside; return how many still wait."""
        made = aside.carry_out(self.directory)
        with self._lock:
            self._closed += [Segment(path, 0.0, bytes=path.stat().st_size) for path in made]
        self._aside_bytes, waiting = aside.waiting(self.directory)
        return waiting

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

    def _close(self, segment: Segment) -> None:
        """Let a segment take no more: it waits for the writer."""
        os.close(segment.handle)
        segment.handle = -1
        if len(self._closed) >= _HELD_CLOSED:
            segment.held = None
        self._closed.append(segment)
        self._closed_at = time.monotonic()
        self._open = None

    def _is_due(self, segment: Segment) -> bool:
        now = time.monotonic()
        if now - segment.born >= self._flush_seconds:
            return True
        # After a pause nothing is gained by waiting: who sends now and then sees it soon, at no more inserts.
        paused = segment.born - self._closed_at >= self._flush_seconds
        return paused and now - self._appended_at >= self._flush_seconds * _QUIET

    def _create(self) -> Segment:
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        path = self.directory / f"{self._last_ns:020d}-{self._id}.seg"
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            sync_directory(self.directory)
        except OSError as error:
            raise self._full(f"cannot be written: {error.strerror}") from error
        self._open = Segment(path, time.monotonic(), handle, held=[])
        return self._open

    def _hold(self, segment: Segment, entries: list[Entry]) -> None:
        """Keep entries in memory while there is room: the writer then need not read and parse them again."""
        if segment.held is None:
            return
        segment.held += [entry.lean() for entry in entries]
        if sum(s.raw_bytes for s in (*self._closed, segment) if s.held is not None) > _HELD_BYTES:
            segment.held = None

    def _full(self, why: str) -> JournalFull:
        """Return the error that senders are told; the log has it once a minute."""
        if time.monotonic() - self._refused_at >= _SAY_SECONDS:
            self._refused_at = time.monotonic()
            log.error("requests get 503 and are to come again: the journal %s %s", self.directory, why)
        return JournalFull(f"the journal {why}")

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
        for path in self.directory.glob(".*.new"):
            path.unlink()
        aside.carry_out(self.directory)
        self._aside_bytes, _ = aside.waiting(self.directory)
        for path in sorted(self.directory.glob("*.seg")):
            if not aside.is_segment(path):
                log.warning("%s is no segment of a journal: it is left alone", path)
                continue
            segment = Segment(path, 0.0, bytes=path.stat().st_size)
            self._check(segment)
            for entry in segment.entries():
                segment.oldest_ms = segment.oldest_ms or entry.received_ms
                self._recent.add(entry.digest, entry.received_ms)
            self._last_ns = max(self._last_ns, int(path.stem.split("-")[0]))
            self._closed.append(segment)

    def _check(self, segment: Segment) -> None:
        """Set aside what is damaged; what a crash cut short was never acknowledged and is left out."""
        data = segment.path.read_bytes()
        end, damaged = 0, b""
        for piece in read_pieces(data):
            end = piece.end
            if piece.entry is None:
                damaged += data[piece.start : piece.end]
        tail = data[end:]
        if damaged or not is_torn(tail):
            damaged += tail
            path = aside.put_aside(
                self.directory, f"{segment.token}x", damaged, ["damaged on the disk: the checksum is wrong"]
            )
            log.error("%d bytes of %s are damaged: kept as %s", len(damaged), segment.token, path.name)
        elif tail:
            log.warning("segment %s ends in %d bytes that were never acknowledged", segment.token, len(tail))

    def _own_id(self) -> str:
        """Return this journal's name: segments of several collectors may meet in one cluster."""
        path = self.directory / "id"
        found = path.read_bytes().strip() if path.exists() else b""
        if not _ID.fullmatch(found):  # none yet, or what a full disk or a power cut left of it
            found = secrets.token_hex(4).encode()
            write_durably(path, found)
        return found.decode("ascii")
