"""Names of megabytes: every screen carries them to every reader, so they are stored by their beginning."""

import json
import os

from tests.collector.conftest import Running, request_of

TRACE = "c3" * 16


def send(collector: Running, session: str, model: str, **more: str) -> None:
    """Send a call of a session and a model, in the trace that all of them share."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, "session.id": session}
    span = {"trace_id": bytes.fromhex(TRACE), "span_id": os.urandom(8), "attributes": attributes | more}
    assert collector.post("traces", request_of(span).SerializeToString())[0] == 200


def test_long_names_are_cut_and_stay_apart_and_equal(collector: Running) -> None:
    """A mistake of one program must not make the screens of all too heavy to open."""
    long, other = "s" * 500_000, "s" * 499_999 + "t"
    prompt = "p" * 500_000
    for session in (long, long, other):
        send(collector, session, "m" * 500_000, **{"gen_ai.prompt": prompt})
    send(collector, "short", "gpt-4o")
    said = {"session_id": long, "trace_id": TRACE, "like": True, "user_id": long}
    assert (
        collector.call("POST", "/v1/feedback", json.dumps(said).encode(), collector.key("ingest"))[0] == 202
    )
    collector.settled()
    found = collector.trace(TRACE, 4)
    sessions = [span["session_id"] for span in found["spans"]]
    assert sorted(len(name) for name in set(sessions)) == [5, 1000, 1000]
    assert {len(span["request_model"]) for span in found["spans"]} == {6, 1000}
    (vote,) = found["feedback"]
    assert sessions.count(vote["session_id"]) == 2
    assert len(vote["user_id"]) == 1000
    assert collector.get("/v1/stats")["cut.traces.long_name"] == 6
