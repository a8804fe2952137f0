"""One request: what each answer means, when to try again, and what is said about it."""

import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from support.collector import HANG, HANG_UP, Answer, Collector
from support.ports import free_port

from kansoku.delivery import transport as module
from kansoku.delivery.transport import Transport, pack

OPEN = threading.Event()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    server = Collector()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.01)


def make(url: str, **arguments: Any) -> Transport:
    """Return a transport for tests."""
    given = {"api_key": "k", "content_type": "application/x-protobuf", "timeout": 5.0, "retry_seconds": 20.0}
    return Transport(f"{url}/v1/traces", **{**given, **arguments})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as a warning."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_a_refusal_for_now_is_tried_again(collector: Collector, status: int) -> None:
    """The same bytes are sent again until they are accepted."""
    collector.script[:] = [Answer(status), Answer(status)]
    one = make(collector.url)
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert (collector.bodies, len(collector.headers)) == ([b"body"], 3)
    one.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501])
def test_a_final_refusal_is_not_tried_again(
    collector: Collector, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One request, one warning with status and words, however many follow."""
    collector.rule = lambda _: Answer(status, body=b"no such key")
    one = make(collector.url)
    for _ in range(2):
        assert one.send(pack(b"body"), OPEN).outcome == "refused"
    assert len(collector.headers) == 2
    assert len(warnings(caplog)) == 1
    assert f"HTTP {status} no such key" in warnings(caplog)[0]
    one.close()


def test_a_refusal_in_protobuf_is_told_in_its_words(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What a collector says in a `google.rpc.Status` stands in the warning without the bytes around it."""
    said = Status(code=16, message="this API key is not known to this collector").SerializeToString()
    kind = {"Content-Type": "application/x-protobuf"}
    one = make(collector.url)
    for body, words in ((said, "(HTTP 401 this API key is not known to this collector)"), (b"\xff?", "401")):
        caplog.clear()
        collector.rule = lambda _, body=body: Answer(401, kind, body)
        one._failing = False
        assert one.send(pack(b"body"), OPEN).outcome == "refused"
        assert words in warnings(caplog)[0]
    one.close()


def test_a_broken_connection_is_tried_again(collector: Collector) -> None:
    """A server that hangs up in the middle is asked again."""
    collector.script[:] = [Answer(HANG_UP), Answer(HANG_UP), Answer(HANG_UP)]
    one = make(collector.url)
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.bodies == [b"body"]
    one.close()


def test_one_connection_is_kept_and_renewed_without_a_failure(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests share a connection; one that the server closed while it was idle is no outage."""
    one = make(collector.url, retry_seconds=0)
    for _ in range(3):
        assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.connections == 1
    collector.script[:] = [Answer(HANG_UP)]
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.connections == 2
    assert warnings(caplog) == []
    one.close()


def test_nobody_there_is_given_up_after_the_time_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """Connection refused: tried again within `retry_seconds`, then given up with the reason."""
    one = make(f"http://127.0.0.1:{free_port()}", retry_seconds=0.05)
    reply = one.send(pack(b"body"), OPEN)
    assert reply.outcome == "away"
    assert "ConnectionRefusedError" in reply.reason
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://no-such-host.invalid", "gaierror"),
        ("https://127.0.0.1:{port}", "SSL"),
        ("http://[::1", "Invalid"),
    ],
)
def test_names_and_certificates_that_fail_are_an_outage_not_an_exception(
    collector: Collector, url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """DNS and TLS failures are answers like any other; an address that is none is refused by the settings."""
    if said == "Invalid":
        with pytest.raises(ValueError, match=said):
            make(url)
        return
    one = make(url.format(port=collector.port), retry_seconds=0)
    reply = one.send(pack(b"body"), OPEN)
    assert reply.outcome == "away"
    assert said in reply.reason
    assert len(warnings(caplog)) == 1


def test_a_key_that_no_header_can_carry_is_refused(collector: Collector) -> None:
    """A key with a line break is not sent, and is no crash."""
    one = make(collector.url, api_key="ksk\nx")
    assert one.send(pack(b"body"), OPEN).outcome == "refused"
    assert collector.headers == []


@pytest.mark.parametrize("key", ["ksk_hush\nx", "ksk_hush鍵"])
def test_a_key_that_cannot_be_sent_is_not_in_the_log(
    collector: Collector, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """What HTTP's client says of it quotes it; the warning names the setting."""
    make(collector.url, api_key=key).send(pack(b"body"), OPEN)
    assert "hush" not in caplog.text
    assert any("KANSOKU_API_KEY" in warning for warning in warnings(caplog))


def test_while_closing_nothing_is_tried_again(collector: Collector) -> None:
    """At the end of the program there is one attempt."""
    collector.rule = lambda _: Answer(503)
    closing = threading.Event()
    closing.set()
    one = make(collector.url)
    assert one.send(pack(b"body"), closing).outcome == "away"
    assert len(collector.headers) == 1
    one.close()


def test_an_answer_at_the_end_is_waited_for_as_long_as_the_end_may_take(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that may take its time to end does not give up a collector that is only slow."""
    monkeypatch.setattr(module, "_CLOSING_TIMEOUT", 0.05)
    closing = threading.Event()
    closing.set()

    def slow(_: bytes) -> Answer:
        time.sleep(0.3)
        return Answer()

    collector.rule = lambda _: Answer(HANG)
    assert make(collector.url).send(pack(b"body"), closing).outcome == "away"
    collector.rule = slow
    patient = make(collector.url, timeout=60.0, exit_timeout=90.0)
    assert patient.send(pack(b"body"), closing).outcome == "accepted"
    patient.close()


def test_a_request_under_way_can_be_cut_off(collector: Collector) -> None:
    """Against a server that never answers, `interrupt` ends the wait at once, and no new request begins."""
    collector.rule = lambda _: Answer(HANG)
    one = make(collector.url, timeout=60.0)

    def cut_off() -> None:
        collector.arrived.wait(60)
        one.interrupt()

    threading.Thread(target=cut_off).start()
    closing = threading.Event()
    closing.set()
    assert one.send(pack(b"body"), closing).outcome == "away"
    assert one.post(pack(b"body"), closing).reason == "the program ends"
    assert len(collector.headers) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0.5", 0.5), ("99999", 300), ("-3", 0), ("soon", None), ("", None), ("nan", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    """Numbers are taken within reason; what is no time says nothing."""
    assert module._retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    """A date means the seconds until then; a past one means now; one that is none says nothing."""
    later = module._retry_after(formatdate(time.time() + 100, usegmt=True))
    assert later is not None
    assert 90 < later <= 100
    assert module._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert module._retry_after("Wed, 99 Oct 2015 07:28:00 GMT") is None


def test_retry_after_is_obeyed_by_later_requests_too(collector: Collector) -> None:
    """Asked to wait for longer than may be waited, this batch and the next are given up without asking."""
    collector.script[:] = [Answer(429, {"Retry-After": "60"})]
    one = make(collector.url, retry_seconds=1)
    assert one.send(pack(b"first"), OPEN).wait == 60
    assert one.send(pack(b"second"), OPEN).outcome == "away"
    assert len(collector.headers) == 1
    one.close()


def test_retry_after_within_the_time_is_waited_for(collector: Collector) -> None:
    """A short wait is waited, then the body is accepted."""
    collector.script[:] = [Answer(503, {"Retry-After": "0.05"})]
    one = make(collector.url)
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    one.close()


def test_waits_grow_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is anything between nothing and a bound that doubles up to a limit."""
    monkeypatch.setattr(module, "_FIRST_WAIT", 0.5)
    for attempt, bound in [(0, 0.5), (1, 1), (3, 4), (4, 8), (60, 8)]:
        waits = [module.backoff(attempt) for _ in range(200)]
        assert all(0 <= wait <= bound for wait in waits)
        assert max(waits) > bound * 0.6
        assert min(waits) < bound * 0.4


def test_a_partial_success_is_read(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """A 200 that left spans out says how many and why; the warning comes once."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 300
    answer.partial_success.error_message = "300 absurd_time: clock"
    body = answer.SerializeToString()
    collector.rule = lambda _: Answer(200, {"Content-Type": "application/x-protobuf"}, body)
    one = make(collector.url)
    for _ in range(2):
        reply = one.send(pack(b"body"), OPEN)
        assert (reply.outcome, reply.rejected) == ("accepted", 300)
    assert len(warnings(caplog)) == 1
    assert "300 absurd_time: clock" in warnings(caplog)[0]
    one.close()


@pytest.mark.parametrize("body", [b"", b"{}", b"ok", b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f"])
def test_an_odd_body_of_a_200_is_an_acceptance(collector: Collector, body: bytes) -> None:
    """Other collectors answer what they like."""
    collector.rule = lambda _: Answer(200, {"Content-Type": "application/x-protobuf"}, body)
    one = make(collector.url)
    assert one.send(pack(b"body"), OPEN) == module.Reply("accepted")
    one.close()


def test_a_page_of_html_is_no_acceptance(collector: Collector) -> None:
    """A portal that answers 200 to everything did not take the spans."""
    collector.rule = lambda _: Answer(200, {"Content-Type": "text/html"}, b"<html>please log in</html>")
    one = make(collector.url, retry_seconds=0)
    assert one.send(pack(b"body"), OPEN).outcome == "away"
    one.close()


def test_an_endless_answer_is_not_read_to_its_end(collector: Collector) -> None:
    """A megabyte of answer is cut off, and the next request is made on a new connection."""
    collector.script[:] = [Answer(200, {}, b"x" * 1_000_000)]
    one = make(collector.url)
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.connections == 2
    one.close()


def test_what_is_no_http_is_an_outage() -> None:
    """A server that speaks something else is counted as away."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(10_000)
                peer.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        one = make(f"http://127.0.0.1:{listener.getsockname()[1]}", retry_seconds=0)
        reply = one.send(pack(b"body"), OPEN)
        thread.join()
    assert reply.outcome == "away"
    assert "BadStatusLine" in reply.reason


def test_a_redirection_is_not_followed(collector: Collector) -> None:
    """The key does not travel to where an answer points."""
    other = Collector()
    collector.rule = lambda _: Answer(307, {"Location": f"{other.url}/v1/traces"})
    one = make(collector.url)
    reply = one.send(pack(b"body"), OPEN)
    assert reply.outcome == "refused"
    assert other.url in reply.reason
    assert other.headers == []
    one.close()
    other.close()


def test_a_warning_comes_again_after_a_recovery(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Each outage is told once: failed, recovered, failed again are two warnings."""
    collector.script[:] = [Answer(400), Answer(200), Answer(400)]
    one = make(collector.url)
    for _ in range(3):
        one.send(pack(b"body"), OPEN)
    assert len(warnings(caplog)) == 2
    one.close()


def test_the_proxy_of_the_environment_is_used(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY the request goes there with its full address, unless NO_PROXY names the host."""
    for name in ("http_proxy", "no_proxy", "all_proxy", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", collector.url)
    one = make("http://collector.example:4318")
    assert one.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.headers[0]["Host"] == "collector.example:4318"
    one.close()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    direct = make(collector.url)
    assert direct.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.headers[1]["Host"] == f"127.0.0.1:{collector.port}"
    direct.close()


def test_a_proxy_that_asks_for_a_name_is_given_it(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Companies write `http://user:password@proxy:3128`; without it everything is lost with 407."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy = collector.url.replace("//", "//anna:p%40ss@")
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    plain = make("http://collector.example:4318")
    assert plain.send(pack(b"body"), OPEN).outcome == "accepted"
    assert collector.headers[0]["Proxy-Authorization"] == "Basic YW5uYTpwQHNz"
    assert collector.headers[0]["Authorization"] == "Bearer k"
    plain.close()


@pytest.mark.parametrize(
    "variable",
    [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
)
def test_a_certificate_that_cannot_be_read_is_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it reaches the program."""
    for name in ("https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
    one = make(f"https://127.0.0.1:{free_port()}", retry_seconds=0.0)
    reply = one.post(pack(b"body"), OPEN)
    assert reply.outcome == "away"
    assert f"{variable}={tmp_path / 'none.pem'} cannot be used" in reply.reason
    one.close()
