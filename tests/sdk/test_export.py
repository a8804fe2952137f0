"""Delivery end to end: every span is exported, dropped with a reason, spooled or queued, and that is told."""

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from support.collector import HANG, Answer, Collector, receipt, span_names
from support.ports import free_port

import kansoku
from kansoku import guard, setup
from kansoku.delivery import export, transport
from kansoku.delivery.codec import SpanCodec
from kansoku.delivery.receipt import Receipt


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    server = Collector()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr("kansoku.guard._warned", set())
    monkeypatch.setattr(setup, "_spans", Receipt())
    monkeypatch.setattr(setup, "_feedback", Receipt())


def balanced() -> dict[str, Any]:
    """Return the counts, which add up."""
    found = kansoku.stats()
    ended = found["exported"] + found["queued"] + found["spooled"] + sum(found["dropped"].values())
    assert found["started"] == ended, found
    return found


def make_spans(number: int, **content: Any) -> None:
    """End spans named by their number."""
    for index in range(number):
        with kansoku.span(f"{index}", **content):
            pass


def too_large(limit: int) -> Callable[[bytes], Answer]:
    """Return a rule: bodies beyond a limit are refused for their size."""
    return lambda body: Answer(413 if len(body) > limit else 200)


def test_a_request_refused_for_its_size_is_split(start: Callable[..., Any], collector: Collector) -> None:
    """100 spans of 1 kB against a limit of 20 kB all arrive, once each, and nobody is warned."""
    collector.rule = too_large(20_000)
    start(endpoint=collector.url)
    make_spans(100, input="x" * 1000)
    assert kansoku.flush(60)
    assert sorted(collector.spans().items()) == sorted((str(n), 1) for n in range(100))
    assert balanced()["exported"] == 100


def test_one_span_refused_for_its_size_is_sent_without_most_of_its_content(
    start: Callable[..., Any], collector: Collector
) -> None:
    """Beside small ones a span of 100 kB arrives with its text cut and its true size; the JSON stays JSON."""
    collector.rule = too_large(5000)
    start(endpoint=collector.url)
    make_spans(3)
    with kansoku.span("large", input={"question": "x" * 100_000}):
        pass
    assert kansoku.flush(60)
    assert sum(collector.spans().values()) == 4
    (body,) = [body for body in collector.bodies if span_names(body) == ["large"]]
    span = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0]
    value = next(pair.value for pair in span.attributes if pair.key == "kansoku.input.value")
    assert "[cut: 100000 bytes]" in json.loads(value.string_value)["question"]
    assert balanced()["dropped"] == {}


def test_a_span_too_large_without_its_content_is_given_up(
    start: Callable[..., Any], collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector that takes nothing larger than 100 bytes costs the spans, each with its reason."""
    collector.rule = too_large(100)
    start(endpoint=collector.url)
    make_spans(3)
    assert not kansoku.flush(60)
    assert balanced()["dropped"] == {"refused": 3}
    assert "too large even without its content" in caplog.text


def test_spans_left_out_of_an_acceptance_are_counted(start: Callable[..., Any], collector: Collector) -> None:
    """Of five spans two were rejected: three are exported, two dropped, and flush says so."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    collector.script[:] = [
        Answer(200, {"Content-Type": "application/x-protobuf"}, answer.SerializeToString())
    ]
    start(endpoint=collector.url)
    make_spans(5)
    assert not kansoku.flush(60)
    found = balanced()
    assert (found["exported"], found["dropped"]) == (3, {"refused": 2})


def test_foreign_spans_are_cut_and_ours_are_as_they_were(
    start: Callable[..., Any], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute, a list and an event of another instrumentation are bounded before they are sent."""
    monkeypatch.setenv("KANSOKU_MAX_FIELD_BYTES", "1000")
    provider = TracerProvider(shutdown_on_exit=False)
    start(endpoint=collector.url, tracer_provider=provider)
    with provider.get_tracer("other").start_as_current_span("theirs") as span:
        span.set_attributes({"long": "x" * 5000, "list": ["y" * 5000, "short"], "number": 5})
        span.add_event("said", {"words": "z" * 5000})
    assert kansoku.flush(60)
    sent = ExportTraceServiceRequest.FromString(collector.bodies[0]).resource_spans[0].scope_spans[0].spans[0]
    found = {pair.key: pair.value for pair in sent.attributes}
    assert found["long"].string_value == "x" * 1000 + "… [cut: 5000 bytes]"
    assert found["list"].array_value.values[0].string_value == "y" * 1000 + "… [cut: 5000 bytes]"
    assert found["number"].int_value == 5
    assert sent.events[0].attributes[0].value.string_value == "z" * 1000 + "… [cut: 5000 bytes]"
    assert vars(span)["_attributes"]["long"] == "x" * 5000, "other processors see what was set"


def test_a_foreign_span_that_fits_is_encoded_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span of another instrumentation that needs no cutting is not copied first."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    with tracer.start_as_current_span("theirs", attributes={"text": "short"}) as span:
        span.add_event("said", {"words": "few"})
        span.add_event("silent")
    seen: list[Any] = []
    monkeypatch.setattr("kansoku.delivery.otlp.encode_requests", lambda spans, *_: seen.extend(spans))
    SpanCodec({}, max_bytes=10_000, max_field_bytes=1000).encode([span], None)
    assert seen == [span]
    assert seen[0] is span


def test_each_request_carries_the_balance(start: Callable[..., Any], collector: Collector) -> None:
    """Started, exported and dropped travel as a resource without spans; the process keeps its id."""
    start(endpoint=collector.url, service_name="guide")
    make_spans(2)
    assert kansoku.flush(60)
    collector.script[:] = [Answer(400)]
    make_spans(3)
    assert not kansoku.flush(60)
    make_spans(1)
    assert kansoku.flush(60)
    first, second = (receipt(body) for body in collector.bodies)
    assert first == {"id": kansoku.stats()["process_id"], "started": 2, "exported": 2}
    assert second == {"id": first["id"], "started": 6, "exported": 3, "dropped.refused": 3}


def test_the_last_drops_are_told_at_the_end(start: Callable[..., Any], collector: Collector) -> None:
    """When nothing follows a loss, shutdown sends the balance alone."""
    collector.script[:] = [Answer(400)]
    start(endpoint=collector.url)
    make_spans(3)
    kansoku.flush(60)
    kansoku.shutdown(60)
    (last,) = collector.bodies
    assert span_names(last) == []
    found = receipt(last)
    assert (found["started"], found["exported"], found["dropped.refused"]) == (3, 0, 3)


def test_what_cannot_be_encoded_is_counted(start: Callable[..., Any], collector: Collector) -> None:
    """A span with a time that is none is dropped with its reason; its neighbour arrives."""
    provider = TracerProvider(shutdown_on_exit=False)
    start(endpoint=collector.url, tracer_provider=provider)
    provider.get_tracer("x").start_span("odd", start_time=-5).end()
    make_spans(1)
    assert not kansoku.flush(60)
    assert balanced()["dropped"] == {"encode": 1}
    assert collector.spans() == {"0": 1}
    assert guard.failures.pop("otlp.encode") == 1


def test_a_mask_that_fails_costs_the_content_not_the_span(collector: Collector) -> None:
    """What the mask leaves is sent; where it raises, numbers and names are sent without any content."""

    def mask(attributes: Any) -> Any:
        if "bad" in attributes:
            raise RuntimeError("masking")
        return {key: "***" if key == "secret" else value for key, value in attributes.items()}

    from kansoku.delivery.codec import SpanCodec

    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("other")
    spans = []
    given_attributes: tuple[dict[str, Any], ...] = (
        {"secret": "s", "n": 1},
        {"bad": "s", "n": 1, "gen_ai.request.model": "m"},
    )
    for attributes in given_attributes:
        span = tracer.start_span("x", attributes=attributes)
        span.add_event("e", {"secret": "s"})
        span.end()
        spans.append(span)
    ((body, count),) = SpanCodec({}, max_bytes=10**6, max_field_bytes=1000).encode(spans, mask)
    assert count == 2
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    found = [{p.key: p.value.string_value or p.value.int_value for p in span.attributes} for span in sent]
    assert found == [{"secret": "***", "n": 1}, {"n": 1, "gen_ai.request.model": "m"}]
    assert sent[0].events[0].attributes[0].value.string_value == "***"
    assert guard.failures.pop("export.mask") == 1


def test_feedback_is_masked_split_and_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comment and correction pass the mask; halves hold everything; one item is cut with its true size."""
    from kansoku.delivery.codec import FeedbackCodec

    codec = FeedbackCodec()
    items = [{"id": str(n), "comment": "secret", "like": True} for n in range(5)]
    ((body, count),) = codec.encode(items, lambda words: dict.fromkeys(words, "***"))
    assert count == 5
    assert json.loads(body) == [{"id": str(n), "comment": "***", "like": True} for n in range(5)]
    halves = codec.halve(body)
    assert [number for _, number in halves] == [3, 2]
    assert [item for half, _ in halves for item in json.loads(half)] == json.loads(body)
    ((large, _),) = codec.encode([{"id": "1", "comment": "x" * 5000}], None)
    assert json.loads(codec.shrink(large)) == [{"id": "1", "comment": "x" * 1024 + "… [cut: 5000 bytes]"}]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    statuses=st.lists(st.sampled_from([200, 200, 400, 413, 429, 500, 503, -2]), max_size=12),
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    capacity=st.sampled_from([5, 1000]),
    spool=st.booleans(),
)
def test_whatever_happens_the_counts_add_up(
    tmp_path: Path, statuses: list[int], counts: list[int], capacity: int, spool: bool
) -> None:
    """Threads, refusals, outages, a small queue, a spool or none: nothing is lost without a count."""
    server = Collector()
    server.script[:] = [Answer(status) for status in statuses]
    setup._spans = Receipt()
    directory = tmp_path / f"{random.random()}"
    given = {"KANSOKU_QUEUE_SIZE": str(capacity), "KANSOKU_BATCH_SIZE": "7", "KANSOKU_RETRY_SECONDS": "0.02"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**given, **({"KANSOKU_SPOOL_DIR": str(directory)} if spool else {})}.items():
            patch.setenv(name, value)
        kansoku.init(
            endpoint=server.url,
            api_key="k",
            instrument=False,
            tracer_provider=TracerProvider(shutdown_on_exit=False),
        )
    threads = [threading.Thread(target=make_spans, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    complete = kansoku.flush(60)
    kansoku.shutdown(60)
    found = balanced()
    server.close()
    assert (found["started"], found["queued"]) == (sum(counts), 0)
    assert sum(server.spans().values()) == found["exported"]
    assert complete or found["dropped"]
    if not spool:  # from a spool something may be refused after the flush
        assert complete == (not found["dropped"])
    assert not guard.failures


def test_a_collector_away_loses_nothing_with_a_spool(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While nobody listens spans go to the disk and flush is content; later they arrive, oldest first."""
    monkeypatch.setenv("KANSOKU_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("KANSOKU_BATCH_SIZE", "10")
    port = free_port()
    start(endpoint=f"http://127.0.0.1:{port}")
    make_spans(35)
    kansoku.feedback("a" * 32, like=True)
    assert kansoku.flush(60)
    found = balanced()
    assert (found["spooled"], found["exported"], found["feedback"]["spooled"]) == (35, 0, 1)
    again = Collector(port)
    deadline = time.monotonic() + 60
    while (found := kansoku.stats())["spooled"] + found["feedback"][
        "spooled"
    ] and time.monotonic() < deadline:
        time.sleep(0.02)
    kansoku.shutdown(60)
    again.close()
    assert balanced()["exported"] == 35
    bodies = [body for body in again.bodies if not body.startswith(b"[")]
    assert [name for body in bodies for name in span_names(body)] == [str(n) for n in range(35)]
    # Whoever delivers them: the last word counts all, or the collector would find more than were sent.
    sent = list(itertools.accumulate(len(span_names(body)) for body in bodies))
    assert len(sent) >= 4
    assert [receipt(body)["exported"] for body in bodies] == sent
    assert [body for body in again.bodies if body.startswith(b"[")]
    assert not list(tmp_path.rglob("*.spool"))


def program(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    own = {"KANSOKU_API_KEY": "k", "KANSOKU_SERVICE_NAME": "guide", "KANSOKU_EXIT_TIMEOUT": "60"}
    env = {**os.environ, **own, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False
    )


ONE_SPAN = "import kansoku; kansoku.init(instrument=False)\nwith kansoku.span('{}'): pass\n"


@pytest.mark.parametrize("how", ["down", "hanging"])
def test_the_next_process_sends_what_the_last_one_left(
    collector: Collector, tmp_path: Path, how: str
) -> None:
    """A program that ends while the collector is away leaves its spans on the disk for its next run."""
    collector.rule = lambda _: Answer(503 if how == "down" else HANG)
    environment = {"KANSOKU_ENDPOINT": collector.url, "KANSOKU_SPOOL_DIR": str(tmp_path)}
    done = program(ONE_SPAN.format("first"), KANSOKU_EXIT_TIMEOUT="0.5", **environment)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.rglob("*.spool"))) == 1
    collector.rule = lambda _: Answer()
    wait = "import glob, time\nwhile glob.glob('{}/**/*.spool', recursive=True): time.sleep(0.02)\n"
    done = program(wait.format(tmp_path).join([ONE_SPAN.format("second"), "kansoku.flush()"]), **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.spans() == {"first": 1, "second": 1}


def test_a_spooled_request_that_is_refused_leaves_the_spool(
    start: Callable[..., Any], collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the collector will never take is dropped with its reason and does not block what follows."""
    monkeypatch.setenv("KANSOKU_SPOOL_DIR", str(tmp_path))
    collector.script[:] = [Answer(503), Answer(400)]
    start(endpoint=collector.url)
    make_spans(2)
    kansoku.flush(60)  # True or False: on a busy machine the refusal comes before it looks
    deadline = time.monotonic() + 60
    while kansoku.stats()["spooled"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert balanced()["dropped"] == {"refused": 2}
    make_spans(1)
    kansoku.flush(60)
    kansoku.shutdown(60)
    assert balanced()["exported"] == 1


def test_a_spool_that_cannot_be_written_is_counted(
    start: Callable[..., Any], collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a file in place of the directory spans are dropped with their reason; later ones arrive."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KANSOKU_SPOOL_DIR", str(tmp_path / "file"))
    collector.script[:] = [Answer(503)]
    start(endpoint=collector.url)
    make_spans(2)
    assert not kansoku.flush(60)
    assert balanced()["dropped"] == {"spool_error": 2}
    make_spans(3)
    assert kansoku.flush(60)
    assert balanced()["exported"] == 3


def test_what_is_left_when_the_thread_is_stuck_goes_to_the_disk(
    start: Callable[..., Any], collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If an interruption does not free the thread, shutdown itself writes what is queued and under way."""
    monkeypatch.setenv("KANSOKU_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("KANSOKU_BATCH_SIZE", "2")
    start(endpoint=collector.url)
    entered, free = threading.Event(), threading.Event()

    def stuck(*_: Any) -> transport.Reply:
        entered.set()
        free.wait(60)
        return transport.Reply("accepted")

    monkeypatch.setattr(transport.Transport, "post", stuck)
    make_spans(2)
    assert entered.wait(60)
    make_spans(3)
    kansoku.shutdown(0.1)
    written = sorted(int(path.name.split("-")[3]) for path in tmp_path.rglob("*.spool"))
    assert written == [2, 3]
    free.set()


def test_a_thread_freed_at_the_end_sends_no_unmasked_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rescued to the disk has passed the mask like everything else."""
    stored: list[tuple[bytes, int, str]] = []

    class Disk:
        def put(self, packed: bytes, items: int, process: str) -> str:
            stored.append((transport.unpack(packed), items, process))
            return ""

    from kansoku.delivery.codec import FeedbackCodec

    line = transport.Transport(
        "http://127.0.0.1:1/v1/feedback", api_key="", content_type="", timeout=1, retry_seconds=0
    )
    made = export.Export(
        FeedbackCodec(),
        line,
        Receipt(),
        spool=cast(Any, Disk()),
        mask=lambda words: dict.fromkeys(words, "***"),
    )
    made.rescue([{"comment": "secret"}])
    assert [(json.loads(body), items) for body, items, _ in stored] == [([{"comment": "***"}], 1)]


def test_at_the_end_one_failure_is_enough(start: Callable[..., Any], collector: Collector) -> None:
    """With the collector away at exit, what is behind the last attempt is given up without another."""
    collector.rule = lambda _: Answer(503)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KANSOKU_BATCH_SIZE", "50")
        patch.setenv("KANSOKU_BATCH_BYTES", "1024")
        patch.setenv("KANSOKU_BATCH_SECONDS", "60")
        start(endpoint=collector.url)
    make_spans(40, input="x" * 600)
    kansoku.shutdown(60)
    assert len(collector.headers) == 1
    assert balanced()["dropped"] == {"exit": 40}
