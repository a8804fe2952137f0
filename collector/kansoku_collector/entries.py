"""The bytes of the journal: one entry a request, checksummed, so that a torn tail is recognised."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

# length of all that follows the checksum, its CRC-32 | kind, encoding, length of the project, received ms,
# hash
HEADER = struct.Struct("<II")
_META = struct.Struct("<BBHQ16s")


class Kind(IntEnum):
    """What the body of an entry is."""

    TRACES = 1  # ExportTraceServiceRequest
    LOGS = 2  # ExportLogsServiceRequest
    FEEDBACK = 3  # JSON rows


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

    def encode(self) -> bytes:
        """Return the entry as the journal holds it."""
        project = self.project.encode()
        meta = _META.pack(self.kind, self.encoding, len(project), self.received_ms, self.digest)
        rest = meta + project + self.body
        return HEADER.pack(len(rest), zlib.crc32(rest)) + rest

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


def read_entries(data: bytes) -> Iterator[Entry]:
    """Yield the complete entries at the start of `data`; stop at the first torn or damaged one."""
    at = 0
    while at + HEADER.size <= len(data):
        length, checksum = HEADER.unpack_from(data, at)
        rest = data[at + HEADER.size : at + HEADER.size + length]
        if len(rest) < length or length < _META.size or zlib.crc32(rest) != checksum:
            return
        kind, encoding, project_length, received_ms, digest = _META.unpack_from(rest)
        body = rest[_META.size + project_length :]
        project = rest[_META.size : _META.size + project_length].decode()
        yield Entry(Kind(kind), project, received_ms, digest, body, Encoding(encoding), len(body))
        at += HEADER.size + length
