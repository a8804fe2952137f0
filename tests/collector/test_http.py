"""OTLP over HTTP, asked as exporters ask: what is accepted, what is refused, and how it is said."""

import gzip
import json
import os
import time
import zlib

import pytest
import zstandard
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.collector.conftest import START_NS, call, request_of

JSON = "application/json"


def one(**fields):
    """Return a request of one good span, and its trace id."""
    trace_id = os.urandom(16)
    return request_of({"trace_id": trace_id, "attributes": call(), **fields}), trace_id.hex()


def message_of(body):
    """Return the sentence of a protobuf error answer."""
    return Status.FromString(body).message


def test_protobuf_is_stored_and_answered_in_protobuf(collector):
    """A plain export is acknowledged with an empty response and its row can be read."""
    request, trace_id = one()
    status, body, headers = collector.post("traces", request.SerializeToString())
    assert (status, headers["content-type"]) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(body).HasField("partial_success")
    span = collector.trace(trace_id)["spans"][0]
    assert (span["service"], span["operation"], span["input_tokens"], span["billed"]) == (
        "shop",
        "chat",
        1000,
        1,
    )


def test_json_with_hex_ids_is_stored_and_answered_in_json(collector):
    """OTLP/JSON writes ids in hex and big numbers as text; the answer is JSON too."""
    trace_id = os.urandom(16).hex()
    span = {"traceId": trace_id, "spanId": os.urandom(8).hex(), "name": "chat", "kind": 3, "unknownField": 1}
    span |= {"startTimeUnixNano": str(START_NS), "endTimeUnixNano": str(START_NS + 5)}
    span["attributes"] = [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
    ]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    status, answer, headers = collector.post("traces", body, content_type=JSON)
    assert (status, json.loads(answer), headers["content-type"]) == (200, {}, JSON)
    assert collector.trace(trace_id)["spans"][0]["input_tokens"] == 7


def test_every_usual_compression_is_understood(collector):
    """Gzip (also in members), zlib, headerless deflate and zstd carry the same request."""
    raw = zlib.compressobj(wbits=-15)
    packers = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }
    bodies = list(packers.items())
    bodies += [
        ("gzip", lambda b: gzip.compress(b[:20]) + gzip.compress(b[20:])),
        ("deflate", lambda b: raw.compress(b) + raw.flush()),
    ]
    for name, pack in bodies:
        request, trace_id = one()
        status, body, _ = collector.post("traces", pack(request.SerializeToString()), content_encoding=name)
        assert status == 200, (name, body)
        assert collector.trace(trace_id)["spans"]


def test_a_stock_exporter_delivers(collector):
    """The OpenTelemetry exporter needs no setting besides the endpoint and the key."""
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{collector.port}/v1/traces", headers=collector.key("ingest")
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("shop").start_as_current_span("answer") as span:
        trace_id = format(span.get_span_context().trace_id, "032x")
    provider.shutdown()
    assert collector.trace(trace_id)["spans"][0]["name"] == "answer"


def test_a_bad_span_is_left_out_and_named(collector):
    """The rest of the request is stored; partial_success counts and explains what is not."""
    trace_id = os.urandom(16)
    bad = [
        {"trace_id": bytes(16)},
        {"trace_id": b"short"},
        {"trace_id": trace_id, "span_id": bytes(8)},
        {"trace_id": trace_id, "start": 0},
        {"trace_id": trace_id, "start": time.time_ns() + 3 * 86400 * 10**9},
        {"trace_id": trace_id, "start": START_NS, "end": START_NS - 8 * 86400 * 10**9, "name": "backwards"},
    ]
    request = request_of(*bad, {"trace_id": trace_id, "name": "good"})
    before = collector.get("/v1/stats")
    status, body, _ = collector.post("traces", request.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, partial.rejected_spans) == (200, 6)
    for word in (
        "2 invalid_trace_id",
        "1 invalid_span_id",
        "2 absurd_time",
        "ends 691200.000 s before it starts",
    ):
        assert word in partial.error_message
    assert [span["name"] for span in collector.trace(trace_id.hex())["spans"]] == ["good"]
    after = collector.get("/v1/stats")
    assert after["dropped.traces.absurd_time"] - before.get("dropped.traces.absurd_time", 0) == 2


@pytest.mark.parametrize("back", [10**6, 3 * 86400 * 10**9])
def test_a_call_during_which_the_clock_was_set_back_is_billed(collector, back):
    """A span that ends before it starts is stored with duration 0: what it used has been paid for."""
    request, trace_id = one(end=START_NS - back)
    assert collector.post("traces", request.SerializeToString())[0] == 200
    span = collector.trace(trace_id)["spans"][0]
    assert span["duration_ns"] == 0
    assert float(span["cost_usd"]) > 0


def test_a_malformed_body_is_refused_with_its_fault(collector):
    """400 says what was expected, in the encoding of the request."""
    status, body, headers = collector.post("traces", b"\xff\xff not protobuf")
    assert (status, headers["content-type"]) == (400, "application/x-protobuf")
    assert "ExportTraceServiceRequest" in message_of(body)
    status, body, _ = collector.post("traces", b'{"resourceSpans": [{"resource": 7}]}', content_type=JSON)
    assert (status, "resource" in json.loads(body)["message"]) == (400, True)
    status, body, _ = collector.post("traces", b"{", content_type=JSON)
    assert (status, "not JSON" in json.loads(body)["message"]) == (400, True)
    status, body, _ = collector.post("traces", b"\x1f\x8bbroken", content_encoding="gzip")
    assert (status, "gzip" in message_of(body)) == (400, True)
    cut = gzip.compress(one()[0].SerializeToString())[:-12]
    status, body, _ = collector.post("traces", cut, content_encoding="gzip")
    assert (status, "ends in the middle" in message_of(body)) == (400, True)


def test_a_span_that_is_no_span_costs_its_json_batch_nothing(collector):
    """Whatever is wrong within a span, the others are stored, and the answer names the field."""
    good = json_format.MessageToDict(one()[0])
    spans = good["resourceSpans"][0]["scopeSpans"][0]["spans"]
    trace_id = os.urandom(16).hex()
    spans[0] |= {"traceId": trace_id, "spanId": os.urandom(8).hex(), "name": "half \ud83d"}
    deep: dict[str, object] = {"stringValue": "x"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    for wrong in (
        {"traceId": "xyz"},
        {"parentSpanId": 7},
        {"startTimeUnixNano": "yesterday"},
        {"attributes": {"a": 1}},
        {"attributes": [{"key": "a", "value": deep}]},
    ):
        spans.append(spans[0] | wrong)
    spans.append("not even an object")
    status, body, _ = collector.post("traces", json.dumps(good).encode(), content_type=JSON)
    partial = json.loads(body)["partialSuccess"]
    assert (status, partial["rejectedSpans"]) == (200, "6")
    assert "6 malformed_span: span 'half" in partial["errorMessage"]
    assert "traceId must be hex text, not 'xyz'" in partial["errorMessage"]
    assert [span["name"] for span in collector.trace(trace_id)["spans"]] == ["half \N{REPLACEMENT CHARACTER}"]


def test_letters_that_are_not_utf8_cost_neither_their_span_nor_its_batch(collector):
    """A program that cuts text between bytes: the span is stored with U+FFFD, and the answer says so."""
    trace_id = os.urandom(16)
    spans = [{"trace_id": trace_id, "name": name} for name in ("a good one", "cut in a kan\u3058i")]
    body = request_of(*spans).SerializeToString().replace("\u3058i".encode(), b"\xe3\x81?i")
    status, answer, _ = collector.post("traces", body)
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (status, partial.rejected_spans) == (200, 0)
    assert "1 invalid_text" in partial.error_message
    names = {span["name"] for span in collector.trace(trace_id.hex())["spans"]}
    assert names == {"a good one", "cut in a kan\N{REPLACEMENT CHARACTER}?i"}


def test_unknown_types_and_encodings_are_refused(collector):
    """415 names what was sent and what would be understood."""
    status, body, _ = collector.post("traces", b"x", content_type="text/plain")
    assert (status, "text/plain" in json_format.Parse(body, Status()).message) == (415, True)
    status, body, _ = collector.post("traces", b"x", content_encoding="br")
    assert (status, "'br'" in message_of(body)) == (415, True)


def test_keys_are_required_and_scoped(collector):
    """No key and a wrong key are 401, a key of another scope is 403; x-api-key works as well."""
    request, _ = one()
    body, kind = request.SerializeToString(), {"content-type": "application/x-protobuf"}
    status, answer, headers = collector.call("POST", "/v1/traces", body, kind)
    assert (status, headers["www-authenticate"], "no API key" in message_of(answer)) == (401, "Bearer", True)
    assert collector.call("POST", "/v1/traces", body, kind | {"authorization": "Bearer ksk_wrong"})[0] == 401
    assert collector.call("POST", "/v1/traces", body, kind | collector.key("read"))[0] == 403
    assert collector.call("GET", f"/v1/traces/{'0' * 32}", headers=collector.key("ingest"))[0] == 403
    secret = collector.key("ingest")["authorization"].removeprefix("Bearer ")
    assert collector.call("POST", "/v1/traces", body, kind | {"x-api-key": secret})[0] == 200


def test_an_address_where_nothing_is_tells_the_right_one(collector):
    """An exporter whose endpoint lacks the path of its signal logs the answer, and the loss is counted."""
    before = collector.get("/v1/stats").get("dropped.request.wrong_path", 0)
    status, answer, _ = collector.call("POST", "/", b"{}", {"content-type": "application/json"})
    assert (status, "/v1/traces" in json.loads(answer)["message"]) == (404, True)
    assert collector.get("/v1/stats")["dropped.request.wrong_path"] == before + 1
    assert collector.call("GET", "/favicon.ico")[0] == 404
    assert collector.get("/v1/stats")["dropped.request.wrong_path"] == before + 1


def test_a_request_sent_again_is_stored_once(collector):
    """A client that never saw the answer repeats the same bytes: acknowledged, not doubled."""
    request, trace_id = one()
    body = request.SerializeToString()
    assert [collector.post("traces", body)[0] for _ in range(3)] == [200, 200, 200]
    collector.settled()
    assert collector.post("traces", body)[0] == 200
    collector.settled()
    assert len(collector.trace(trace_id)["spans"]) == 1


def test_metrics_and_plain_logs_are_refused_aloud(collector):
    """What is not stored is counted in partial_success, never swallowed."""
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=1)
    metric.gauge.data_points.add(as_int=2)
    status, body, _ = collector.post("metrics", metrics.SerializeToString())
    partial = ExportMetricsServiceResponse.FromString(body).partial_success
    assert (status, partial.rejected_data_points, "not stored" in partial.error_message) == (200, 2, True)
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "hello"
    status, body, _ = collector.post("logs", logs.SerializeToString())
    refused = ExportLogsServiceResponse.FromString(body).partial_success
    assert (status, refused.rejected_log_records) == (200, 1)


def test_no_other_origin_is_invited(collector):
    """CORS is off: a browser's preflight gets no permission."""
    status, _, headers = collector.call(
        "OPTIONS", "/v1/traces", headers={"origin": "http://evil", "access-control-request-method": "POST"}
    )
    assert (status, [name for name in headers if name.startswith("access-control")]) == (405, [])


def test_the_collector_counts_what_it_does(collector):
    """/metrics speaks Prometheus and names requests, spans and the journal."""
    collector.post("traces", one()[0].SerializeToString())
    status, body, _ = collector.call("GET", "/metrics")
    assert status == 200
    for name in (
        "kansoku_requests_total",
        "kansoku_spans_stored_total",
        "kansoku_journal_bytes",
        "kansoku_lag_seconds",
    ):
        assert name in body.decode()
    assert collector.call("GET", "/healthz")[0] == 200
    assert collector.call("GET", "/readyz")[0] == 200
