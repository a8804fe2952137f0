"""The bytes of the journal: one entry a request, checksummed, so that a torn tail is recognised."""

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, NamedTuple

# length of all that follows the checksum, its CRC-32 | kind, encoding, length of the project, received ms,
# hash
HEADER = struct.Struct("<II")
_META = struct.Struct("<BBHQ16s")


class Kind(IntEnum):
    """What the body of an entry is."""

    TRACES = 1  # ExportTraceServiceRequest
    LOGS = 2  # ExportLogsServiceRequest
    FEEDBACK = 3  # JSON rows
    METRICS = 4  # ExportMetricsServiceRequest, without the points that are not stored
    NOTE = 5  # JSON: what became of spans that are not in the journal


class Encoding(IntEnum):
    """How the body of an entry is compressed."""

    IDENTITY = 0
    GZIP = 1  # as the client sent it


@dataclass(frozen=True, slots=True)
class Entry:
    """One acknowledged request: whose it is, when it came, and its body."""

    kind: Kind
    project: str
    received_ms: int
    digest: bytes  # identifies a client's retry
    body: bytes
    encoding: Encoding = Encoding.IDENTITY
    raw_bytes: int = 0  # of the body, inflated; not stored
    message: Any = field(default=None, compare=False, repr=False)  # the body, parsed

    def encode(self) -> bytes:
        """Return the entry as the journal holds it."""
        return b"".join(self.parts())

    def parts(self) -> tuple[bytes, ...]:
        """Return what `encode` joins: a body is large, and who joins several entries copies it once."""
        project = self.project.encode()
        body = self.message.SerializeToString() if self.message is not None and not self.body else self.body
        meta = _META.pack(self.kind, self.encoding, len(project), self.received_ms, self.digest)
        checksum = zlib.crc32(body, zlib.crc32(meta + project))
        length = len(meta) + len(project) + len(body)
        return HEADER.pack(length, checksum), meta, project, body

    def lean(self) -> "Entry":
        """Return the entry without its body where that is parsed: in memory one of the two is enough."""
        if self.message is None:
            return self
        return replace(self, body=b"", encoding=Encoding.IDENTITY)

    def plain(self) -> bytes:
        """Return the body inflated."""
        return _inflate(self.body) if self.encoding is Encoding.GZIP else self.body


def _inflate(data: bytes) -> bytes:
    parts = []
    while data:  # gzip allows several members
        stream = zlib.decompressobj(47)
        parts.append(stream.decompress(data))
        data = stream.unused_data
    return b"".join(parts)


def digest_of(kind: Kind, project: str, wire: bytes) -> bytes:
    """Return the hash by which a retry of the same request is recognised."""
    return hashlib.blake2b(
        wire, digest_size=16, person=f"{kind.value}".encode(), key=project.encode()[:64]
    ).digest()


def note_of(project: str, received_ms: int, content: dict[str, object], mark: bytes) -> Entry:
    """Return an entry that says what became of spans that are not in the journal; `mark` tells a retry."""
    body = json.dumps(content).encode()
    digest = digest_of(Kind.NOTE, project, mark)
    return Entry(Kind.NOTE, project, received_ms, digest, body, raw_bytes=len(body))


class Piece(NamedTuple):
    """A record of a segment and where it lies; without an entry it is damaged."""

    start: int
    end: int
    entry: Entry | None


def read_pieces(data: bytes) -> Iterator[Piece]:
    """Yield the records of a segment in order; damage to one does not take those behind it.

    Bytes behind the last one are the torn tail of a write that was never acknowledged, or see `is_torn`.
    """
    start, view = 0, memoryview(data)
    while start + HEADER.size <= len(data):
        length, checksum = HEADER.unpack_from(data, start)
        end = start + HEADER.size + length
        if length < _META.size or end > len(data):
            return
        rest = view[start + HEADER.size : end]
        yield Piece(start, end, _decode(rest) if zlib.crc32(rest) == checksum else None)
        start = end


def read_entries(data: bytes) -> Iterator[Entry]:
    """Yield the entries of a segment that are whole."""
    return (piece.entry for piece in read_pieces(data) if piece.entry is not None)


def is_torn(tail: bytes) -> bool:
    """Tell whether the end of a segment is a write cut short, and not damage that hides whole records."""
    for match in _LIKELY.finditer(tail):
        start = match.start()
        length, checksum = HEADER.unpack_from(tail, start)
        end = start + HEADER.size + length
        if end <= len(tail) and zlib.crc32(tail[start + HEADER.size : end]) == checksum:
            return False
    return True


# A record may begin here: behind its length and checksum come a kind and an encoding.
_LIKELY = re.compile(rb"(?s)(?=.{8}[\x01-\x05][\x00\x01])")


def _decode(rest: memoryview) -> Entry:
    kind, encoding, project_length, received_ms, digest = _META.unpack_from(rest)
    body = bytes(rest[_META.size + project_length :])
    project = str(rest[_META.size : _META.size + project_length], "utf-8")
    return Entry(Kind(kind), project, received_ms, digest, body, Encoding(encoding), len(body))
