"""What one request may hold: the rest of it is stored, and every cut is counted and said."""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
import zstandard
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import Request
from tests.collector.conftest import call, request_of

from kansoku_collector.decode import otlp
from kansoku_collector.entries import Encoding
from kansoku_collector.errors import PayloadError
from kansoku_collector.receive import parts
from kansoku_collector.receive.answer import JSON, PROTOBUF, Refusal
from kansoku_collector.receive.body import inflate, read_body
from kansoku_collector.receive.check import Sent, check
from kansoku_collector.receive.limits import BURST_SECONDS, Limits, Rates, Room

LIMITS = Limits(max_spans=3, max_attributes=4, max_attribute_bytes=1000)


def checked(request, limits=LIMITS, signal="traces", encoding=""):
    """Check a request as it would arrive; return the outcome and the spans of its entry."""
    wire = request.SerializeToString()
    wire = gzip.compress(wire) if encoding else wire
    found = check(Sent(signal, wire, PROTOBUF, encoding, "default", time.time_ns() // 10**6), limits)
    stored = type(request).FromString(found.entry.plain()) if found.entry else None
    return found, stored


def names(request):
    """Return the names of a request's spans."""
    return [span.name for span in otlp.spans_of(request)]


def test_spans_beyond_the_limit_are_left_out():
    """The first are stored, across scopes, and the others counted."""
    request = request_of({"name": "a"}, {"name": "b"})
    request.MergeFrom(request_of({"name": "c"}, {"name": "d"}, {"name": "e"}))
    found, stored = checked(request, encoding="gzip")
    assert names(stored) == ["a", "b", "c"]
    assert (found.received, dict(found.rejected.counts)) == (5, {"too_many_spans": 2})
    assert "KANSOKU_MAX_SPANS" in found.rejected.message


def test_log_records_have_the_same_limit():
    """Records are counted like spans."""
    request = ExportLogsServiceRequest()
    part = request.resource_logs.add().scope_logs.add()
    for _ in range(5):
        part.log_records.add(event_name="gen_ai.choice", trace_id=b"t" * 16, span_id=b"s" * 8)
    found, stored = checked(request, signal="logs")
    assert len(stored.resource_logs[0].scope_logs[0].log_records) == 3
    assert dict(found.rejected.counts) == {"too_many_log_records": 2}


def test_attributes_beyond_the_limit_are_cut_and_the_span_stays():
    """Of spans, events, links and resources; the span's own counter of dropped attributes says how many."""
    request = request_of({"attributes": {f"a{n}": n for n in range(6)}}, **{f"r{n}": "x" for n in range(5)})
    span = next(otlp.spans_of(request))
    for holder in (span.events.add(name="e"), span.links.add()):
        for number in range(5):
            holder.attributes.add(key=f"k{number}").value.int_value = number
    found, stored = checked(request)
    span = next(otlp.spans_of(stored))
    assert [pair.key for pair in span.attributes] == ["a0", "a1", "a2", "a3"]
    assert [len(span.events[0].attributes), len(span.links[0].attributes)] == [4, 4]
    assert span.dropped_attributes_count == 2
    assert (found.rejected.total, dict(found.rejected.cuts)) == (0, {"too_many_attributes": 6})
    assert "too_many_attributes" in found.rejected.message


def test_a_large_text_is_cut_between_characters_and_other_large_values_go():
    """The limit counts bytes, a character is never halved, and the attributes beside it stay."""
    request = request_of({"attributes": {"text": "あ" * 500, "list": ["x" * 600, "y" * 600], "small": 1}})
    found, stored = checked(request)
    span = next(otlp.spans_of(stored))
    kept = {pair.key: pair.value for pair in span.attributes}
    assert list(kept) == ["text", "small"]
    assert kept["text"].string_value == "あ" * ((1000 - len("text")) // 3)
    assert dict(found.rejected.cuts) == {"attribute_too_large": 2}


def test_what_is_within_the_limits_is_kept_as_it_came():
    """The journal gets the sender's own bytes, compressed as they were."""
    found, _ = checked(request_of({"attributes": call()}), Limits(), encoding="gzip")
    assert (found.entry.encoding, found.rejected.message) == (Encoding.GZIP, "")


def test_a_request_of_nothing_but_groups_is_refused():
    """A million empty resources are not walked through."""
    request = ExportTraceServiceRequest()
    for _ in range(8):
        request.resource_spans.add()
    with pytest.raises(Refusal) as refused:
        checked(request)
    assert (refused.value.status, refused.value.reason) == (413, "too_many_groups")


def length(data):
    """Return the length of some bytes as protobuf writes it."""
    size, found = len(data), b""
    while size > 127:
        size, found = size >> 7, found + bytes([size & 127 | 128])
    return found + bytes([size])


def within(inner, *fields):
    """Return bytes as the content of messages in messages, the innermost field first."""
    for field in fields:
        inner = bytes([field << 3 | 2]) + length(inner) + inner
    return inner


EMPTY = parts.SMALL // 2 + 1


@pytest.mark.parametrize(
    ("signal", "body", "reason"),
    [
        pytest.param("traces", b"\x0a\x00" * EMPTY, "too_many_groups", id="resources"),
        pytest.param("traces", within(b"\x12\x00" * EMPTY, 1), "too_many_parts", id="scopes"),
        pytest.param("traces", within(b"\x12\x00" * EMPTY, 2, 1), "too_many_parts", id="spans"),
        pytest.param("traces", within(b"\x4a\x00" * EMPTY, 2, 2, 1), "too_many_parts", id="attributes"),
        pytest.param("traces", within(b"\x0a\x00" * EMPTY, 5, 2, 9, 2, 2, 1), "too_many_parts", id="values"),
        pytest.param("logs", within(b"\x12\x00" * EMPTY, 2, 1), "too_many_parts", id="records"),
        pytest.param("metrics", within(b"\x0a\x00" * EMPTY, 7, 2, 2, 1), "too_many_parts", id="points"),
    ],
)
def test_millions_of_empty_parts_are_refused_before_they_are_parsed(monkeypatch, signal, body, reason):
    """Two bytes each on the wire, gigabytes when parsed: wherever they are, the parser never sees them."""
    monkeypatch.setattr(otlp, "parse", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(Refusal) as refused:
        check(Sent(signal, body, PROTOBUF, "", "default", time.time_ns() // 10**6), Limits(max_spans=1000))
    assert (refused.value.status, refused.value.reason) == (413, reason)


@given(st.data())
def test_parts_are_counted_as_the_parser_finds_them(data):
    """On the wire a request has as many messages as after parsing, whatever its shape."""
    request = ExportTraceServiceRequest()
    for _ in range(data.draw(st.integers(0, 3))):
        spans = {"attributes": data.draw(ATTRIBUTES)}, {"name": "n" * 200}
        request.MergeFrom(request_of(*spans, **{"service.name": "s" * 300}))
        next(otlp.spans_of(request)).events.add(name="e", time_unix_nano=2**63).attributes.add(key="k")
    body = request.SerializeToString()
    assert parts._count(request.DESCRIPTOR, body, 10**6, 10**6) == messages(request) - 1


ATTRIBUTES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.text(max_size=200) | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=5,
)


def messages(message):
    """Return how many messages a parsed one holds, itself included."""
    found = 1
    for field, value in message.ListFields():
        if field.message_type is not None:
            found += sum(map(messages, value)) if isinstance(value, Sequence) else messages(value)
    return found


def test_a_large_request_that_is_cut_off_is_named_by_the_parser():
    """Counting stumbles over nothing: what is no protobuf gets the answer of before."""
    whole = request_of({"attributes": {"text": "x" * (parts.SMALL + 1)}}).SerializeToString()
    for body in (whole[:-5], b"\xff" * (parts.SMALL + 1), b"\x0b" * (parts.SMALL + 1)):
        with pytest.raises(PayloadError, match="protobuf"):
            check(Sent("traces", body, PROTOBUF, "", "default", 0), Limits())


@given(st.binary(max_size=2000), st.integers(0, 3000))
def test_compression_gives_the_bytes_back_or_refuses_them(body, limit):
    """Whatever is within the limit comes out whole in every encoding; whatever is not is refused."""
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.ZstdCompressor().compress}
    for name, pack in packed.items():
        if len(body) <= limit:
            assert inflate(pack(body), name, limit) == body
            continue
        with pytest.raises(Refusal) as refused:
            inflate(pack(body), name, limit)
        assert refused.value.status == 413


def test_frames_of_zstd_are_all_read_and_half_of_one_is_named():
    """What follows the first frame is not lost in silence."""
    pack = zstandard.ZstdCompressor().compress
    body = b"abc" * 5000
    assert inflate(pack(body) + pack(body), "zstd", 1 << 20) == body + body
    streamed = zstandard.ZstdCompressor(write_content_size=False).compress(body)
    with pytest.raises(PayloadError, match="ends in the middle"):
        inflate(streamed[:-5], "zstd", 1 << 20)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(gzip.compress(b"") * 1000, "gzip", id="members of gzip"),
        pytest.param(zstandard.ZstdCompressor().compress(b"") * 1000, "zstd", id="frames of zstd"),
    ],
)
def test_thousands_of_empty_members_are_refused(body, encoding):
    """Each would cost a step; nobody sends them for a good reason."""
    with pytest.raises(PayloadError, match="members"):
        inflate(body, encoding, 1 << 20)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_stopped_near_the_limit(encoding):
    """Of 64 megabytes in a few kilobytes only the first megabytes are made."""
    plain = b"\0" * (1 << 26)
    packed = {
        "gzip": lambda: gzip.compress(plain),
        "deflate": lambda: zlib.compress(plain),
        "zstd": lambda: zstandard.ZstdCompressor().compress(plain),
    }
    with pytest.raises(Refusal) as refused:
        inflate(packed[encoding](), encoding, 1 << 20)
    assert (refused.value.status, refused.value.reason) == (413, "inflated_too_large")


@pytest.mark.parametrize(("part", "word"), [(b"{}", "objects"), (b"[]", "lists")])
def test_json_of_nothing_but_objects_or_lists_is_refused(part, word):
    """Each would need a hundred times its three bytes of memory."""
    body = b'{"resourceSpans":[' + (part + b",") * 1_100_000 + b"{}]}"
    sent = Sent("traces", body, JSON, "", "default", 0)
    with pytest.raises(PayloadError, match=word):
        check(sent, Limits())


@pytest.mark.parametrize(
    "body",
    [b'{"resourceSpans":[' + b'"",' * 4_100_000 + b"{}]}",
     b'{"x":{' + b",".join(b'"%x":0' % number for number in range(4_100_000)) + b"}}"],
)  # fmt: skip
def test_json_of_millions_of_values_is_refused_before_protobuf_reads_it(monkeypatch, body):
    """Each text where an object should be took as long as one: 88 seconds for 63 KB of gzip."""
    monkeypatch.setattr(json_format, "ParseDict", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(PayloadError, match="values"):
        check(Sent("traces", body, JSON, "", "default", 0), Limits())


def test_json_is_cut_like_protobuf():
    """Limits hold whatever the encoding."""
    spans = [{"traceId": "ab" * 16, "spanId": "cd" * 8, "name": str(n)} for n in range(5)]
    for span in spans:
        span["startTimeUnixNano"] = span["endTimeUnixNano"] = str(time.time_ns())
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    found = check(Sent("traces", body, JSON, "", "default", time.time_ns() // 10**6), LIMITS)
    assert names(ExportTraceServiceRequest.FromString(found.entry.plain())) == ["0", "1", "2"]


def test_a_project_may_send_its_rate_and_a_burst():
    """After a burst it waits as long as the rate says; other projects do not wait."""
    now = [0.0]
    rates = Rates({"shop": 10.0}, {"*": 1000.0}, lambda: now[0])
    rates.admit("shop")
    rates.charge("shop", int(10 * BURST_SECONDS) + 25, 10)
    with pytest.raises(Refusal) as refused:
        rates.admit("shop")
    assert (refused.value.status, refused.value.reason, refused.value.retry) == (429, "rate_spans", 3)
    rates.admit("other")
    now[0] = 2.6
    rates.admit("shop")
    rates.charge("other", 1, 20_000)
    with pytest.raises(Refusal, match="KANSOKU_RATE_BYTES"):
        rates.admit("other")


def test_memory_for_bodies_is_bounded_and_given_back():
    """A second request waits for the first; one alone is never refused for its size."""
    room = Room(100)
    with room.hold() as take:
        take(150)
        with room.hold() as other, pytest.raises(Refusal) as refused:
            other(1)
        assert (refused.value.status, refused.value.reason, refused.value.retry > 0) == (
            503,
            "pending_bytes",
            True,
        )
    assert room.used == 0
    with room.hold() as take:
        take(100)


def test_a_body_that_stalls_is_given_up():
    """The sender is told to try again, and the connection is free."""

    async def receive():
        await asyncio.sleep(60)

    async def stall():
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        await read_body(request, 1000, seconds=0.01)

    with pytest.raises(Refusal) as refused:
        asyncio.run(stall())
    assert (refused.value.status, refused.value.reason, refused.value.retry > 0) == (503, "slow_body", True)


def test_limits_are_the_settings_of_the_same_names():
    """Every limit can be set."""

    class Chosen:
        """A collector's settings."""

    chosen = Chosen()
    wanted = replace(LIMITS, request_seconds=3.0, metric_names=("x.",))
    for name in Limits.__slots__:
        setattr(chosen, name, getattr(wanted, name))
    assert Limits.of(chosen) == wanted
