"""/v1/feedback: what a person says about an answer, seconds or days later."""

import contextlib
import gzip
import json
import os
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.collector.conftest import Running, call, request_of

from kansoku_collector.errors import PayloadError
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.feedback import feedback_route, read_feedback
from kansoku_collector.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = 1_790_000_000_000
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    """Return a collector that pages of one origin may post to."""
    running = Running(tmp_path_factory.mktemp("feedback") / "data", {"KANSOKU_FEEDBACK_ORIGINS": ORIGIN})
    with contextlib.closing(running):
        yield running.start()


def read(*items):
    """Return (rows, refused items)."""
    return read_feedback(json.dumps(list(items)).encode(), "default", NOW)


def send(collector, value):
    """Post feedback with the application's key; return (status, JSON)."""
    status, body, _ = collector.call(
        "POST", "/v1/feedback", json.dumps(value).encode(), collector.key("ingest")
    )
    return status, json.loads(body)


def test_feedback_joins_its_trace(collector):
    """A like, its comment and a score are rows of the trace that they name."""
    trace_id = os.urandom(16)
    collector.post("traces", request_of({"trace_id": trace_id, "attributes": call()}).SerializeToString())
    item = {
        "trace_id": trace_id.hex(),
        "like": False,
        "score": 0.25,
        "name": "helpful",
        "comment": "古い情報",
        "correction": "水曜日",
        "metadata": {"page": "1"},
    }
    assert send(collector, item) == (202, {"accepted": 1})
    collector.settled()
    rows = {row["name"]: row for row in collector.trace(trace_id.hex())["feedback"]}
    assert (
        rows["like"]["value"],
        rows["like"]["comment"],
        rows["like"]["correction"],
        rows["like"]["metadata"],
    ) == (0.0, "古い情報", "水曜日", {"page": "1"})
    assert (rows["helpful"]["value"], rows["helpful"]["comment"]) == (0.25, "")


def test_bad_items_leave_the_good_ones_stored(collector):
    """The answer names index and reason of what was refused; a request with nothing good is 400."""
    status, answer = send(
        collector, [{"trace_id": TRACE, "like": True}, {"trace_id": "xyz", "like": True}, {"like": True}]
    )
    assert (status, answer["accepted"], [r["index"] for r in answer["rejected"]]) == (202, 1, [1, 2])
    status, answer = send(collector, {"trace_id": TRACE, "like": "yes"})
    assert (status, "'like'" in answer["error"]) == (400, True)
    assert collector.call("POST", "/v1/feedback", b"{", collector.key("ingest"))[0] == 400
    assert collector.call("POST", "/v1/feedback", b"{}")[0] == 401
    assert collector.call("POST", "/v1/feedback", b"{}", collector.key("read"))[0] == 403


def test_what_is_refused_counts_once(collector):
    """One bad item of several, and one alone: each is in the counts of what was dropped, under one reason."""

    def dropped():
        found = collector.get("/v1/stats")
        return {name: value for name, value in found.items() if name.startswith("dropped.feedback")}

    before = dropped()
    send(collector, [{"trace_id": TRACE, "like": True}, {"like": True}])
    send(collector, {"like": True})
    grown = {name: value - before.get(name, 0) for name, value in dropped().items()}
    assert {name: value for name, value in grown.items() if value} == {"dropped.feedback.invalid": 2}


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "trace_id"),
        ({"trace_id": TRACE}, "nothing is said"),
        ({"trace_id": TRACE, "like": 1}, "like"),
        ({"trace_id": TRACE, "score": "good"}, "score"),
        ({"trace_id": TRACE, "score": True}, "score"),
        ({"trace_id": TRACE, "like": True, "time": "yesterday"}, "time"),
        ({"trace_id": TRACE, "like": True, "time": 1e12}, "time"),
        ({"trace_id": TRACE, "like": True, "span_id": "12"}, "span_id"),
        ({"trace_id": "0" * 32, "like": True}, "trace_id"),
        ({"trace_id": TRACE, "like": True, "source": "robot"}, "source"),
        ({"trace_id": TRACE, "like": True, "metadata": {"a": 1}}, "metadata"),
        ({"trace_id": TRACE, "like": True, "stars": 5}, "stars"),
        ({"trace_id": 5, "like": True}, "trace_id"),
        ("like", "object"),
    ],
)
def test_the_reason_names_the_field(item, field):
    """Whoever integrates feedback learns from the answer what to change."""
    rows, rejected = read(item)
    assert rows == []
    assert field in rejected[0]["reason"]


def test_times_names_and_sessions():
    """Seconds, ISO 8601 and nothing are times; a label alone is a score; a session needs no trace."""
    rows, rejected = read(
        {"trace_id": TRACE.upper(), "like": True, "time": 1_789_000_000.5},
        {"session_id": "s", "comment": "fine", "time": "2026-09-20T10:00:00+09:00"},
        {"trace_id": TRACE, "label": "wrong_date"},
    )
    assert rejected == []
    assert [(r["name"], r["time"], r["value"]) for r in rows] == [
        ("like", 1_789_000_000_500, 1.0),
        ("comment", 1_789_866_000_000, None),
        ("score", NOW, None),
    ]
    assert (rows[0]["trace_id"], rows[1]["session_id"], rows[2]["label"]) == (TRACE, "s", "wrong_date")


def test_an_id_makes_a_retry_the_same_row():
    """The same idempotency key gives the same feedback id, another key or none another one."""
    item = {"trace_id": TRACE, "like": True}
    ids = [
        read(item | extra)[0][0]["feedback_id"] for extra in ({"id": "a"}, {"id": "a"}, {"id": "b"}, {}, {})
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_too_many_items_are_refused():
    """A thousand is the limit of one request."""
    with pytest.raises(PayloadError, match="limit is 1000"):
        read(*[{}] * 1001)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [(b"[" + b"[]," * 1_100_000 + b"[]]", 400, "lists"), (b'["' + b"a" * (17 << 20) + b'"]', 413, "limit")],
)
def test_a_bomb_of_feedback_is_refused_before_it_is_taken_apart(collector, body, status, word):
    """The key of a web page is public: a few kilobytes must not become gigabytes here."""
    headers = collector.key("ingest") | {"content-encoding": "gzip"}
    found, answer, _ = collector.call("POST", "/v1/feedback", gzip.compress(body), headers)
    assert (found, word in json.loads(answer)["error"]) == (status, True)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda i: (
            st.lists(i, max_size=3)
            | st.dictionaries(
                st.sampled_from(["trace_id", "like", "score", "time", "metadata", "name", "label", "id"]),
                i | st.just(TRACE),
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_arbitrary_feedback_is_rows_or_reasons(value):
    """No JSON makes the reader fail in another way than PayloadError."""
    rows, rejected = read_feedback(json.dumps(value).encode(), "default", NOW)
    assert all(row["trace_id"] or row["session_id"] for row in rows)
    assert all(item["reason"] for item in rejected)


def preflight(web, origin):
    """Ask as a browser does before it posts; return the status and the origin that is allowed."""
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = web.options("/v1/feedback", headers={"Origin": origin, **asked})
    return answer.status_code, answer.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("origins", ["", "https://app.example.com, https://other.example.com/", "*"])
def test_only_pages_of_known_origins_may_send_feedback(origins):
    """A browser's preflight is answered for the origins of the settings alone."""
    receiver = SimpleNamespace(metrics=Metrics())
    web = TestClient(
        Starlette(routes=[feedback_route(receiver, Settings(feedback_origins=origins).feedback_origins)])
    )
    for origin, known in (
        ("https://app.example.com", bool(origins)),
        ("https://evil.example", origins == "*"),
    ):
        status, allowed = preflight(web, origin)
        assert (status == 200, allowed in (origin, "*")) == (known, known)


def test_a_collector_answers_the_origins_of_its_settings_and_the_key_still_counts(collector):
    """What is set reaches the door; a page without a key is refused."""
    origin = {"Origin": ORIGIN}
    asked = origin | {"Access-Control-Request-Method": "POST"}
    status, _, headers = collector.call("OPTIONS", "/v1/feedback", headers=asked)
    assert status == 200
    assert {name.lower(): value for name, value in headers.items()}["access-control-allow-origin"] == ORIGIN
    assert collector.call("POST", "/v1/feedback", b"{}", headers=origin)[0] == 401
