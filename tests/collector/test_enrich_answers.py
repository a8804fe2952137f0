"""How an answer is made, read at ingestion, and what the detector is given of it by the hour."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.enrich.answers import repetition_of
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.model import Feedback, Span
from kansoku_collector.store.read import trace
from kansoku_collector.store.read.hours import SERIES, VECTORS, measured_hours
from kansoku_collector.store.scope import Period
from kansoku_collector.store.write import Writer
from kansoku_collector.watch.signals import SIGNALS, series_of, signal_of, telling, told

NOON = datetime(2026, 11, 14, 12, tzinfo=UTC)
FOUND = '[{"score": 0.4}, {"score": 0.9}, {"score": 0.8}]'
ASKED = {"gen_ai.output.type": "json"}


def answered(*contents: str, **fields: object) -> Span:
    """Return a chat span with an answer, after the signals were read."""
    messages = [{"role": "assistant", "parts": [{"type": "text", "content": one}]} for one in contents]
    base = {"operation": "chat", "output_messages": json.dumps(messages), "output_text": "\n".join(contents)}
    span = Span(**(base | fields))
    read_signals(span)
    return span


@pytest.mark.parametrize(
    ("parameters", "attributes"),
    [
        ({}, ASKED),
        ({"response_format": '{"type":"json_object"}'}, {}),
        ({"response_format": '"{\\"type\\": \\"json_schema\\"}"'}, {}),
        ({"text": '{"format":{"type":"json_schema","schema":{}}}'}, {}),
        ({"output_format": '{"type":"json_schema","schema":{}}'}, {}),
        ({"response_mime_type": '"application/json"'}, {}),
        ({"config": '{"response_mime_type":"application/json"}'}, {}),
        ({"response_schema": '{"type":"OBJECT"}'}, {}),
        ({"format": '"json"'}, {}),
    ],
)
def test_json_is_looked_at_where_it_was_asked_for(
    parameters: dict[str, str], attributes: dict[str, str]
) -> None:
    """OpenTelemetry's attribute and the parameters of OpenAI, Anthropic, Gemini and Ollama."""
    asked = {"parameters": parameters, "attributes": attributes}
    assert answered('{"day": "火曜日"}', **asked).json_valid is True
    assert answered('{"day": "火曜日"', **asked).json_valid is False


@pytest.mark.parametrize(
    ("parameters", "attributes"),
    [
        ({}, {}),
        ({"response_format": '{"type":"text"}', "temperature": "0.2"}, {}),
        ({"response_format": '{"type":"json_object"}'}, {"gen_ai.output.type": "text"}),
        ({"response_schema": "null", "response_mime_type": '"text/plain"'}, {}),
    ],
)
def test_nothing_is_known_where_no_json_was_asked_for(
    parameters: dict[str, str], attributes: dict[str, str]
) -> None:
    """Prose is no failure of a format."""
    assert answered("Tuesday", parameters=parameters, attributes=attributes).json_valid is None


@pytest.mark.parametrize(
    ("contents", "valid"),
    [
        (('{"a": 1}', '{"a": 2}'), True),
        (('{"a": 1}', "{a: 2}"), False),
        (('```json\n{"a": 1}\n```',), False),
        (('{"said": "＂はい＂"}',), True),
        (('{"a": 1} and more',), False),
        (("[1, 2]",), True),
        (('{"a": "… [cut: 70000 bytes]',), None),
    ],
)
def test_every_choice_has_to_be_json(contents: tuple[str, ...], valid: bool | None) -> None:
    """As it was sent: wide quotes are text, a fence is not JSON, what a sender cut off is unknown."""
    assert answered(*contents, attributes=ASKED).json_valid is valid


def test_a_tool_call_is_no_json_answer() -> None:
    """Who calls a tool answers later."""
    assert answered("I look.", attributes=ASKED, finish_reasons=["tool_calls"]).json_valid is None


@pytest.mark.parametrize(
    "sentence", ["I think that it goes out on Tuesday. ", "燃やすごみは火曜日に出してください。"]
)
def test_a_loop_repeats_itself(sentence: str) -> None:
    """Round in circles after an ordinary beginning, in any script."""
    start = "The guide says the following about plastic, paper and glass in your street: " * 2
    assert (repetition_of(start[:76] + sentence * 40) or 0) > 0.8


def test_prose_hardly_repeats_itself_and_a_word_says_nothing() -> None:
    """Numbered lines that differ are new, and a short answer is not judged."""
    lines = "\n".join(f"{n * 7919 % 97} {n * 104729 % 9973} bring the {n}th bag" for n in range(60))
    assert (repetition_of(lines) or 0) < 0.4
    assert repetition_of("Yes. " * 20) is None


def test_the_detector_is_given_what_spans_and_votes_say(store: Client) -> None:
    """Formats, loops, tokens per character by language, caches, reasoning, gaps and corrections."""
    at, usual = int(NOON.timestamp() * 1e9), {"attributes": ASKED, "billed": True, "usage_source": "reported"}
    text = "The bin goes out on Tuesday, or on the day after when that is a holiday."
    usual |= {"service": "guide", "input_text": "When?", "input_messages": "x" * 200, "input_fresh": 40}
    rows = [
        answered("{}", text, cache_read=40, output_visible=20, reasoning=20, **usual),
        answered(json.dumps(text * 20), output_visible=180, **usual),
        Span(operation="retrieval", service="guide", documents=FOUND),
    ]  # fmt: skip
    for number, row in enumerate(rows):
        row.trace_id, row.span_id, row.start, row.parent_span_id = f"{number:032x}", f"{number:016x}", at, "r"
        read_signals(row)
    writer = Writer(store)
    writer.spans(rows, "spans")
    writer.feedback(
        [
            Feedback(time=at // 10**6, feedback_id="a", trace_id=rows[0].trace_id, correction="Wednesday"),
            Feedback(time=at // 10**6, feedback_id="b", trace_id=rows[1].trace_id, value=1.0),
        ],
        "feedback",
    )
    (hour,) = measured_hours(store, "default", Period(NOON, NOON + timedelta(hours=1)))
    means = {name: round(total / weight, 3) for name, (weight, _, total) in hour.sums.items()}
    assert means["invalid_json"] == 0.5  # an answer in prose beside one of JSON
    assert means["loops"] == 1.0
    assert means["repetition"] > 0.9
    assert (means["cached"], means["reasoning"]) == (0.25, 0.25)
    assert (means["score_gap"], means["corrected"], means["feedback"]) == (0.1, 0.5, 0.0)
    tokens = signal_of("token_density")
    sent, said = (0.4 * 0.2) ** 0.5, (20 / 75 * 180 / 1442) ** 0.5  # means of logarithms
    assert told(tokens, "sent en", means["sent_en"]) == pytest.approx(sent, 0.01)
    assert told(tokens, "said en", means["said_en"]) == pytest.approx(said, 0.01)
    assert "said_ja" not in means
    assert {"cached", "loops", "corrected"} <= set(telling(hour))
    assert "english" not in telling(hour)  # of one language there is no mix


def test_a_stored_span_keeps_what_is_unknown(store: Client) -> None:
    """Valid, invalid and not asked for come back as three different things."""
    rows = [answered("{}", attributes=ASKED), answered("{", attributes=ASKED), answered("{}")]
    for number, row in enumerate(rows):
        row.trace_id, row.span_id, row.start = f"{7:032x}", f"{number:016x}", int(NOON.timestamp() * 1e9)
    Writer(store).spans(rows, "kept")
    located = trace.find(store, "default", f"{7:032x}")
    assert located is not None
    found = [trace.span(store, located, row.span_id) for row in rows]
    assert [one.json_valid for one in found if one] == [True, False, None]


def test_every_series_of_the_store_speaks_for_a_signal_with_a_name() -> None:
    """A column that the store sums up and nobody names would be told as a raw word."""
    assert {series_of(key).signal for key in SERIES} | set(VECTORS) <= set(SIGNALS)
