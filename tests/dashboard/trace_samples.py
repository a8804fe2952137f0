"""Traces that the tests of the list, the trace and the waterfall share."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS, Feedback, Span

DATABASE = "dashboard_trace"
MS = 1_000_000
NOW = datetime.now(UTC).replace(microsecond=0)
ANSWER, TOOLS, HOUSE, HOSTILE = "a1" * 16, "b2" * 16, "c3" * 16, "e5" * 16
ROOT, CALL, TOOL, SEARCH = "0000000000000001", "0000000000000002", "0000000000000003", "0000000000000004"
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> "
    "![x](http://evil.example/p.png) "
    "[go](javascript:alert(1)) www.evil.example me@evil.example "
    ":red[red] \x1b[31mANSI\x1b[0m \u202egnp.exe\u202c"
)
BASE64 = "A" * 5_000_000


def span(trace_id: str, span_id: str, parent: str, name: str, **values: object) -> Span:
    """Return a span that starts a minute ago and takes a second, with `values` over that."""
    made = Span(trace_id=trace_id, span_id=span_id, parent_span_id=parent, name=name, operation="chain")
    made.start = round((NOW - timedelta(minutes=1)).timestamp()) * 1000 * MS
    made.duration_ns = 1000 * MS
    made.service, made.environment = "guide", "production"
    for key, value in values.items():
        setattr(made, key, value)
    return made


def later(seconds: float) -> int:
    """Return the start of a span that many seconds after the usual one."""
    return span("", "", "", "").start + round(seconds * 1000 * MS)


def messages(role: str, text: str) -> str:
    """Return one message as the JSON of a column."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)


def call(trace_id: str, span_id: str, parent: str, **values: object) -> Span:
    """Return a billed model call."""
    usual = {
        "operation": "chat",
        "billed": True,
        "request_model": "luna",
        "response_model": "luna-2026",
        "usage_source": "reported",
        "input_fresh": 1000,
        "output_visible": 200,
        "cost_source": "computed",
        "cost_usd": Decimal("0.0125"),
        "cost_input_usd": Decimal("0.01"),
        "price_id": "luna@1",
    }
    return span(trace_id, span_id, parent, "chat luna", **(usual | values))


def put(client: Client, spans: list[Span], feedback: list[Feedback] | None = None) -> None:
    """Store spans and feedback."""
    client.insert("spans", [[getattr(s, c) for c in SPAN_COLUMNS] for s in spans], column_names=SPAN_COLUMNS)
    if feedback:
        rows = [[getattr(f, c) for c in FEEDBACK_COLUMNS] for f in feedback]
        client.insert("feedback", rows, column_names=FEEDBACK_COLUMNS)


def vote(trace_id: str, user: str, like: bool, *, minute: int = 0) -> Feedback:
    """Return a vote given `minute` minutes from now."""
    given = round((NOW + timedelta(minutes=minute)).timestamp() * 1000)
    return Feedback(time=given, received=given, trace_id=trace_id, value=float(like), user_id=user)


def fill(client: Client) -> None:
    """Store an answer, a failed run with a tool, a call without a price, and an attack."""
    question, reply = "ごみの収集日を教えてください。", "毎週水曜日です。"
    put(
        client,
        [
            span(
                ANSWER,
                ROOT,
                "",
                "answer_question",
                operation="invoke_agent",
                duration_ns=3000 * MS,
                input_text=question,
                output_text=reply,
                session_id="s-1",
                user_id="u-1",
                tags=["vip"],
            ),
            call(
                ANSWER,
                CALL,
                ROOT,
                input_text=question,
                output_text=reply,
                prompt_name="answer",
                prompt_version="v2",
                input_messages=messages("user", question),
                output_messages=messages("assistant", reply),
                parameters={"temperature": "0.2"},
                attributes={"server.address": "api.example"},
            ),
            span(
                ANSWER,
                SEARCH,
                ROOT,
                "retrieve",
                operation="retrieval",
                retrieval_query=question,
                documents=json.dumps([{"id": "guide-12", "score": 0.874, "content": "ペットボトルは水曜日"}]),
            ),
            span(
                TOOLS,
                ROOT,
                "",
                "run_tools",
                start=later(-60),
                duration_ns=9000 * MS,
                status="error",
                error_type="TimeoutError",
                input_text="ABC weather",
                service="tools",
            ),
            call(
                TOOLS,
                CALL,
                ROOT,
                start=later(-60),
                cost_usd=Decimal("0.5"),
                service="tools",
                response_model="sol-2026",
            ),
            span(
                TOOLS,
                TOOL,
                ROOT,
                "weather",
                operation="execute_tool",
                start=later(-55),
                status="error",
                error_type="TimeoutError",
                error_message="no answer within 600 ms",
                service="tools",
                tool_name="weather",
                tool_arguments='{"city": "大阪"}',
                events=json.dumps(
                    [
                        {
                            "name": "exception",
                            "time_ns": later(-54),
                            "attributes": {"exception.type": "TimeoutError"},
                        }
                    ]
                ),
            ),
            call(
                HOUSE,
                ROOT,
                "",
                start=later(-120),
                cost_source="unpriced",
                cost_usd=Decimal(0),
                cost_input_usd=Decimal(0),
                request_model="house",
                response_model="",
                price_id="",
                environment="staging",
            ),
        ],
        [vote(ANSWER, "u-1", False, minute=-2), vote(ANSWER, "u-1", True), vote(TOOLS, "u-2", False)],
    )
    parts = [
        {"type": "text", "content": EVIL},
        {"type": "text", "content": f"data:image/png;base64,{BASE64}"},
        {"type": "uri", "uri": "http://evil.example/i.png", "mime_type": "image/png"},
        {"type": "tool_call", "name": EVIL, "arguments": EVIL},
    ]
    evil = json.dumps([{"role": EVIL, "parts": parts}])
    attack = call(
        HOSTILE,
        ROOT,
        "",
        start=later(-180),
        input_messages=evil,
        output_messages=evil,
        system_instructions=EVIL,
        request_model=EVIL,
        response_model="",
        attributes={EVIL: EVIL},
        status="error",
        error_message=EVIL,
        parameters={EVIL: EVIL},
        documents=json.dumps([{"id": EVIL, "content": EVIL}]),
        tags=[EVIL],
        events=json.dumps([{"name": EVIL, "time_ns": 1, "attributes": {EVIL: EVIL}}]),
    )
    attack.name, attack.input_text, attack.session_id = EVIL, EVIL, '=HYPERLINK("http://evil.example")'
    said = vote(HOSTILE, EVIL, False)
    said.name, said.label, said.comment, said.correction = "evil", EVIL, EVIL, EVIL
    put(client, [attack], [said])
