"""Calls of a made-up service, and what can happen to them: rows for the real store, exact costs."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period

END = datetime(2026, 11, 15, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CURRENT = Period(END - DAY, END)
REFERENCE = Period(END - 2 * DAY, END - DAY)

# Dollars a million tokens: fresh input, cached input, output.
PRICES = {"gpt-5-mini": ("0.25", "0.025", "2"), "gpt-5": ("1.25", "0.125", "10")}
_TEXTS = {
    "waste": "When is the {} bin collected in our street, and may paper go into it together with cardboard",
    "library": "How long may I keep a borrowed {} novel before the library asks for an overdue fee",
    "tax": "Which {} form declares freelance income, deductions and social insurance of last year",
}
_TEXTS_JA = {
    "waste": "{}のごみの収集日はいつですか。段ボールと一緒に出してもよいですか",
    "library": "図書館で借りた{}の小説はいつまで借りられますか。延滞料はありますか",
    "tax": "{}の確定申告に必要な書類と控除、社会保険料の扱いを教えてください",
}
_COLOURS = ("green", "blue", "brown", "large", "second")


@dataclass(frozen=True)
class Traffic:
    """What a stretch of calls is like."""

    per_hour: int = 24
    japanese: float = 0.4
    length: float = 1.0  # times the usual length of an input
    topics: tuple[tuple[str, float], ...] = (("waste", 0.6), ("library", 0.4))
    asked: str = "gpt-5-mini"
    fingerprint: str = "fp_1"
    prompt: str = "v1"
    prompt_tokens: int = 600
    release: str = "1.0"
    cached: float = 0.5  # share of the prompt's tokens read from the cache
    dearer: float = 1.0  # times the price
    output: float = 1.0  # times the usual length of an answer
    seconds: float = 1.0
    liked: float = 0.9

    def but(self, **changes: Any) -> "Traffic":
        """Return the same traffic with changes."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Batch:
    """The calls of a stretch; the seed decides them and is the beginning of their trace ids."""

    period: Period
    traffic: Traffic
    seed: int
    project: str = "default"


def add(client: Client, *batches: Batch) -> None:
    """Store the calls of some stretches in one insert, and a vote for one of three calls."""
    rows: list[dict[str, Any]] = []
    votes: list[list[Any]] = []
    for batch in batches:
        draw = random.Random(batch.seed)
        count = round(batch.period.length / timedelta(hours=1) * batch.traffic.per_hour)
        for number in range(count):
            start = batch.period.start + number * batch.period.length / count
            trace_id = f"{batch.seed:04x}{number:028x}"
            rows.append({"project": batch.project, "start": start, "trace_id": trace_id})
            rows[-1] |= _call(draw, batch.traffic)
            if number % 3 == 0:
                vote = float(draw.random() < batch.traffic.liked)
                votes.append([batch.project, start + timedelta(minutes=5), trace_id, "like", vote, "user"])
    client.insert("spans", [list(row.values()) for row in rows], column_names=list(rows[0]))
    client.insert("feedback", votes, column_names=["project", "time", "trace_id", "name", "value", "source"])


def _call(draw: random.Random, traffic: Traffic) -> dict[str, Any]:
    japanese = draw.random() < traffic.japanese
    names, weights = zip(*traffic.topics, strict=True)
    topic = draw.choices(names, weights)[0]
    text = (_TEXTS_JA if japanese else _TEXTS)[topic].format(draw.choice(_COLOURS))
    repeats = max(1, round(traffic.length * draw.lognormvariate(0.6, 0.5)))
    text = "\n".join([text] * repeats)
    # Japanese takes more tokens, in and out; taxes need long answers.
    tokens = round(len(text) * (0.8 if japanese else 0.25))
    usual = 120 * (1.8 if japanese else 1.0) * (3.0 if topic == "tax" else 1.0)
    output = round(usual * traffic.output * draw.lognormvariate(0, 0.3))
    cached = round(traffic.prompt_tokens * traffic.cached)
    fresh = traffic.prompt_tokens - cached + tokens
    prices = [Decimal(price) * Decimal(str(traffic.dearer)) / 1_000_000 for price in PRICES[traffic.asked]]
    cost_input = fresh * prices[0] + cached * prices[1]
    return {
        "span_id": f"{draw.getrandbits(64):016x}",
        "service": "guide",
        "operation": "chat",
        "billed": 1,
        "status": "ok",
        "provider": "openai",
        "request_model": traffic.asked,
        "response_model": f"{traffic.asked}-2026-03-01",
        "system_fingerprint": traffic.fingerprint,
        "prompt_name": "guide",
        "prompt_version": traffic.prompt,
        "release": traffic.release,
        "language": "ja" if japanese else "en",
        "input_text": text,
        "input_chars": len(text),
        "output_text": "...",
        "usage_source": "reported",
        "input_fresh": fresh,
        "cache_read": cached,
        "output_visible": output,
        "cost_usd": cost_input + output * prices[2],
        "cost_input_usd": cost_input,
        "cost_source": "computed",
        "price_id": f"list-{traffic.dearer}",
        "duration_ns": round(1e9 * traffic.seconds * (0.3 + output / 150) * draw.lognormvariate(0, 0.2)),
    }
