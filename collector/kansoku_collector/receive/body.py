"""Read a request body within its limit, before and after decompression."""

import zlib

import zstandard
from starlette.requests import Request

from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.answer import Refusal

_STEP = 1 << 20  # inflate at most this much at a time: a bomb is stopped within one step of the limit


async def read_body(request: Request, limit: int) -> bytes:
    """Return the bytes as sent; refuse with 413 as soon as they exceed `limit`."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit, "")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit, "")
        chunks.append(chunk)
    return b"".join(chunks)


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo `content-encoding` (gzip, deflate, zstd or none); raise PayloadError, or refuse: 413, 415."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return data
    if name in {"gzip", "x-gzip", "deflate"}:
        return _inflate_zlib(data, name, limit)
    if name == "zstd":
        return _inflate_zstd(data, limit)
    raise Refusal(
        415, f"content-encoding {encoding!r} is not supported; send gzip, deflate, zstd or none", "encoding"
    )


def _inflate_zlib(data: bytes, name: str, limit: int) -> bytes:
    # 47 accepts gzip and zlib headers; some clients send deflate without any header
    raw = name == "deflate" and (len(data) < 2 or (data[0] & 15) != 8 or (data[0] * 256 + data[1]) % 31 != 0)
    parts, size = [], 0
    try:
        while data:
            stream = zlib.decompressobj(-15 if raw else 47)
            while data and not stream.eof:
                part = stream.decompress(data, min(_STEP, limit + 1 - size))
                size += len(part)
                if size > limit:
                    raise _too_large(limit, " inflated")
                parts.append(part)
                data = stream.unconsumed_tail
                if not part and not data and not stream.eof:
                    break
            if not stream.eof:
                raise PayloadError(f"the body ends in the middle of its {name} data")
            data = stream.unused_data  # gzip allows several members
    except zlib.error as error:
        raise PayloadError(f"the body is not {name}: {error}") from error
    return b"".join(parts)


def _inflate_zstd(data: bytes, limit: int) -> bytes:
    try:
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data)
        plain = stream.read(limit + 1)
    except zstandard.ZstdError as error:
        raise PayloadError(f"the body is not zstd: {error}") from error
    if len(plain) > limit:
        raise _too_large(limit, " inflated")
    return plain


def _too_large(limit: int, state: str) -> Refusal:
    return Refusal(
        413,
        f"the body is larger{state} than the limit of {limit} bytes (KANSOKU_MAX_BODY_BYTES)",
        "too_large",
    )
