"""The demo's incidents, by its own timeline and with no rule: exactly three are raised, the right ones."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.evidence import read_evidence
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.replay import Replayed, replay
from kansoku_demo.scenario import DAY, Scenario

END = datetime(2026, 11, 15, tzinfo=UTC)
SCENARIO = Scenario(END.timestamp(), 14.0, 7)
QUIET = 14  # days before the demo's own: its two weeks are as long as the warm-up
BY_HOUR = (6, 3, 2, 2, 3, 9, 30, 55, 56, 54, 52, 48, 60, 52, 46, 44, 46, 50, 58, 70, 74, 66, 42, 18)
QUESTIONS = {"ja": ["段ボールはいつ出せますか", "粗大ごみの料金は"], "en": ["When is paper collected?"]}
SMALL, LARGE = Decimal("0.0000002"), Decimal("0.0000012")  # of a token, in and out


def calls(seed: int) -> Iterator[dict[str, Any]]:
    """Yield the answers of 28 days at the demo's rates: docs/demo.md has the figures."""
    draw = random.Random(seed)
    at = SCENARIO.start - QUIET * DAY
    while at < SCENARIO.end:
        hour = (int(at // 3600) + 9) % 24
        at += draw.expovariate(700 / DAY * 24 * BY_HOUR[hour] / sum(BY_HOUR))
        if SCENARIO.is_recorded(at):
            yield call(draw, at)


def call(draw: random.Random, at: float) -> dict[str, Any]:
    """Return one answer: what the prompt and the model of the time make of it."""
    user = f"u-{int(900 * draw.random() ** 1.8):04d}"
    version = SCENARIO.prompt_version(at, user)
    changed = at >= SCENARIO.model_changed
    tokens = (
        142 * (0.55 if version == "v16" else 1.0) * (1.93 if changed else 1.0) * draw.lognormvariate(0, 0.4)
    )
    fresh, cached = (1900, 0) if version == "v15" else (500, 900)
    refused = draw.random() < (0.066 if changed else 0.018)
    japanese = draw.random() < 0.65
    cost = fresh * SMALL + cached * SMALL / 10 + round(tokens) * LARGE
    return {
        "project": "default",
        "start": datetime.fromtimestamp(at, UTC),
        "trace_id": f"{draw.getrandbits(128):032x}",
        "span_id": f"{draw.getrandbits(64):016x}",
        "service": "gomi-guide",
        "environment": "production",
        "operation": "chat",
        "billed": 1,
        "status": "ok",
        "provider": "openai",
        "request_model": "gpt-5.6-luna",
        "response_model": f"gpt-5.6-luna-{'2026-11-14' if changed else '2026-08-06'}",
        "system_fingerprint": "fp_new" if changed else "fp_old",
        "prompt_name": "guide",
        "prompt_version": version,
        "release": "2.8.1",
        "user_id": user,
        "language": "ja" if japanese else "en",
        "input_text": draw.choice(QUESTIONS["ja" if japanese else "en"]),
        "input_chars": 14,
        "output_text": "お答えできません"
        if refused
        else draw.choice(["火曜日です", "金曜日です", "On Tuesday."]),
        "refusal": int(refused),
        "usage_source": "reported",
        "input_fresh": fresh,
        "cache_read": cached,
        "output_visible": round(tokens),
        "cost_usd": cost,
        "cost_source": "computed",
        "price_id": "list",
        "duration_ns": round(1e9 * (0.4 + tokens / 85) * draw.lognormvariate(0, 0.25)),
    }


@pytest.fixture
def found(store: Client) -> list[Replayed]:
    """Return what the detector raises in the demo's two weeks."""
    rows = list(calls(7))
    store.insert("spans", [list(row.values()) for row in rows], column_names=list(rows[0]))
    draw = random.Random(3)
    votes = []
    for row in rows:
        if draw.random() < 0.16:
            liked = 0.58 if row["prompt_version"] == "v16" else 0.769
            vote = float(draw.random() < liked)
            votes.append(
                [
                    "default",
                    row["start"] + timedelta(minutes=2),
                    row["trace_id"],
                    "like",
                    vote,
                    row["user_id"],
                ]
            )
    store.insert("feedback", votes, column_names=["project", "time", "trace_id", "name", "value", "user_id"])
    start = datetime.fromtimestamp(SCENARIO.start, UTC) + timedelta(hours=2)
    return replay(store, [], start, END, timedelta(minutes=15), [Builtin(utc_offset=9)])


def test_the_demos_three_incidents_are_raised_and_nothing_else(found: list[Replayed]) -> None:
    """The dearer prompt, which ends when it is taken back; the terse one; the silent change of the model."""
    told = [str(one) for one in found]
    assert len(found) == 3, "\n".join(told)
    dear, terse, silent = found
    evidence = [read_evidence(one.incident.evidence) for one in found]
    begun = (SCENARIO.dear_prompt[0], SCENARIO.test_started, SCENARIO.model_changed)
    for each, moment in zip(evidence, begun, strict=True):
        assert each is not None
        assert abs(each.began.timestamp() - moment) < 7 * 3600
    first, second, third = evidence
    assert first
    assert second
    assert third
    assert "prompt: guide@v15" in first.news
    assert "cost" in {move.signal for move in first.moves}
    assert dear.incident.resolved is not None
    assert abs(dear.incident.resolved.timestamp() - SCENARIO.dear_prompt[1]) < DAY
    assert "prompt: guide@v16" in second.news
    assert terse.incident.value < terse.incident.threshold
    assert third.silent
    assert "Silent model change" in str(silent)
    assert {"out_tokens", "latency"} <= {move.signal for move in third.moves}
