"""init, flush and shutdown: starting is safe, what can be sent is sent, and leaving takes bounded time."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import kansoku
from kansoku import runtime


def attributes_of(things: Any) -> dict[str, str]:
    """Return string attributes of a protobuf list."""
    return {item.key: item.value.string_value for item in things}


def test_spans_arrive_at_the_collector_with_resource_scope_and_key(
    start: Callable[..., Any], recorder: Any
) -> None:
    """A span is posted as compressed OTLP protobuf with key, service, environment and release."""
    start(endpoint=recorder.url, service_name="guide", environment="test", release="1.2")
    with kansoku.span("観測"):
        pass
    assert kansoku.flush(60)
    path, headers, body = recorder.requests[0]
    assert path == "/v1/traces"
    assert headers["Authorization"] == "Bearer ksk_test"
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("gzip", "application/x-protobuf")
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    resource = attributes_of(sent.resource.attributes)
    assert (resource["service.name"], resource["service.version"]) == ("guide", "1.2")
    assert resource["deployment.environment.name"] == "test"
    assert sent.scope_spans[0].scope.name == "kansoku"
    assert sent.scope_spans[0].spans[0].name == "観測"


def test_init_again_replaces_the_settings(start: Callable[..., Any], recorder: Any) -> None:
    """After a second init on the same provider spans go to the new place, once."""
    spans = start()
    from kansoku.spans import provider

    kansoku.init(endpoint=recorder.url, api_key="ksk_new", tracer_provider=provider.current())
    with kansoku.span("x"):
        pass
    assert kansoku.flush(60)
    assert len(recorder.bodies("/v1/traces")) == 1
    assert recorder.requests[0][1]["Authorization"] == "Bearer ksk_new"
    assert len(spans.all()) == 1


def test_disabled_means_nothing_happens(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """KANSOKU_DISABLED leaves the program alone."""
    monkeypatch.setenv("KANSOKU_DISABLED", "true")
    spans = start()
    with kansoku.span("x"):
        pass
    assert (runtime.current(), spans.all()) == (None, [])


def test_a_bad_setting_is_a_warning_and_the_default(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Values that cannot work are named once; tracing goes on with the defaults, and without content."""
    monkeypatch.setenv("KANSOKU_QUEUE_SIZE", "many")
    monkeypatch.setenv("KANSOKU_CAPTURE_CONTENT", "perhaps")
    monkeypatch.setenv("KANSOKU_PRICES_FILE", "/nowhere/prices.toml")
    spans = start(endpoint="localhost:4318")
    with kansoku.span("x", input=1):
        pass
    for name in ("KANSOKU_QUEUE_SIZE", "KANSOKU_CAPTURE_CONTENT", "KANSOKU_ENDPOINT", "KANSOKU_PRICES_FILE"):
        assert name in caplog.text
    assert "kansoku.input.value" not in spans.attributes()


def test_a_missing_key_is_a_warning(
    start: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key the program runs, and the log says once what is missing."""
    monkeypatch.setattr("kansoku.guard._warned", set())
    start(api_key="")
    start(api_key="")
    assert caplog.text.count("KANSOKU_API_KEY is not set") == 1


def test_a_provider_of_any_kind_cannot_break_the_program(caplog: pytest.LogCaptureFixture) -> None:
    """Something that is no provider is refused with a warning, not an exception."""
    from kansoku import guard

    kansoku.init(tracer_provider=object())  # type: ignore[arg-type]
    assert runtime.current() is None
    assert "traces nothing" in caplog.text
    guard.failures.clear()


def test_a_dead_collector_warns_once(start: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """However many batches fail, there is one warning; the rest is counted."""
    os.environ["KANSOKU_RETRY_SECONDS"] = "0"
    try:
        start()
    finally:
        del os.environ["KANSOKU_RETRY_SECONDS"]
    for _ in range(3):
        with kansoku.span("x"):
            pass
        assert not kansoku.flush(60)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([record for record in warnings if "could not send" in record.getMessage()]) == 1


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own; a busy machine may need long for what is sent at its end."""
    own = {"KANSOKU_API_KEY": "ksk_test", "KANSOKU_EXIT_TIMEOUT": "60", "KANSOKU_BATCH_SECONDS": "60"}
    env = {**os.environ, **own, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_what_is_queued_at_the_end_of_a_program_is_sent(recorder: Any) -> None:
    """A short program needs no flush: its spans and its feedback arrive when it ends."""
    code = "import kansoku; kansoku.init()\nwith kansoku.span('last'): kansoku.feedback(like=True)"
    done = run(code, KANSOKU_ENDPOINT=recorder.url, KANSOKU_SERVICE_NAME="short", OTEL_SERVICE_NAME="other")
    assert (done.returncode, done.stderr) == (0, "")
    sent = ExportTraceServiceRequest.FromString(recorder.bodies("/v1/traces")[0]).resource_spans[0]
    assert sent.scope_spans[0].spans[0].name == "last"
    assert attributes_of(sent.resource.attributes)["service.name"] == "short"
    assert b'"like": true' in recorder.bodies("/v1/feedback")[0]


def test_the_environment_of_opentelemetry_is_honoured(recorder: Any) -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES apply where Kansoku's own settings say nothing."""
    code = "import kansoku; kansoku.init()\nwith kansoku.span('x'): pass"
    run(
        code, KANSOKU_ENDPOINT=recorder.url, OTEL_SERVICE_NAME="theirs", OTEL_RESOURCE_ATTRIBUTES="team=waste"
    )
    sent = ExportTraceServiceRequest.FromString(recorder.bodies("/v1/traces")[0]).resource_spans[0]
    found = attributes_of(sent.resource.attributes)
    assert (found["service.name"], found["team"]) == ("theirs", "waste")


def test_a_programs_own_provider_is_used_and_keeps_its_resource(recorder: Any) -> None:
    """With a provider set before init its other spans come along, and our service name is laid over."""
    code = (
        "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
        "provider = TracerProvider(); trace.set_tracer_provider(provider)\n"
        "import kansoku; kansoku.init(service_name='guide')\n"
        "with provider.get_tracer('app').start_as_current_span('GET /'):\n"
        "    with kansoku.span('ours'): pass\n"
        "assert trace.get_tracer_provider() is provider\n"
    )
    done = run(code, KANSOKU_ENDPOINT=recorder.url)
    assert (done.returncode, done.stderr) == (0, "")
    sent = ExportTraceServiceRequest.FromString(recorder.bodies("/v1/traces")[0]).resource_spans[0]
    spans = {span.name: span for scope in sent.scope_spans for span in scope.spans}
    assert spans["ours"].parent_span_id == spans["GET /"].span_id
    assert attributes_of(sent.resource.attributes)["service.name"] == "guide"


@pytest.mark.parametrize("how", ["down", "hanging"])
def test_a_program_ends_although_the_collector_does_not_answer(how: str) -> None:
    """With nobody listening, or somebody who never answers, the program ends by itself and is not failed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # nobody else can listen there
    port = listener.getsockname()[1]
    if how == "hanging":
        listener.listen()
    code = "import kansoku; kansoku.init()\nwith kansoku.span('x'): pass"
    began = time.monotonic()
    done = run(code, KANSOKU_ENDPOINT=f"http://127.0.0.1:{port}", KANSOKU_EXIT_TIMEOUT="0.5")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    # Not a measurement: without a bound the process would be killed by the timeout of run().
    assert time.monotonic() - began < 120
    listener.close()


def test_importing_kansoku_loads_neither_opentelemetry_nor_pydantic() -> None:
    """The import alone is free of heavy packages, and openai is never imported by init."""
    code = (
        "import sys, kansoku\n"
        "heavy = {'opentelemetry', 'pydantic', 'openai', 'httpx2', 'genai_prices'} & set(sys.modules)\n"
        "assert not heavy, heavy\nkansoku.init()\nassert 'openai' not in sys.modules\n"
        "import openai\ncreate = openai.resources.chat.completions.Completions.create\n"
        "assert hasattr(create, '__kansoku_original__')\n"
    )
    done = run(code, KANSOKU_ENDPOINT="http://127.0.0.1:42099")
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_exactly_these() -> None:
    """Every exported name exists; nothing else is promised."""
    assert sorted(kansoku.__all__) == [
        "Middleware", "agent", "carry", "chain", "context", "continue_trace", "current_trace_id",
        "embedding", "evaluation", "feedback", "flush", "generation", "guardrail", "init", "inject",
        "instrument", "observe", "retrieval", "shutdown", "span", "stats", "tool", "uninstrument",
    ]  # fmt: skip
    assert all(callable(getattr(kansoku, name)) for name in kansoku.__all__)
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        kansoku.scores  # noqa: B018


def test_nothing_is_half_imported_when_init_returns() -> None:
    """`openai` 2 uses httpx2 as soon as it is among the loaded modules: it must be whole by then."""
    code = "import sys, kansoku\nkansoku.init()\nsys.modules['httpx2'].Timeout(5)"
    done = run(code, KANSOKU_ENDPOINT="http://127.0.0.1:42099")
    assert done.returncode == 0, done.stderr
