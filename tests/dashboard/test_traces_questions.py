"""The questions of the list of traces and of one trace, asked of a real store."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import trace_samples as samples
from support import schemas

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import trace, traces
from kansoku_collector.store.read.conditions import Filter, pattern
from kansoku_collector.store.scope import Period, Scope

ALL = Filter(Period(samples.NOW - timedelta(hours=1), samples.NOW + timedelta(hours=1)))


@pytest.fixture(scope="module")
def client(engine_url):
    """Return a store with the sample traces; one for all, so a test that writes uses a project of its own."""
    opened = connect(engine_url, database="dashboard_questions")
    schemas.create(opened, engine_url)
    samples.fill(opened)
    return opened


def ids(client, wanted, **how):
    """Return the ids of the first page."""
    return [row.trace_id for row in traces.page(client, wanted, **how)]


def test_a_row_carries_what_the_list_shows(client):
    """Each figure comes from the right span: the root's texts, the calls' tokens and money."""
    row = traces.page(client, replace(ALL, session="s-1"))[0]
    assert (row.name, row.operation, row.seconds, row.spans, row.calls) == (
        "answer_question",
        "invoke_agent",
        3.0,
        3,
        1,
    )
    assert (row.input, row.output) == ("ごみの収集日を教えてください。", "毎週水曜日です。")
    assert (row.models, row.tags, row.user_id) == (["luna-2026"], ["vip"], "u-1")
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (1000, 200, Decimal("0.0125"))
    assert row.start.tzinfo is not None
    assert row.rooted is True


def test_traces_come_newest_dearest_or_slowest_first(client):
    """The three orders that a person on call sorts by."""
    assert ids(client, ALL) == [samples.ANSWER, samples.TOOLS, samples.HOUSE, samples.HOSTILE]
    assert ids(client, ALL, sort="cost")[0] == samples.TOOLS
    assert ids(client, ALL, sort="duration")[0] == samples.TOOLS


@pytest.mark.parametrize("sort", ["time", "cost", "duration"])
def test_pages_follow_one_another_without_gap_or_overlap_both_ways(client, sort):
    """Every trace stands on exactly one page, and the way back shows the same pages."""
    whole = ids(client, ALL, sort=sort)
    first = traces.page(client, ALL, sort=sort, size=3)
    second = traces.page(client, ALL, sort=sort, size=3, after=first[-1].cursor)
    assert [row.trace_id for row in (*first, *second)] == whole
    assert traces.page(client, ALL, sort=sort, size=3, before=second[0].cursor) == first
    assert traces.page(client, ALL, sort=sort, size=3, after=second[-1].cursor) == []


def test_a_page_never_exceeds_its_limit(client):
    """A link cannot ask for a page that stalls the browser."""
    many = [samples.span(f"{n:032x}", samples.ROOT, "", "many", project="many") for n in range(550)]
    samples.put(client, many)
    assert len(ids(client, replace(ALL, scope=Scope("many")), size=10_000)) == traces.MAX_PAGE_SIZE


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"text": "収集日"}, [samples.ANSWER]),
        ({"text": "毎週水曜"}, [samples.ANSWER]),
        ({"text": "abc WEATHER"}, [samples.TOOLS]),
        ({"text": "ａｂｃ"}, [samples.TOOLS]),
        ({"text": "100%"}, []),
        ({"text": "収_日"}, []),
        ({"session": "s-1"}, [samples.ANSWER]),
        ({"user": "u-1"}, [samples.ANSWER]),
        ({"tag": "vip"}, [samples.ANSWER]),
        ({"status": "error"}, [samples.TOOLS, samples.HOSTILE]),
        ({"status": "ok"}, [samples.ANSWER, samples.HOUSE]),
        ({"min_cost": 0.4}, [samples.TOOLS]),
        ({"min_seconds": 5.0}, [samples.TOOLS]),
        ({"feedback": "liked"}, [samples.ANSWER]),
        ({"feedback": "disliked"}, [samples.TOOLS]),
        ({"feedback": "unrated"}, [samples.HOUSE, samples.HOSTILE]),
        ({"feedback": "commented"}, [samples.HOSTILE]),
        ({"feedback": "corrected"}, [samples.HOSTILE]),
        ({"score": "evil"}, [samples.HOSTILE]),
        ({"max_score": 0.0}, [samples.HOSTILE]),
        ({"score": "evil", "min_score": 0.5}, []),
        ({"min_score": 0.5, "max_score": 0.4}, []),
        ({"unpriced": True}, [samples.HOUSE]),
        ({"max_cost": 0.0126}, [samples.ANSWER, samples.HOUSE, samples.HOSTILE]),
        ({"max_seconds": 2.0}, [samples.HOUSE, samples.HOSTILE]),
        ({"min_tokens": 1201}, []),
        ({"max_tokens": 1200, "status": "ok"}, [samples.ANSWER, samples.HOUSE]),
        ({"operation": "retrieval"}, [samples.ANSWER]),
        ({"operation": "execute_tool", "scope": Scope(service="tools")}, [samples.TOOLS]),
        ({"operation": "execute_tool", "scope": Scope(service="guide")}, []),
        ({"scope": Scope(environment="staging")}, [samples.HOUSE]),
        ({"scope": Scope(service="tools")}, [samples.TOOLS]),
        ({"scope": Scope(model="luna-2026")}, [samples.ANSWER]),
        ({"scope": Scope(model="house")}, [samples.HOUSE]),
        ({"scope": Scope(prompt_name="answer", prompt_version="v2")}, [samples.ANSWER]),
        ({"scope": Scope(prompt_name="answer", prompt_version="v1")}, []),
        ({"scope": Scope(project="other")}, []),
        ({"text": "' OR 1=1 --"}, []),
    ],
)
def test_each_condition_finds_exactly_what_it_says(client, conditions, found):
    """Text is found inside sentences whatever its width and case; wildcards and quotes are letters."""
    wanted = replace(ALL, **conditions)
    assert ids(client, wanted) == found
    assert traces.totals(client, wanted).traces == len(found)


def test_a_period_holds_the_traces_that_start_in_it(client):
    """The end is excluded, so neighbouring periods count nothing twice."""
    start = samples.NOW - timedelta(minutes=2)
    narrow = replace(ALL, period=Period(start, start + timedelta(minutes=1)))
    assert ids(client, narrow) == [samples.TOOLS]


def test_the_search_skips_what_the_ngram_index_excludes(client):
    """A search that reads every text of the period would be slow where it matters."""
    where = f"lowerUTF8(input_text) LIKE '{pattern('収集日')}'"
    plan = client.query(f"EXPLAIN indexes = 1 SELECT trace_id FROM spans WHERE {where}").result_rows
    assert any("ix_input" in row[0] for row in plan)


def test_totals_add_up_and_keep_unpriced_calls_apart(client):
    """A total with unpriced calls is a lower bound; the screen must know."""
    totals = traces.totals(client, ALL)
    assert (totals.traces, totals.failed, totals.calls, totals.unpriced_calls) == (4, 2, 4, 1)
    assert totals.cost_usd == Decimal("0.525")
    assert totals.p95_seconds is not None
    assert totals.p95_seconds <= 9.0


def test_totals_of_nothing_have_no_percentiles(client):
    """A missing value is never drawn as zero."""
    totals = traces.totals(client, replace(ALL, scope=Scope("nobody")))
    assert (totals.traces, totals.p50_seconds, totals.p95_seconds) == (0, None, None)


@pytest.mark.parametrize("sort", ["time", "cost", "duration"])
def test_neighbours_follow_the_order_of_the_list(client, sort):
    """J and K walk the list that the reader came from, to its ends."""
    order = ids(client, ALL, sort=sort)
    for place, trace_id in enumerate(order):
        before = order[place - 1] if place else ""
        after = order[place + 1] if place + 1 < len(order) else ""
        assert traces.neighbours(client, ALL, trace_id, sort=sort) == (before, after)
    assert traces.neighbours(client, ALL, "f" * 32) == ("", "")


def test_loosen_counts_what_each_filter_hides(client):
    """An empty list tells which filter to drop, and does not name one that would not help."""
    empty = replace(ALL, session="s-1", scope=Scope(environment="staging"))
    assert traces.loosen(client, empty) == {"session": 1, "environment": 1}
    assert traces.loosen(client, replace(ALL, text="nowhere", tag="nobody")) == {}


def test_the_latest_vote_of_a_person_counts(client):
    """A reader who changed their mind is counted once."""
    assert traces.votes(client, "default", [samples.ANSWER, samples.TOOLS], ALL.period) == {
        samples.ANSWER: (1, 0),
        samples.TOOLS: (0, 1),
    }


def test_a_trace_is_found_by_its_id_alone(client):
    """A link holds the id; the time comes from the store."""
    located = trace.find(client, "default", samples.ANSWER)
    assert located is not None
    assert located.end - located.start == timedelta(seconds=3)
    assert trace.find(client, "default", "f" * 32) is None
    assert trace.find(client, "other", samples.ANSWER) is None


def test_the_spans_of_the_tree_carry_no_texts_and_appear_once(client):
    """A span that was delivered twice is one row; unknown usage is None, not 0."""
    twice = [
        samples.span("d" * 32, samples.ROOT, "", "root", project="twice"),
        samples.call("d" * 32, samples.CALL, samples.ROOT, project="twice"),
    ]
    samples.put(client, twice * 2)
    rows = trace.spans(client, trace.find(client, "twice", "d" * 32))
    assert [row.span_id for row in rows] == [samples.ROOT, samples.CALL]
    assert [row.tokens for row in rows] == [None, 1200]
    assert rows[1].model == "luna-2026"
    assert rows[1].billed is True


def test_one_span_comes_with_everything(client):
    """The panel shows a span as the collector wrote it."""
    located = trace.find(client, "default", samples.ANSWER)
    found = trace.span(client, located, samples.CALL)
    assert found is not None
    assert found.input_messages == samples.messages("user", "ごみの収集日を教えてください。")
    assert found.start == samples.later(0)
    assert (found.parameters, found.billed) == ({"temperature": "0.2"}, True)
    assert trace.span(client, located, "f" * 16) is None


def test_the_feedback_of_a_trace_is_each_persons_last_word(client):
    """The earlier dislike of the same person is gone."""
    given = trace.feedback(client, trace.find(client, "default", samples.ANSWER))
    assert [(item.name, item.value, item.user_id) for item in given] == [("like", 1.0, "u-1")]
