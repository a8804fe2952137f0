"""Whatever arrives: an answer that exporters understand, rows that can be written, a process that goes on.

Few examples here, always the same; `make fuzz` runs the same tests with thousands of new ones.
"""

import gzip
import json
import math
import os
import time
import uuid
import zlib

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.conftest import START_NS, put, request_of
from tests.collector.fuzz_rig import JSON, PROTOBUF, REQUESTS, Rig, captures

from kansoku_collector.decode import otlp
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
quiet = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 25,
    deadline=None if EXAMPLES == 25 else 30_000,  # nothing may stall
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

BODIES = captures()
SIGNALS = st.sampled_from(sorted(REQUESTS))
NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**32, 2**53, 2**63 - 1, -(2**63)]) | st.integers(
    -(2**63), 2**63 - 1
)
TEXTS = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "NaN",
        "-1",
        "1e400",
        "9" * 5000,
        "[" * 3000,
        '{"a":' * 200 + "1" + "}" * 200,
        '[{"role":1,"parts":{"x":[]}}]',
        '[{"role":"user","parts":[{"type":"text","content":{"a":[null]}}, 7, null]}]',
        '{"choices":[{"message":null,"finish_reason":5}],"usage":{"prompt_tokens":"many"}}',
        '{"input_tokens":1e308,"output_tokens":-5,"total":NaN}',
        '"\\ud800"',
        "data:image/png;base64,!!!!",
        "\x00\u202e\ufeff",
        "𝟘" * 50,
    ]
)
VALUES = st.recursive(
    NUMBERS | TEXTS | st.booleans() | st.floats() | st.binary(max_size=20) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def attribute_names():
    """Return the name of every attribute that the captures have."""
    names = set()
    for body in BODIES:
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except Exception:  # noqa: BLE001 - a capture of another signal
            continue
        for span in otlp.spans_of(request):
            names |= {pair.key for pair in span.attributes}
    return sorted(names)


NAMES = st.sampled_from(attribute_names())
SCOPES = st.sampled_from(
    [
        "test",
        "ai",
        "langfuse-sdk",
        "langsmith",
        "mlflow.x",
        "logfire.openai",
        "openlit.otel",
        "traceloop.sdk",
        "lmnr",
    ]
)


@pytest.fixture(scope="module")
def rig(engine_url, tmp_path_factory):
    """Return a collector in this process, on a database of its own."""
    name = f"fuzz_{uuid.uuid4().hex[:12]}"
    client = connect(engine_url, database=name)
    migrate(client)
    yield Rig(tmp_path_factory.mktemp("fuzz"), client)
    client.command(f"DROP DATABASE {name}")
    client.close()


@quiet
@given(SIGNALS, st.sampled_from(BODIES), st.data())
def test_recorded_exports_with_damaged_bytes(rig, signal, body, data):
    """Bytes changed, cut, doubled or put in, of real exports of any dialect and for any signal."""
    found = bytearray(body)
    for _ in range(data.draw(st.integers(1, 6))):
        at, size = data.draw(st.integers(0, len(found))), data.draw(st.integers(0, 40))
        noise = data.draw(st.binary(max_size=20))
        change = data.draw(st.sampled_from(["replace", "cut", "double", "insert", "end"]))
        match change:
            case "replace":
                found[at : at + len(noise)] = noise
            case "cut":
                del found[at : at + size]
            case "double":
                found[at:at] = found[at : at + size]
            case "insert":
                found[at:at] = noise
            case "end":
                del found[at:]
    rig.check(signal, bytes(found))


@quiet
@given(st.sampled_from(BODIES), st.data())
def test_recorded_exports_with_strange_values(rig, body, data):
    """Any attribute of a real span may hold any value: other types, huge numbers, deep and broken JSON."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except Exception:  # noqa: BLE001 - a capture of another signal
        assume(False)
    spans = [span for span in otlp.spans_of(request) if span.attributes]
    assume(spans)
    for _ in range(data.draw(st.integers(1, 5))):
        span = data.draw(st.sampled_from(spans))
        pair = span.attributes[data.draw(st.integers(0, len(span.attributes) - 1))]
        pair.value.Clear()
        put(pair.value, data.draw(VALUES))
        pair.key = data.draw(st.just(pair.key) | NAMES)
    rig.check("traces", request.SerializeToString())


@quiet
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=12), SCOPES, st.integers(0, 2**64 - 1))
def test_spans_of_known_names_and_strange_values(rig, found, scope, end):
    """Every dialect's names, mixed, with values that none of them expects; times of any size."""
    request = request_of(
        {"attributes": found}, {"attributes": found, "start": START_NS, "end": end}, scope=scope
    )
    rig.check("traces", request.SerializeToString())


@quiet
@given(NAMES | st.just("gen_ai.choice"), st.dictionaries(NAMES, VALUES, max_size=6), VALUES, st.booleans())
def test_log_records_with_strange_bodies(rig, name, found, body, owned):
    """GenAI events with any body, with and without the span that they belong to."""
    request = REQUESTS["logs"]()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name=name)
    record.time_unix_nano = START_NS
    if owned:
        record.trace_id, record.span_id = b"t" * 16, b"s" * 8
    for key, value in found.items():
        put(record.attributes.add(key=key).value, value)
    put(record.body, body)
    rig.check("logs", request.SerializeToString())


@quiet
@given(st.data())
def test_metrics_of_every_kind_with_strange_numbers(rig, data):
    """Buckets, scales, sums and times of any size."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add().scope_metrics.add()
    numbers = st.floats() | st.sampled_from([math.inf, -math.inf, math.nan, 0.0, 1e308])
    counts = st.lists(st.integers(0, 2**64 - 1), max_size=5)
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        metric = getattr(part.metrics.add(name=data.draw(TEXTS)), kind)
        point = metric.data_points.add(
            time_unix_nano=START_NS, start_time_unix_nano=data.draw(st.integers(0, 2**64 - 1))
        )
        if kind in {"sum", "histogram", "exponential_histogram"}:
            metric.aggregation_temporality = data.draw(st.integers(0, 3))
        if kind in {"gauge", "sum"}:
            point.as_double = data.draw(numbers)
        if "histogram" in kind:
            point.sum, point.min, point.max = (data.draw(numbers) for _ in range(3))
            point.count = data.draw(st.integers(0, 2**64 - 1))
        if kind == "histogram":
            point.explicit_bounds.extend(data.draw(st.lists(numbers, max_size=4)))
            point.bucket_counts.extend(data.draw(counts))
        if kind == "exponential_histogram":
            point.scale = data.draw(st.integers(-(2**31), 2**31 - 1))
            point.positive.offset = data.draw(st.integers(-(2**31), 2**31 - 1))
            point.positive.bucket_counts.extend(data.draw(counts))
            point.negative.bucket_counts.extend(data.draw(counts))
        put(point.attributes.add(key=data.draw(NAMES)).value, data.draw(VALUES))
    rig.check("metrics", request.SerializeToString())


WORDS = """resourceSpans scopeSpans spans resourceLogs scopeLogs logRecords resourceMetrics scopeMetrics
metrics traceId spanId name kind startTimeUnixNano endTimeUnixNano attributes key value
stringValue intValue doubleValue arrayValue kvlistValue values bytesValue events links status
code resource scope body eventName histogram dataPoints bucketCounts explicitBounds sum gauge
asInt"""
FIELDS = st.sampled_from(WORDS.split())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("ab" * 16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=40,
)


@quiet
@given(SIGNALS, JSON_VALUES)
def test_json_of_the_wrong_shape(rig, signal, value):
    """Known names with values of any type, anywhere in the tree."""
    rig.check(signal, json.dumps(value).encode(), JSON)


@quiet
@given(SIGNALS, st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON, "text/plain", ""]))
def test_bytes_that_mean_nothing(rig, signal, body, content_type):
    """Under the name of any signal and any content type."""
    rig.check(signal, body, content_type)


@quiet
@given(st.sampled_from(BODIES), st.sampled_from(["gzip", "deflate", "zstd", "br", "gzip, gzip"]), st.data())
def test_compressed_bodies_that_are_damaged(rig, body, encoding, data):
    """A compressed export with a byte changed, its end missing, or something behind it; or not compressed."""
    packers = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.ZstdCompressor().compress}
    packed = bytearray(packers.get(encoding, bytes)(body))
    at = data.draw(st.integers(0, len(packed) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "more", "none"])):
        case "flip":
            packed[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del packed[at:]
        case "more":
            packed += data.draw(st.binary(max_size=40))
    rig.check("traces", bytes(packed), PROTOBUF, encoding)


@quiet
@given(
    st.dictionaries(
        st.sampled_from(
            ["trace_id", "like", "score", "name", "label", "comment", "metadata", "time", "id", "source"]
        ),
        JSON_VALUES | st.just("ab" * 16),
        max_size=6,
    )
    | JSON_VALUES
)
def test_feedback_of_the_wrong_shape(rig, value):
    """Feedback from anybody's page."""
    rig.check_feedback(json.dumps(value).encode())


@pytest.mark.parametrize("deep", [90, 99, 101, 5000])
def test_deep_nesting_in_protobuf(rig, deep):
    """Values within values: stored as deep as the decoder goes, refused beyond, never a stack that ends."""
    request = request_of({"attributes": {"gen_ai.operation.name": "chat"}, "trace_id": uuid.uuid4().bytes})
    value = b"\x0a\x01x"
    for _ in range(deep):
        value = _field(5, _field(1, value))
    span = next(otlp.spans_of(request)).SerializeToString() + _field(9, _field(1, b"deep") + _field(2, value))
    rig.check("traces", _field(1, _field(2, _field(2, span))))


def _field(number, data):
    """Return a field of bytes in protobuf's encoding."""
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def test_a_request_after_all_that_is_stored(rig):
    """Nothing before has left the collector unable to do its work."""
    before = rig.metrics.values()["spans_stored"]
    rig.check("traces", request_of({"start": time.time_ns()}).SerializeToString())
    assert rig.metrics.values()["spans_stored"] == before + 1
