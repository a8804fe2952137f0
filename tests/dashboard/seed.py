"""Write a few believable days of traffic straight into a store: `python tests/dashboard/seed.py chdb:///path`.

What happens in it, as shares of the whole stretch: no data from 0.43 to 0.56; at 0.60 the vendor answers with
a new model version (longer answers, more refusals); at 0.40 prompt v14 takes over from v13, liked less.
"""

import math
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from clickhouse_connect.driver.client import Client

from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS, Feedback, Span
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate

LUNA_OLD, LUNA_NEW = "gpt-5.6-luna-2026-08-06", "gpt-5.6-luna-2026-11-14"
GAP, NEW_PROMPT, NEW_VERSION = (0.43, 0.56), 0.40, 0.60
LONGEST = timedelta(minutes=2)  # that a request takes: all are over at the end of the plan
QUESTIONS = {
    "ja": [
        (
            "ペットボトルの収集日を教えてください。",
            "ペットボトルは毎週水曜日の朝8時までに集積所へ出してください。",
        ),
        (
            "粗大ごみの出し方は?",
            "粗大ごみは電話かウェブで予約し、手数料シールを貼って玄関先に出してください。",
        ),
        ("電池は何ごみですか?", "乾電池は「有害ごみ」です。透明な袋に入れて第2・第4木曜日に出してください。"),
    ],
    "en": [
        (
            "When are plastic bottles collected?",
            "Plastic bottles are collected every Wednesday; put them out by 8 a.m.",
        ),
        (
            "How do I throw away a sofa?",
            "Book a collection of bulky waste and attach the fee sticker to the sofa.",
        ),
        ("Where do batteries go?", "Batteries are hazardous waste: a clear bag, second and fourth Thursday."),
    ],
}


@dataclass(frozen=True)
class Plan:
    """How much to write, and until when."""

    end: datetime
    days: float = 3.0
    per_hour: float = 60.0  # requests an hour on average
    seed: int = 7
    until_hour: float | None = None  # taken for the end's hour of the day: the same traffic comes each time


def fill(client: Client, plan: Plan) -> int:
    """Write spans, feedback and incidents for `plan`; return the number of spans."""
    migrate(client)
    random = Random(plan.seed)
    start = plan.end - timedelta(days=plan.days)
    spans: list[Span] = []
    feedback: list[Feedback] = []
    for moment in _moments(random, plan, start):
        progress = (moment - start) / (plan.end - start)
        if not GAP[0] <= progress < GAP[1]:
            _request(random, moment, progress, spans, feedback)
    feedback = [vote for vote in feedback if vote.time < plan.end.timestamp() * 1000]  # none is still to come
    for first in range(0, len(spans), 50_000):
        part = spans[first : first + 50_000]
        client.insert(
            "spans", [[getattr(s, c) for c in SPAN_COLUMNS] for s in part], column_names=SPAN_COLUMNS
        )
    client.insert(
        "feedback",
        [[getattr(f, c) for c in FEEDBACK_COLUMNS] for f in feedback],
        column_names=FEEDBACK_COLUMNS,
    )
    incidents = _incidents(start, plan.end)
    client.insert("incidents", [list(i.values()) for i in incidents], column_names=list(incidents[0]))
    return len(spans)


def _moments(random: Random, plan: Plan, start: datetime) -> list[datetime]:
    moments, now = [], start
    while now < plan.end:
        hour = now.hour + now.minute / 60
        if plan.until_hour is not None:
            hour = (plan.until_hour - (plan.end - now) / timedelta(hours=1)) % 24
        daily = 0.35 + 0.65 * (1 + math.sin((hour - 9) / 24 * 2 * math.pi))  # most at three in the afternoon
        now += timedelta(hours=random.expovariate(plan.per_hour * daily))
        moments.append(now)
    return [moment for moment in moments if moment < plan.end - LONGEST]


def _request(
    random: Random, moment: datetime, progress: float, spans: list[Span], feedback: list[Feedback]
) -> None:
    language = "ja" if random.random() < 0.7 else "en"
    question, answer = random.choice(QUESTIONS[language])
    model, provider = random.choices(
        [
            ("gpt-5.6-luna", "openai"),
            ("claude-sonnet-5", "anthropic"),
            ("gemini-3-flash", "google"),
            ("qwen3-32b", "vllm"),
        ],
        [55, 28, 12, 5],
    )[0]
    changed = model == "gpt-5.6-luna" and progress >= NEW_VERSION
    version = "v14" if progress >= NEW_PROMPT and random.random() < 0.9 else "v13"
    refusal = random.random() < (0.039 if changed else 0.011)
    failed = random.random() < 0.012
    common = {
        "trace_id": f"{random.getrandbits(128):032x}",
        "service": "garbage-guide",
        "environment": "production" if random.random() < 0.9 else "staging",
        "release": "2026.11.2" if progress >= NEW_PROMPT else "2026.11.1",
        "session_id": f"session-{random.randrange(400)}",
        "user_id": f"user-{random.randrange(150)}",
        "prompt_name": "answer",
        "prompt_version": version,
        "scope_name": "kansoku",
        "dialect": "gen_ai",
        "language": language,
    }
    writer = Writer(random, common, moment, spans)
    root = writer.span("answer_question", "invoke_agent", 0.0, 0.0, input_text=question)
    writer.span("guardrail.input", "guardrail", 0.004, random.uniform(0.02, 0.11), parent=root.span_id)
    score = min(0.98, max(0.2, random.gauss(0.78, 0.08)))
    writer.span(
        "retrieve",
        "retrieval",
        0.13,
        random.uniform(0.12, 0.5),
        parent=root.span_id,
        retrieval_query=question,
        top_score=score,
        documents=f'[{{"id": "guide-12", "score": {score:.3f}, "content": "{answer}"}}]',
    )
    tokens_in = round(random.lognormvariate(7.0, 0.35) * (1.35 if version == "v14" else 1))
    tokens_out = round(random.lognormvariate(5.2, 0.45) * (1.42 if changed else 1))
    took = 0.35 + tokens_out / random.uniform(95, 160) * (1.1 if random.random() < 0.93 else 3)
    call = writer.span(
        "chat",
        "chat",
        0.7,
        took,
        parent=root.span_id,
        provider=provider,
        request_model=model,
        response_model={"gpt-5.6-luna": LUNA_NEW if changed else LUNA_OLD}.get(model, model),
        input_text=question,
        output_text="" if failed else answer,
        refusal=refusal,
        billed=True,
        time_to_first_token=random.uniform(0.2, 0.6),
        streaming=True,
        input_chars=len(question),
        finish_reasons=[] if failed else ["stop"],
        output_chars=0 if failed else len(answer),
        input_messages=f'[{{"role": "user", "parts": [{{"type": "text", "content": "{question}"}}]}}]',
        output_messages=""
        if failed
        else f'[{{"role": "assistant", "parts": [{{"type": "text", "content": "{answer}"}}]}}]',
    )
    _price(call, model, tokens_in, 0 if failed else tokens_out)
    if random.random() < 0.4:
        broken = random.random() < 0.05
        writer.span(
            "calendar.lookup",
            "execute_tool",
            0.7 + took,
            random.uniform(0.1, 0.7),
            parent=root.span_id,
            tool_name="calendar.lookup",
            tool_arguments='{"area": "中区"}',
            tool_result="" if broken else '{"day": "水"}',
            status="error" if broken else "ok",
            error_type="TimeoutError" if broken else "",
        )
    if failed:
        for span in (call, root):
            span.status, span.error_type, span.error_message = (
                "error",
                "APIStatusError",
                "503 from the model's server",
            )
    else:
        root.output_text = answer
    last = max(span.start + span.duration_ns for span in spans[-6:] if span.trace_id == root.trace_id)
    root.duration_ns = last - root.start + random.randrange(2_000_000, 9_000_000)
    if not failed and random.random() < 0.25:
        feedback.append(_vote(random, root, liked=0.87 - 0.09 * (version == "v14") - 0.05 * changed))


class Writer:
    """Append the spans of one request."""

    def __init__(self, random: Random, common: dict[str, str], moment: datetime, spans: list[Span]) -> None:
        self.random, self.common, self.spans = random, common, spans
        self.start_ns = round(moment.timestamp() * 1e6) * 1000

    def span(
        self, name: str, operation: str, offset: float, took: float, parent: str = "", **values: object
    ) -> Span:
        """Append one span that starts `offset` seconds into the request and lasts `took` seconds."""
        start = self.start_ns + round(offset * 1e9)
        span = Span(
            name=name,
            operation=operation,
            start=start,
            duration_ns=round(took * 1e9),
            parent_span_id=parent,
            span_id=f"{self.random.getrandbits(64):016x}",
            received=start // 1_000_000 + 900,
            **self.common,
        )
        for key, value in values.items():
            setattr(span, key, value)
        self.spans.append(span)
        return span


def _price(call: Span, model: str, tokens_in: int, tokens_out: int) -> None:
    dollars = {
        "gpt-5.6-luna": (1.25, 10.0),
        "claude-sonnet-5": (3.0, 15.0),
        "gemini-3-flash": (0.3, 2.5),
    }.get(model)
    call.usage_source, call.cost_source = "reported", "unpriced"
    call.input_fresh, call.output_visible = tokens_in, tokens_out
    if dollars:
        call.cost_source, call.price_id = "computed", "seed"
        call.cost_input_usd = Decimal(str(dollars[0])) * tokens_in / 1_000_000
        call.cost_usd = call.cost_input_usd + Decimal(str(dollars[1])) * tokens_out / 1_000_000


def _vote(random: Random, root: Span, liked: float) -> Feedback:
    given = (root.start + root.duration_ns) // 1_000_000 + random.randrange(2_000, 90_000)
    like = random.random() < liked
    return Feedback(
        time=given,
        received=given,
        feedback_id=f"{random.getrandbits(64):016x}",
        trace_id=root.trace_id,
        name="like",
        value=float(like),
        user_id=root.user_id,
        comment="" if like else random.choice(["", "収集日が違います", "wrong day"]),
    )


def _incidents(start: datetime, end: datetime) -> list[dict[str, object]]:
    change = start + (end - start) * NEW_VERSION
    base = {"project": "default", "severity": "ticket", "deliveries": "[]", "window_seconds": 3600}
    return [
        base
        | {
            "incident_id": "open-refusals",
            "rule": "refusals",
            "metric": "refusal_rate",
            "state": "open",
            "opened": change + timedelta(hours=3),
            "updated": end - timedelta(minutes=1),
            "resolved": None,
            "value": 0.039,
            "peak": 0.052,
            "threshold": 0.02,
            "comparison": "above",
            "samples": 612,
            "scope": {"model": LUNA_NEW},
        },
        base
        | {
            "incident_id": "open-likes",
            "rule": "likes",
            "metric": "like_rate",
            "state": "open",
            "opened": change + timedelta(hours=5),
            "updated": end - timedelta(minutes=1),
            "resolved": None,
            "value": 0.74,
            "peak": 0.71,
            "threshold": 0.8,
            "comparison": "below",
            "samples": 88,
            "scope": {"prompt_version": "v14"},
        },
        base
        | {
            "incident_id": "old-latency",
            "rule": "slow",
            "metric": "latency_p95",
            "state": "resolved",
            "opened": start + timedelta(hours=9),
            "updated": start + timedelta(hours=11),
            "resolved": start + timedelta(hours=11),
            "value": 2.9,
            "peak": 6.4,
            "threshold": 5.0,
            "comparison": "above",
            "samples": 240,
            "scope": {"environment": "production"},
        },
    ]


def main(arguments: list[str]) -> int:
    """Fill the store at the given URL, up to now."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--per-hour", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(arguments)
    plan = Plan(datetime.now(UTC), chosen.days, chosen.per_hour, chosen.seed)
    print(fill(connect(chosen.url), plan), "spans")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
