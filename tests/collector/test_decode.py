"""Decoding: any bytes give spans or a PayloadError, nothing else."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.conftest import START_NS, request_of

from kansoku_collector.decode import logs, otlp
from kansoku_collector.decode.json import parse_json
from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.answer import Refusal
from kansoku_collector.receive.body import inflate

NOW_MS = START_NS // 10**6
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["traceId", "spans", "attributes", "value", "key"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=20,
)
FIELDS = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "traceId",
    "spanId",
    "attributes",
    "key",
    "value",
    "stringValue",
    "intValue",
    "events",
]


def parse_items(kind, body):
    """Parse JSON, without what is said of the items that cannot be read."""
    return parse_json(kind, body)[0]


def read_all(body, parser):
    """Read a body to raw spans, or stop with the one error that is allowed."""
    try:
        request = parser(ExportTraceServiceRequest, body)
        return [found.read() for found in otlp.find_spans(request, NOW_MS)]
    except PayloadError:
        return None


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_spans_or_a_payload_error(body):
    """Neither decoder lets anything but PayloadError out."""
    read_all(body, otlp.parse)
    read_all(body, parse_items)
    with contextlib.suppress(PayloadError):
        list(logs.read_events(otlp.parse(ExportLogsServiceRequest, body), NOW_MS))


@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.recursive(
            JSON_VALUES,
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
            ),
            max_leaves=30,
        ),
        max_size=3,
    )
)
def test_arbitrary_json_is_spans_or_a_payload_error(value):
    """Values of the wrong type anywhere in the tree are named, not tripped over."""
    read_all(json.dumps(value).encode(), parse_items)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "zstd", "identity", "br"]))
def test_arbitrary_compressed_bytes_inflate_or_are_refused(body, encoding):
    """Decompression ends in bytes, PayloadError or a refusal."""
    with contextlib.suppress(PayloadError, Refusal):
        assert len(inflate(body, encoding, 10_000)) <= 10_000


@given(st.binary(max_size=200), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_truncated_and_mutated_exports_never_raise(noise, start, end):
    """A real export with noise behind it and any times reads or is refused."""
    request = request_of({"start": start, "end": end})
    read_all(request.SerializeToString() + noise, otlp.parse)


def test_deep_json_is_refused_before_the_stack_ends():
    """Ten thousand brackets are a payload error."""
    with pytest.raises(PayloadError):
        parse_json(ExportTraceServiceRequest, b'{"a":' * 10_000 + b"1" + b"}" * 10_000)


def test_values_keep_their_types():
    """Numbers, booleans, bytes, lists and maps arrive as Python values."""
    request = request_of(
        {
            "attributes": {
                "i": 3,
                "f": 0.5,
                "b": True,
                "x": b"\x01\xff",
                "l": [1, "a"],
                "m": {"k": [False]},
                "e": "",
            }
        }
    )
    raw = next(otlp.find_spans(request, NOW_MS)).read()
    assert raw.attributes == {
        "i": 3,
        "f": 0.5,
        "b": True,
        "x": "01ff",
        "l": [1, "a"],
        "m": {"k": [False]},
        "e": "",
    }


def test_a_zero_parent_is_no_parent():
    """Some clients write eight zero bytes instead of nothing."""
    raw = next(otlp.find_spans(request_of({"parent_span_id": bytes(8)}), NOW_MS)).read()
    assert raw.parent_span_id == ""
