"""The screen of one trace: deep links, the span panel, hostile content, feedback, an absent trace."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import trace_samples as samples
from charts import given_to
from pydantic import SecretStr

from kansoku_collector.store.connect import connect
from kansoku_dashboard import settings
from kansoku_dashboard.screens import feedback, trace
from kansoku_dashboard.settings import DashboardSettings


def drawn(app):
    """Return the data that the waterfall was given."""
    (given,) = given_to(app, "kansoku_waterfall")
    return given


def texts(app):
    """Return everything that is drawn as text or code."""
    return [element.value for element in (*app.text, *app.code)]


def markdown(app):
    """Return everything that Streamlit reads as Markdown, labels included."""
    elements = (*app.markdown, *app.caption, *app.subheader, *app.error, *app.warning, *app.info)
    return [str(element.value) for element in elements] + [
        str(element.label) for element in (*app.expander, *app.button, *app.tabs)
    ]


def test_a_link_opens_the_trace_on_its_root(open_trace):
    """Header, tree and panel come from one id."""
    app = open_trace(samples.ANSWER)
    assert not app.exception
    assert app.subheader[0].value == "answer\\_question"
    assert [shown["text"] for shown in given_to(app, "kansoku_copied")] == [samples.ANSWER]
    given = drawn(app)
    assert given["rows"]["name"] == ["answer_question", "chat luna", "retrieve"]
    assert given["rows"]["cost"] == ["", "$0.0125", ""]
    assert given["selected"] == samples.ROOT
    assert "ごみの収集日を教えてください。" in texts(app)


def test_a_failed_trace_opens_on_the_cause(open_trace):
    """The tool failed first; the root only says so."""
    app = open_trace(samples.TOOLS)
    assert drawn(app)["selected"] == samples.TOOL
    assert "no answer within 600 ms" in app.error[0].value
    assert '{\n  "city": "大阪"\n}' in texts(app)


def test_the_span_and_the_tab_of_a_link_are_open(open_trace):
    """A colleague sees what the sender saw."""
    app = open_trace(samples.ANSWER, span=samples.CALL, tab="cost")
    assert drawn(app)["selected"] == samples.CALL
    shown = texts(app)
    assert shown[shown.index("Input") :][:4] == ["Input", "1,000", "Output", "200"]
    assert "luna@1" in shown
    assert "computed from a price list" in shown
    assert "毎週水曜日です。" not in shown


@pytest.mark.parametrize(
    ("span", "tab", "expected"),
    [
        (samples.CALL, "content", "毎週水曜日です。"),
        (samples.CALL, "details", "0.2"),
        (samples.CALL, "attributes", "api.example"),
        (samples.SEARCH, "content", "ペットボトルは水曜日"),
    ],
)
def test_each_tab_shows_its_part_of_the_span(open_trace, span, tab, expected):
    """Conversation, parameters, attributes, documents."""
    assert expected in texts(open_trace(samples.ANSWER, span=span, tab=tab))


def test_events_are_shown_with_their_time(open_trace):
    """An exception's details are one click away from the failed span."""
    app = open_trace(samples.TOOLS, span=samples.TOOL, tab="events")
    assert "TimeoutError" in texts(app)
    assert app.expander[0].label == "exception · \\+1.00 s"


def test_a_call_without_a_price_says_so_everywhere(open_trace):
    """Unknown is a word; zero dollars would be believed."""
    app = open_trace(samples.HOUSE, tab="cost")
    everything = " ".join(markdown(app) + texts(app))
    assert "unpriced" in everything
    assert "$0" not in everything
    assert drawn(app)["rows"]["cost"] == ["unpriced"]


def test_the_body_of_a_span_that_is_not_open_is_not_sent(open_trace):
    """A trace of thousands of prompts would be megabytes otherwise."""
    app = open_trace(samples.ANSWER, span=samples.SEARCH)
    everything = json.dumps(drawn(app), ensure_ascii=False) + " ".join(texts(app))
    assert "毎週水曜日です。" not in everything


@pytest.mark.parametrize("tab", ["content", "details", "attributes", "events", "feedback"])
def test_a_hostile_prompt_is_inert(open_trace, tab):
    """No place where Markdown or HTML is read holds an attacker's mark, address or control character."""
    app = open_trace(samples.HOSTILE, tab=tab)
    assert not app.exception
    for value in markdown(app):
        bare = re.sub(r"\\.", "", value)  # what is escaped is read as a letter
        for mark in ("<script", "![", "](", "http:", "www.", "@evil", "\x1b", "\u202e", ":red["):
            assert mark not in bare, value
    for value in texts(app):
        assert "\x1b" not in value
        assert "\u202e" not in value
        assert len(value) < 21_000
    assert not app.get("imgs")
    assert not any("evil" in element.proto.body for element in app.get("html"))
    assert not any(link.proto.external for link in app.get("page_link"))


def test_five_megabytes_of_base64_are_a_size(open_trace):
    """Neither the text nor the download of the rest holds up the page."""
    shown = texts(open_trace(samples.HOSTILE))
    assert any("[image/png · 3.8 MB]" in value for value in shown)


def test_an_unknown_trace_is_looked_for_and_then_given_up(open_trace, monkeypatch):
    """It may be on its way; after a minute it is not."""
    app = open_trace("f" * 32)
    assert not app.exception
    assert "No trace" in app.warning[0].value
    assert any("looking again" in caption.value for caption in app.caption)
    monkeypatch.setattr(trace, "WAIT_SECONDS", -1)
    later = open_trace("f" * 32)
    assert any("did not arrive" in caption.value for caption in later.caption)
    assert "Retry" in [button.label for button in later.button]


def test_a_trace_that_arrives_is_found_though_its_absence_was_kept(open_trace, sampled):
    """The cache must not hide for half a minute what is there."""
    late = "9" * 32
    assert open_trace(late).warning
    began = samples.later(-2 * 86400)  # in no list of a day
    samples.put(
        connect(sampled, database=samples.DATABASE),
        [samples.span(late, samples.ROOT, "", "late", start=began)],
    )
    app = open_trace(late)
    assert not app.warning
    assert drawn(app)["rows"]["name"] == ["late"]


def test_without_an_id_the_way_to_the_list_is_offered(open_app):
    """The address alone is no fault."""
    app = open_app("trace")
    assert not app.exception
    assert "No trace is chosen" in app.info[0].value


def test_the_steps_walk_the_list_of_the_link(open_trace):
    """J goes down the list that the reader came from, and says where it ends."""
    app = open_trace(samples.ANSWER, list="range=1h&service=&status=")
    app.button(key="J").click().run()
    assert app.query_params["trace"] in (samples.TOOLS, [samples.TOOLS])
    app.button(key="K").click().run()
    assert app.query_params["trace"] in (samples.ANSWER, [samples.ANSWER])
    app.button(key="K").click().run()
    assert app.toast[0].value == "This is the first trace of the list."


def test_the_japanese_screen_is_japanese(open_trace):
    """The component's words come from the same table."""
    app = open_trace(samples.ANSWER, lang="ja")
    assert drawn(app)["words"]["count"] == "3 スパン"
    assert "内容" in [tab.label for tab in app.tabs]


class Taker(BaseHTTPRequestHandler):
    """A collector that remembers what it was sent and answers as told."""

    answer = (202, {"accepted": 1})
    taken: list[tuple[str, str, dict[str, object]]]

    def do_POST(self):
        """Take one request."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.taken.append((self.path, self.headers["authorization"], body))
        status, answer = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Stay silent."""


@pytest.fixture
def collector():
    """Return a collector's door and what came through it."""
    Taker.taken, Taker.answer = [], (202, {"accepted": 1})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_thumb_on_the_screen_reaches_the_collector(open_trace, sampled, collector):
    """Of the root it concerns the trace, of another span that span."""
    read = SecretStr(f"{sampled}?{samples.DATABASE}")
    settings.use(DashboardSettings(read_url=read, collector_url=collector, api_key=SecretStr("ksk_x")))
    app = open_trace(samples.ANSWER, tab="feedback")
    app.button(key="thumbs_True").click().run()
    assert [success.value for success in app.success] == [
        "Taken by the collector; it shows here within half a minute."
    ]
    app = open_trace(samples.ANSWER, tab="feedback", span=samples.CALL)
    app.text_area[0].set_value("wrong day")
    next(button for button in app.button if button.label == "Send").click().run()
    who = {"source": "reviewer", "user_id": "dashboard"}
    assert Taker.taken == [
        ("/v1/feedback", "Bearer ksk_x", {"trace_id": samples.ANSWER, "like": True} | who),
        (
            "/v1/feedback",
            "Bearer ksk_x",
            {"trace_id": samples.ANSWER, "span_id": samples.CALL, "comment": "wrong day"} | who,
        ),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"error": "unknown key"}), "Set KANSOKU_API_KEY"),
        ((400, {"error": "trace_id: too short"}), "trace_id: too short"),
        ((202, {"accepted": 0, "rejected": [{"index": 0, "reason": "too old"}]}), "too old"),
        ((503, {}), "HTTP 503"),
    ],
)
def test_a_refusal_is_told_with_its_reason(collector, answer, said):
    """A vote that was not taken must not look taken."""
    Taker.answer = answer
    settings.use(DashboardSettings(collector_url=collector))
    assert said in feedback.send({"trace_id": "a" * 32, "like": True})


def test_a_collector_that_is_away_is_named(collector):
    """The reader learns which address gave no answer."""
    settings.use(DashboardSettings(collector_url="http://127.0.0.1:9"))
    assert "http://127.0.0.1:9" in feedback.send({"trace_id": "a" * 32, "like": True})
