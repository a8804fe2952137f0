"""Read a request body within its limit, before and after decompression."""

import asyncio
import zlib
from collections.abc import Callable

import zstandard
from starlette.requests import ClientDisconnect, Request

from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.answer import RETRY_SECONDS, Refusal

_STEP = 1 << 20  # inflate at most this much at a time: a bomb is stopped within one step of the limit
_ZLIB_INPUT = 64 << 10
_ZSTD_INPUT = 256  # four bytes may become 128 KiB, and nothing stops the decompressor within one input
_ZSTD_WINDOW = 8 << 20  # what RFC 9659 allows for this content encoding
_MOST_MEMBERS = 100  # of gzip, frames of zstd: each costs a step, however small it is


async def read_body(
    request: Request, limit: int, *, seconds: float = 30.0, take: Callable[[int], None] = lambda _: None
) -> bytes:
    """Return the bytes as sent; refuse when they are too many or too slow. `take` makes room for them."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                take(len(chunk))
                chunks.append(chunk)
    except TimeoutError as error:
        raise too_slow(seconds) from error
    except ClientDisconnect as error:
        raise Refusal(400, "the client hung up before the body was complete", "disconnected") from error
    return b"".join(chunks)


def too_slow(seconds: float) -> Refusal:
    """Return the refusal of a body that takes longer than this to arrive."""
    return Refusal(
        503,
        f"the body did not arrive within {seconds:g} s (KANSOKU_REQUEST_SECONDS)",
        "slow_body",
        RETRY_SECONDS,
    )


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
        415,
        f"content-encoding {encoding[:40]!r} is not supported; send gzip, deflate, zstd or none",
        "encoding",
    )


def _inflate_zlib(data: bytes, name: str, limit: int) -> bytes:
    # 47 accepts gzip and zlib headers; some clients send deflate without any header
    raw = name == "deflate" and (len(data) < 2 or (data[0] & 15) != 8 or (data[0] * 256 + data[1]) % 31 != 0)
    parts: list[bytes] = []
    left, at, members = limit, 0, 0
    try:
        while at < len(data):
            members += 1
            _check_members(members, name)
            stream = zlib.decompressobj(-15 if raw else 47)
            while at < len(data) and not stream.eof:
                piece = data[at : at + _ZLIB_INPUT]
                at += len(piece)
                while True:
                    most = min(_STEP, left + 1)
                    part = stream.decompress(piece, most)
                    left = _less(left, len(part), limit)
                    parts.append(part)
                    piece = stream.unconsumed_tail
                    if stream.eof or (not piece and len(part) < most):
                        break
            if not stream.eof:
                raise PayloadError(f"the body ends in the middle of its {name} data")
            at -= len(stream.unused_data)  # gzip allows several members
    except zlib.error as error:
        raise PayloadError(f"the body is not {name}: {error}") from error
    return b"".join(parts)


def _inflate_zstd(data: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    left, at, frames = limit, 0, 0
    try:
        while at < len(data):
            frames += 1
            _check_members(frames, "zstd")
            stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
            while at < len(data) and not stream.eof:
                part = stream.decompress(data[at : at + _ZSTD_INPUT])
                at += _ZSTD_INPUT
                left = _less(left, len(part), limit)
                parts.append(part)
            if not stream.eof:
                raise PayloadError("the body ends in the middle of its zstd data")
            at = min(at, len(data)) - len(stream.unused_data)
    except zstandard.ZstdError as error:
        raise PayloadError(f"the body is not zstd: {error}") from error
    return b"".join(parts)


def _check_members(number: int, name: str) -> None:
    if number > _MOST_MEMBERS:
        raise PayloadError(f"the body has more than {_MOST_MEMBERS} {name} members")


def _less(left: int, size: int, limit: int) -> int:
    if size > left:
        raise Refusal(
            413,
            f"the body is larger inflated than the limit of {limit} bytes (KANSOKU_MAX_INFLATED_BYTES)",
            "inflated_too_large",
        )
    return left - size


def too_large(limit: int) -> Refusal:
    """Return the answer to a body that is too large as it is sent."""
    return Refusal(
        413, f"the body is larger than the limit of {limit} bytes (KANSOKU_MAX_BODY_BYTES)", "too_large"
    )
