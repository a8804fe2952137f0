"""The questions of the Quality screen, against rows that are counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from support import schemas

from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS, Feedback, Span
from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import beside, quality, quality_texts
from kansoku_collector.store.scope import Period, Scope

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = Period(NOON - timedelta(days=1), NOON)


@pytest.fixture(scope="module")
def database(engine_url: str):
    """Return a client on one migrated database."""
    client = connect(engine_url, database="quality_questions")
    schemas.create(client, engine_url)
    return client


@pytest.fixture
def store(database):
    """Return the client on empty tables."""
    for table in ("spans", "traces", "rollup_minute", "rollup_hour", "rollup_day", "feedback"):
        database.command(f"TRUNCATE TABLE {table}")
    return database


def answer(store, trace: str, **values: object) -> None:
    """Store a call that answered, an hour before noon."""
    moment = NOON - timedelta(hours=1)
    known: dict[str, object] = {
        "trace_id": trace,
        "span_id": "1" * 16,
        "operation": "chat",
        "billed": True,
        "start": int(moment.timestamp() * 1e9),
        "duration_ns": 10**9,
        "request_model": "m",
        "input_text": "question",
        "output_text": "answer",
        "language": "en",
        "prompt_name": "p",
        "prompt_version": "1",
        "received": int(moment.timestamp() * 1000),
    }
    span = Span(**known | values)  # type: ignore[arg-type]
    store.insert("spans", [[getattr(span, c) for c in SPAN_COLUMNS]], column_names=SPAN_COLUMNS)


def say(store, trace: str, value: float | None = 1.0, *, late: int = 0, **values: object) -> None:
    """Store a piece of feedback, so many seconds after half past eleven."""
    ms = int((NOON - timedelta(minutes=30)).timestamp() * 1000) + late * 1000
    known: dict[str, object] = {"time": ms, "received": ms, "trace_id": trace, "value": value, "user_id": "u"}
    row = Feedback(**known | values)  # type: ignore[arg-type]
    store.insert("feedback", [[getattr(row, c) for c in FEEDBACK_COLUMNS]], column_names=FEEDBACK_COLUMNS)


def test_likes_are_split_by_what_their_traces_belong_to(store):
    """Prompt, model, language and release of the trace that was voted on."""
    answer(store, "a", release="r1")
    answer(store, "b", prompt_version="2", request_model="n", language="ja", release="r2")
    say(store, "a", 1.0)
    say(store, "b", 0.0)
    expected = {
        "prompt": ("p@1", "p@2"),
        "model": ("m", "n"),
        "language": ("en", "ja"),
        "release": ("r1", "r2"),
    }
    for split in quality.SPLITS:
        found = {row.name: (row.likes, row.votes) for row in quality.liked_by(store, Scope(), DAY, split)}
        assert found == dict(zip(expected[split], ((1, 1), (0, 1)), strict=True)), split
        over_time = quality.liked_over_time(store, Scope(), DAY, split)
        assert {(row.name, row.likes, row.votes) for row in over_time} == {(n, *v) for n, v in found.items()}
        assert {row.time.hour for row in over_time} == {11}


def test_a_changed_mind_is_one_vote(store):
    """The latest vote of a person counts, on every chart of the screen."""
    answer(store, "a")
    say(store, "a", 1.0)
    say(store, "a", 0.0, late=60)
    assert [row[1:] for row in quality.liked_by(store, Scope(), DAY, "language")] == [(0, 1)]
    assert beside.thumbs(store, Scope(), DAY).now.total == (0, 1)
    assert quality.outcomes(store, Scope(), DAY)[5:] == (1, 1)


def test_outcomes_are_apart(store):
    """A refusal is no answer, a failure is neither, and a call of a tool is nothing of the kind."""
    answer(store, "a")
    answer(store, "b", refusal=True)
    answer(store, "c", fallback=True)
    answer(store, "d", status="error", output_text="")
    answer(store, "e", output_text="")
    answer(store, "f", operation="embeddings", status="error", output_text="")
    found = quality.outcomes(store, Scope(), DAY)
    assert found == quality.Outcomes(4, 1, 1, 1, 1, 0, 0)
    buckets = [outcome for _, outcome in quality.outcomes_over_time(store, Scope(), DAY)]
    assert quality.Outcomes(*(sum(column) for column in zip(*buckets, strict=True))) == found


def test_an_answer_is_wrong_when_disliked_or_corrected(store):
    """Somebody who corrects an answer need not press a thumb, and one trace is judged once."""
    for trace in "abcd":
        answer(store, trace)
    say(store, "a", 1.0)
    say(store, "b", 0.0, user_id="x")
    say(store, "b", 1.0, user_id="y")
    say(store, "c", None, name="comment", correction="Thursday", user_id="z")
    say(store, "d", None, name="comment", comment="hm")
    assert quality.outcomes(store, Scope(), DAY)[5:] == (2, 3)


def test_remarks_are_the_words_of_people(store):
    """A judge's reason for each of its scores would bury them."""
    answer(store, "a")
    say(store, "a", 0.0, comment="wrong day")
    say(store, "a", None, name="comment", correction="Thursday", late=5, user_id="w")
    say(store, "a", 4.0, name="grounded", comment="supported", source="evaluator", late=9)
    say(store, "a", 4.0, name="grounded", comment="supported", late=9, user_id="")
    say(store, "a", 1.0, late=12, user_id="v")
    found = quality_texts.remarks(store, Scope(), DAY)
    assert [(row.comment, row.correction) for row in found] == [("", "Thursday"), ("wrong day", "")]
    assert {(row.input, row.output) for row in found} == {("question", "answer")}
    assert quality_texts.remarks_count(store, Scope(), DAY) == (2, 1, 1)
    assert [row.comment for row in quality_texts.remarks(store, Scope(), DAY, kind="comments")] == [
        "wrong day"
    ]
    assert len(quality_texts.remarks(store, Scope(), DAY, first=1, most=1)) == 1


def test_scores_have_mean_and_spread_by_giver(store):
    """The last value of a giver on a trace counts; one value has no spread."""
    for trace, value in (("a", 1.0), ("b", 3.0)):
        answer(store, trace)
        say(store, trace, 5.0, name="grounded", source="evaluator")
        say(store, trace, value, name="grounded", source="evaluator", late=3)
    say(store, "a", 0.5, name="tone", source="reviewer")
    first, second = quality_texts.scores(store, Scope(), DAY)
    assert (first.name, first.source, first.values, first.mean) == ("grounded", "evaluator", 2, 2.0)
    assert first.spread == pytest.approx(2**0.5)
    assert (second.name, second.values, second.spread) == ("tone", 1, None)
    points = quality_texts.score_over_time(store, Scope(), DAY, name="grounded", source="evaluator")
    assert [(point.values, point.mean) for point in points if point.values] == [(2, 2.0)]
    assert {point.mean for point in points if not point.values} == {None}


def test_a_slice_hears_only_its_own(store):
    """Feedback on other traces is not of this model or prompt."""
    answer(store, "a")
    answer(store, "b", request_model="n", prompt_version="2")
    for trace in "ab":
        say(store, trace, 1.0, comment=trace)
        say(store, trace, 2.0, name="grounded")
    for scope in (Scope(model="n"), Scope(prompt_name="p", prompt_version="2")):
        assert [row.name for row in quality.liked_by(store, scope, DAY, "model")] == ["n"]
        assert [row.comment for row in quality_texts.remarks(store, scope, DAY)] == ["b"]
        assert [row.values for row in quality_texts.scores(store, scope, DAY)] == [1]
        assert quality.outcomes(store, scope, DAY).rated == 1
