"""OTLP over gRPC beside HTTP, as stock exporters speak it: same limits, same keys, same counters."""

import contextlib
import gzip
import os
import socket
import threading
import time
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.collector.conftest import Running, call, free_port, request_of

from kansoku_collector.keys import Keys

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return a collector with both doors open, small limits, and a rate for the project `slow`."""
    env = {
        "KANSOKU_GRPC_PORT": str(free_port()),
        "KANSOKU_MAX_BODY_BYTES": "200000",
        "KANSOKU_MAX_INFLATED_BYTES": "1000000",
        "KANSOKU_MAX_CONNECTIONS": "20",
        "KANSOKU_REQUEST_SECONDS": "2",  # what a busy machine needs for a request that does not stall
        "KANSOKU_RATE_SPANS": "slow=1",
    }
    running = Running(tmp_path_factory.mktemp("grpc") / "data", env)
    with contextlib.closing(running):
        yield running.start()


def address(running):
    """Return where a collector listens for gRPC."""
    return f"127.0.0.1:{running.env['KANSOKU_GRPC_PORT']}"


def export(running, message, key=None, compression=None):
    """Send bytes as a call; return the answer, or the error."""
    headers = running.key("ingest") if key is None else {"authorization": f"Bearer {key}"} if key else {}
    with grpc.insecure_channel(address(running), options=OPTIONS) as channel:
        method = channel.unary_unary(EXPORT)
        try:
            answer = method(message, metadata=tuple(headers.items()), compression=compression, timeout=60)
        except grpc.RpcError as error:
            return error
        return ExportTraceServiceResponse.FromString(answer)


def details(error):
    """Return the status in the trailer of an error, and when to try again."""
    trailer = dict(error.trailing_metadata())
    retry = RetryInfo.FromString(trailer.get("google.rpc.retryinfo-bin", b""))
    return Status.FromString(trailer["grpc-status-details-bin"]), retry.retry_delay.ToNanoseconds() / 1e9


def deliver(exporter):
    """Send one span with an exporter; return its trace id."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("shop").start_as_current_span("answer") as span:
        trace_id = format(span.get_span_context().trace_id, "032x")
    provider.shutdown()
    return trace_id


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_stock_exporter_delivers_over_grpc(both, compression):
    """The OpenTelemetry exporter needs the endpoint and the key, compressed or not."""
    exporter = OTLPSpanExporter(
        address(both), insecure=True, headers=both.key("ingest"), compression=compression
    )
    assert both.trace(deliver(exporter))["spans"][0]["name"] == "answer"


def test_stock_metrics_are_stored_and_the_others_named(both, caplog):
    """A histogram of tokens is kept, a metric of the HTTP server is refused aloud."""
    before = both.get("/v1/stats").get("metric_points_stored", 0)
    exporter = OTLPMetricExporter(address(both), insecure=True, headers=both.key("ingest"))
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)])
    meter = provider.get_meter("shop")
    meter.create_histogram("gen_ai.client.token.usage").record(7, {"gen_ai.request.model": "gpt-4o"})
    meter.create_counter("http.server.requests").add(1)
    provider.shutdown()
    both.wait_for(lambda: both.get("/v1/stats")["metric_points_stored"] == before + 1)
    assert both.get("/v1/stats")["dropped.metrics.metric_not_stored"] == 1


def test_a_bad_span_is_left_out_over_grpc(both):
    """partial_success says the same as over HTTP."""
    trace_id = os.urandom(16)
    request = request_of({"trace_id": trace_id, "attributes": call()}, {"trace_id": bytes(16)})
    partial = export(both, request.SerializeToString()).partial_success
    assert (partial.rejected_spans, "invalid_trace_id" in partial.error_message) == (1, True)
    assert len(both.trace(trace_id.hex())["spans"]) == 1


def test_errors_have_the_codes_that_exporters_know(both):
    """None of these is worth sending again, so none says when."""
    good = request_of({"attributes": call()}).SerializeToString()
    bomb = gzip.compress(request_of({"name": "x" * 3_000_000}).SerializeToString())
    cases = [
        (good, "", grpc.StatusCode.UNAUTHENTICATED),
        (good, "ksk_wrong", grpc.StatusCode.UNAUTHENTICATED),
        (good, both.key("read")["authorization"].removeprefix("Bearer "), grpc.StatusCode.PERMISSION_DENIED),
        (b"\xff\xff not protobuf", None, grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x1f\x8bbroken", None, grpc.StatusCode.INVALID_ARGUMENT),
        (bomb, None, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ]
    for message, key, code in cases:
        error = export(both, message, key)
        status, retry = details(error)
        assert (error.code(), status.code, retry) == (code, code.value[0], 0), status.message
    large = export(both, b"\x0a" * 300_000)
    assert large.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with grpc.insecure_channel(address(both), options=OPTIONS) as channel, pytest.raises(grpc.RpcError) as no:
        channel.unary_unary("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export")(b"")
    assert no.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_project_above_its_rate_is_told_when_to_come_back(both):
    """429 with Retry-After, RESOURCE_EXHAUSTED with RetryInfo; stock exporters wait and then deliver."""
    key = Keys.open(both.data).add("slow", ["ingest", "read"], project="slow")
    bearer = {"authorization": f"Bearer {key}"}
    body = request_of(*({} for _ in range(13))).SerializeToString()
    assert not isinstance(export(both, body, key), grpc.RpcError)

    def until(refused, send):
        # On a busy machine the three seconds may be over already: then three more spans are taken, and due.
        for _ in range(10):
            if refused(answer := send(request_of({}, {}, {}).SerializeToString())):
                break
        return answer

    status, answer, headers = until(
        lambda answer: answer[0] != 200,
        lambda body: both.call(
            "POST", "/v1/traces", body, bearer | {"content-type": "application/x-protobuf"}
        ),
    )
    assert (status, Status.FromString(answer).code, 1 <= int(headers["retry-after"]) <= 3) == (429, 8, True)
    error = until(lambda answer: isinstance(answer, grpc.RpcError), lambda body: export(both, body, key))
    assert (error.code(), 0 < details(error)[1] <= 3) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
    for exporter in (
        OTLPSpanExporter(address(both), insecure=True, headers=bearer),
        HttpSpanExporter(f"http://127.0.0.1:{both.port}/v1/traces", headers=bearer),
    ):
        path = f"/v1/traces/{deliver(exporter)}"
        both.wait_for(lambda path=path: b'"answer"' in both.call("GET", path, headers=bearer)[1])
    assert both.get("/v1/stats")["dropped.traces.rate_spans"] >= 2


def test_a_revoked_or_rotated_key_is_refused_on_an_open_channel(both):
    """The collector follows the file of keys, also for clients that stay connected."""
    keys = Keys.open(both.data)
    first = keys.add("app", ["ingest"])
    body = request_of({"attributes": call()}).SerializeToString()
    with grpc.insecure_channel(address(both), options=OPTIONS) as channel:
        method = channel.unary_unary(EXPORT)

        def code_of(key):
            try:
                method(body, metadata=(("authorization", f"Bearer {key}"),), timeout=60)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        assert code_of(first) is grpc.StatusCode.OK
        second = keys.rotate("app", grace_seconds=3600)
        assert (code_of(first), code_of(second)) == (grpc.StatusCode.OK, grpc.StatusCode.OK)
        third = keys.rotate("app")
        assert (code_of(first), code_of(second), code_of(third)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.OK,
        )
        keys.revoke("app")
        assert code_of(third) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("key", "code"), [("", grpc.StatusCode.UNAUTHENTICATED), ("read", grpc.StatusCode.PERMISSION_DENIED)]
)
def test_who_may_not_send_is_told_before_the_message(both, key, code):
    """A message is held in memory until it is whole: without a key, nobody may have one held."""
    never = threading.Event()

    def message():
        never.wait()
        yield b""

    headers = tuple(both.key(key).items()) if key else ()
    with grpc.insecure_channel(address(both), options=OPTIONS) as channel:
        sent = channel.stream_unary(EXPORT).future(message(), metadata=headers)
        try:
            assert sent.exception(timeout=60).code() == code
        finally:
            never.set()


def test_half_a_header_does_not_hold_a_connection(both):
    """A client that never finishes its header is closed, and counted."""
    with socket.create_connection(("127.0.0.1", both.port), timeout=60) as slow:
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n")
        assert slow.recv(100) == b""
    assert both.get("/v1/stats")["dropped.connection.slow_header"] >= 1


def test_a_header_without_an_end_does_not_fill_the_memory(both):
    """A client whose header grows beyond 64 KiB is closed, and counted."""
    with socket.create_connection(("127.0.0.1", both.port), timeout=60) as long, contextlib.suppress(OSError):
        long.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-long: " + bytes([97]) * (80 << 10))
        assert long.recv(100) == b""
    both.wait_for(lambda: both.get("/v1/stats").get("dropped.connection.large_header", 0) >= 1)


def test_a_body_that_stops_is_answered(both):
    """The sender is asked to come back; a stalled upload holds nothing."""
    with socket.create_connection(("127.0.0.1", both.port), timeout=60) as slow:
        key = both.key("ingest")["authorization"]
        head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\ncontent-length: 100\r\n"
        slow.sendall(head.encode() + b"content-type: application/x-protobuf\r\n\r\nhalf")
        answer = slow.recv(4000)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 5" in answer.lower()


def test_connections_are_counted_and_limited(both):
    """The one too many gets 503 and Retry-After; when others are gone it is welcome again."""
    body = request_of({"attributes": call()}).SerializeToString()
    with contextlib.ExitStack() as stack:
        answer, deadline = (0, b"", {}), time.monotonic() + 60
        while answer[0] != 503 and time.monotonic() < deadline:
            for _ in range(20):  # those of the last round may have been closed for their slowness
                found = stack.enter_context(socket.create_connection(("127.0.0.1", both.port), timeout=60))
                found.sendall(b"G")
            answer = both.post("traces", body)
        assert (answer[0], answer[2].get("retry-after")) == (503, "5")
    both.wait_for(lambda: both.post("traces", body)[0] == 200)
    assert both.get("/v1/stats")["dropped.connection.too_many_connections"] >= 1


def test_a_message_that_does_not_come_is_given_up(both):
    """A call that begins and sends nothing would be held for as long as its sender likes."""
    never = threading.Event()

    def messages():
        never.wait(60)
        yield b""

    with grpc.insecure_channel(address(both), options=OPTIONS) as channel:
        method = channel.stream_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as caught:
            method(messages(), metadata=tuple(both.key("ingest").items()), timeout=60)
    never.set()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "did not arrive within 2 s" in caught.value.details()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_messages_that_are_refused_do_not_stay_in_memory(tmp_path):
    """They stayed until garbage was looked for, which is seldom: refusals under load filled the memory."""
    running = Running(tmp_path / "data", {"KANSOKU_GRPC_PORT": str(free_port())})

    def megabytes():
        lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmRSS"))

    with contextlib.closing(running):
        running.start()
        export(running, b"\x78" + bytes(30 << 20))
        before = megabytes()
        for _ in range(20):
            assert export(running, b"\x78" + bytes(30 << 20)).code() == grpc.StatusCode.INVALID_ARGUMENT
        assert megabytes() - before < 300  # one after the other, 600 in all
