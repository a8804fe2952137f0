"""Months of believable traffic, made inside the engine: `fill(client, spans=10_000_000, days=90)`.

A trace is five spans: the agent, a retrieval, a model call with content, a tool call, a step. One in twenty
goes on for three minutes, so that some cross an hour and lie in two rows of `traces`. Every value
is a hash of the trace's number, so two runs give the same rows. The rollups are filled by their views.
"""
# ruff: noqa: S608 - constants of this file are formatted into the SQL

from collections.abc import Iterator, Sequence
from datetime import datetime

from clickhouse_connect.driver.client import Client

SPANS_A_TRACE = 5
CHUNK = 250_000
PROJECT = "default"  # seven tenths of the traffic; `shop` and `lab` have the rest

ENGLISH = (  # noqa: SIM905 - as a list it would fill the page
    "the city collects plastic bottles on Tuesday morning please rinse them before eight and put a label on"
    " bags furniture needs an appointment by phone or web your invoice was sent to this address yesterday we"
    " could not find any order with that number refund takes five business days shipping is free above fifty"
    " error timeout retry later contact support team battery paper glass metal garden waste schedule holiday"
    " district north south harbour river station library ticket price member discount password reset account"
    " language model answer question summary report meeting notes customer asks about delivery status change"
).split()
JAPANESE = (  # noqa: SIM905
    "収集日 は 毎週 火曜日 です 。 プラスチック ごみ を 朝八時 までに 集積所 へ 出して ください 、"
    " 粗大ごみ 電話 予約 手数料 シール 貼って 玄関先 置いて 電池 有害ごみ 透明な 袋 第二 第四 木曜日"
    " ご注文 番号 確認 できません でした 返金 には 五営業日 ほど かかります 送料 無料 会議 議事録"
    " 要約 お客様 から 配送 状況 問い合わせ がありました パスワード 再設定 アカウント 地域 北区 港区"
    " 図書館 駅前 割引 会員 ペットボトル すすいで つぶして"
).split()
SERVICES = ("guide", "support", "search", "summary", "billing", "batch")
MODELS = (  # provider, model, USD per million tokens in and out; 0 is a model without a known price
    ("openai", "gpt-5.6-luna-2026-08-06", 1.25, 10.0),
    ("openai", "gpt-5.6-mini", 0.25, 2.0),
    ("anthropic", "claude-sonnet-5", 3.0, 15.0),
    ("anthropic", "claude-haiku-5", 0.8, 4.0),
    ("google", "gemini-3-flash", 0.3, 2.5),
    ("aws.bedrock", "nova-pro-2", 0.8, 3.2),
    ("vllm", "our-own-8b", 0.0, 0.0),
)


def fill(client: Client, *, spans: int, days: int, end: datetime) -> Iterator[int]:
    """Insert `spans` spans that end at `end`, and their feedback; yield how many there are so far.

    What a run that was cut off has stored already is left as it is.
    """
    seconds = days * 86_400
    bound = {"first": int(end.timestamp()) - seconds, "seconds": seconds, "traces": spans // SPANS_A_TRACE}
    done = int(str(client.command("SELECT count() FROM spans")))
    for start in range(done, spans, CHUNK):
        client.command(
            _spans(start, min(CHUNK, spans - start)),
            parameters=bound,
            settings={"max_insert_threads": 1, "max_partitions_per_insert_block": 0},
        )
        yield min(spans, start + CHUNK)
    if done < spans:
        for statement in _FEEDBACK:
            client.command(statement)


def _array(values: Sequence[object]) -> str:
    return "[" + ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in values) + "]"


def _chosen(words: Sequence[str], number: str) -> str:
    """Return SQL of a word by a number; an index into the array would copy the array for every word."""
    return f"transform({number} % {len(words)}, {list(range(len(words)))}, {_array(words)}, '')"


def _text(seed: str, length: str) -> str:
    """Return SQL of a text in the trace's language; names and numbers keep it from repeating itself."""
    english, japanese = (
        f"arrayStringConcat(arrayMap(i -> {_chosen(words, f'cityHash64({seed}, i)')}, range({length})),"
        f" '{between}')"
        for words, between in ((ENGLISH, " "), (JAPANESE, ""))
    )
    kanji = ", ".join(f"0x4E00 + cityHash64({seed}, 'k{i}') % 6000" for i in range(4))
    name = f"arrayStringConcat(arrayMap(c -> {_CHARACTER}, [{kanji}]))"
    number = f"lower(hex(toUInt32(cityHash64({seed}, 'id'))))"
    return (
        f"if(japanese, concat({japanese}, {name}, 'さん、', {number}), concat({english}, ' ref ', {number}))"
    )


# A code point of the CJK block as UTF-8.
_CHARACTER = "char(0xE0 + intDiv(c, 4096), 0x80 + intDiv(c, 64) % 64, 0x80 + c % 64)"

# Traffic swells by day and ebbs at night: the inverse of the day's distribution, always rising.
_MOMENT = """{first:UInt64} + {seconds:UInt64} * (t + (h % 1000) / 1000) / {traces:UInt64}
    - 86400 * 0.11 * sin(2 * pi() * ({seconds:UInt64} / 86400) * t / {traces:UInt64})"""
# About normal, from 0 to 1: the mean of four hashes.
_BELL = "arrayAvg(arrayMap(i -> cityHash64({seed}, i) % 10007 / 10007, range(4)))"

_TRACE = f"""
    intDiv(n, {SPANS_A_TRACE}) AS t, n % {SPANS_A_TRACE} AS role,
    cityHash64(t, 'trace') AS h, cityHash64(n, 'span') AS g,
    intDiv(t, 40) * 10 + t % 10 AS session, cityHash64(session, 'session') AS hs,
    multiIf(hs % 10 < 7, '{PROJECT}', hs % 10 < 9, 'shop', 'lab') AS project,
    intDiv(hs, 10) % 20 AS stage,
    multiIf(stage < 16, 'production', stage < 19, 'staging', 'dev') AS environment,
    toUInt8(floor(6 * pow(intDiv(hs, 1000) % 997 / 997, 2))) AS place,
    {_array(SERVICES)}[place + 1] AS service,
    toUInt64({_MOMENT}) AS second, toUInt32(5000 * pow(cityHash64(hs, 'user') % 9973 / 9973, 3)) AS person,
    intDiv(hs, 7) % 2 = 0 AS japanese, role = 2 AS call, h % 50 = 0 AS failed,
    1 + (place + intDiv(h, 50) % 2) % {len(MODELS)} AS which,
    toUInt32(exp(4 + 5 * {_BELL.format(seed="n, 'in'")})) AS fresh,
    toUInt32(exp(3 + 5 * {_BELL.format(seed="n, 'out'")})) AS written,
    exp(2 + 4 * {_BELL.format(seed="n, 'ms'")}) * if(role IN (0, 2), 12, 1) AS milliseconds"""

_COLUMNS = {
    "project": "project",
    "trace_id": "lower(hex(MD5(toString(t))))",
    "span_id": "lower(hex(reinterpretAsFixedString(g)))",
    "parent_span_id": f"if(role = 0, '', lower(hex(reinterpretAsFixedString("
    f"cityHash64(t * {SPANS_A_TRACE}, 'span')))))",
    "name": "['agent', 'retrieve', 'chat', 'lookup', 'step'][role + 1]",
    "operation": "['invoke_agent', 'retrieval', 'chat', 'execute_tool', 'chain'][role + 1]",
    "service": "service",
    "environment": "environment",
    "release": "concat('2026.', toString(intDiv(second + place * 100000, 604800)))",
    "start": "fromUnixTimestamp64Nano(toInt64(second * 1000000000"
    " + role * if(h % 20 = 3, 45000000000, 20000000) + g % 10000000), 'UTC')",
    "duration_ns": "toUInt64(milliseconds * 1000000)",
    "dialect": "'gen_ai'",
    "provider": f"if(call, {_array([m[0] for m in MODELS])}[which], '')",
    "request_model": f"if(call, {_array([m[1] for m in MODELS])}[which], '')",
    "response_model": f"if(call AND NOT failed, {_array([m[1] for m in MODELS])}[which], '')",
    "streaming": "call",
    "time_to_first_token": "if(call AND NOT failed, milliseconds / 4000, NULL)",
    "finish_reasons": "if(call, [if(g % 40 = 0, 'length', 'stop')], [])",
    "input_text": f"if(role IN (0, 2), {_text('t', '12 + h % 60')}, '')",
    "output_text": f"if(role IN (0, 2) AND NOT failed, {_text('t + 7', '20 + h % 120')}, '')",
    "input_messages": """if(call, concat('[{"role":"user","parts":[{"type":"text","content":"', input_text,
        '"}]}]'), '')""",
    "output_messages": """if(call AND NOT failed, concat('[{"role":"assistant","parts":[{"type":"text",',
        '"content":"', output_text, '"}],"finish_reason":"stop"}]'), '')""",
    "usage_source": "if(call AND NOT failed, 'reported', 'none')",
    "input_fresh": "if(call AND NOT failed, fresh, 0)",
    "cache_read": "if(call AND NOT failed AND g % 3 = 0, fresh * 2, 0)",
    "output_visible": "if(call AND NOT failed, written, 0)",
    "reasoning": "if(call AND NOT failed AND which IN (1, 3), intDiv(written, 2), 0)",
    "cost_input_usd": f"if(input_fresh = 0, 0, input_fresh * {_array([m[2] for m in MODELS])}[which] / 1e6)"
    "::Decimal(38, 12)",
    "cost_usd": f"cost_input_usd + ((output_visible + reasoning) * {_array([m[3] for m in MODELS])}[which]"
    " / 1e6)::Decimal(38, 12)",
    "cost_source": f"multiIf(NOT call OR failed, '', which = {len(MODELS)}, 'unpriced', 'computed')",
    "billed": "call",
    "session_id": "concat('session-', toString(session))",
    "user_id": "concat('user-', toString(person))",
    "tags": "if(h % 10 = 0, ['beta'], [])",
    "prompt_name": "if(call, concat(service, '-answer'), '')",
    "prompt_version": "if(call, concat('v', toString(10 + intDiv(t * 9, {traces:UInt64}) + hs % 2)), '')",
    "tool_name": "if(role = 3, ['orders', 'calendar', 'weather'][1 + g % 3], '')",
    "documents": """if(role = 1, if(g % 30 = 0, '[]', concat('[{"id":"', toString(g % 5000), '"}]')), '')""",
    "status": "multiIf(failed AND role IN (0, 2), 'error', role IN (0, 2), 'ok', 'unset')",
    "error_type": "if(failed AND role IN (0, 2), ['timeout', 'rate_limit', '500'][1 + h % 3], '')",
    "refusal": "call AND h % 97 = 1",
    "fallback": "call AND h % 193 = 1",
    "language": "if(call, if(japanese, 'ja', 'en'), '')",
    "input_chars": "lengthUTF8(input_text)",
    "output_chars": "lengthUTF8(output_text)",
    "top_score": f"if(role = 1, {_BELL.format(seed='n')}, NULL)",
    "resource": "map('service.name', service, 'host.name', concat('host-', toString(h % 12)))",
    "received": "fromUnixTimestamp64Milli(toInt64(second * 1000 + 1500), 'UTC')",
}


def _spans(start: int, count: int) -> str:
    values = ", ".join(f"{sql} AS `{name}`" for name, sql in _COLUMNS.items() if sql != name)
    return f"""INSERT INTO spans ({", ".join(_COLUMNS)})
        WITH {_TRACE}
        SELECT {", ".join(_COLUMNS)} FROM (
            SELECT number + {start} AS n, {values}, {", ".join(k for k, v in _COLUMNS.items() if k == v)}
            FROM numbers({count}))"""


def _feedback(share: int, source: str, columns: dict[str, str]) -> str:
    """Return SQL of what is said about one of `share` traces, a minute and a half after its end."""
    names = ", ".join(columns)
    values = ", ".join(columns.values())
    return f"""INSERT INTO feedback (project, time, feedback_id, trace_id, source, received, {names})
        SELECT project, end + INTERVAL 90 SECOND, concat('{source}', trace_id), trace_id, '{source}',
            end + INTERVAL 92 SECOND, {values}
        FROM (SELECT project, trace_id, max(t.end) AS end, max(t.user_id) AS user FROM traces AS t
            WHERE cityHash64(trace_id, '{source}') % {share} = 0 GROUP BY project, trace_id)"""


_FEEDBACK = (
    _feedback(
        20,
        "user",
        {
            "name": "'like'",
            "value": "if(cityHash64(trace_id, 'vote') % 100 < 78, 1, 0)",
            "user_id": "user",
            "comment": "if(cityHash64(trace_id, 'said') % 10 = 0, 'not what I had asked for', '')",
            "correction": "if(cityHash64(trace_id, 'put') % 40 = 0, 'it is collected on Tuesdays', '')",
        },
    ),
    _feedback(
        30, "evaluator", {"name": "'helpful'", "value": f"{_BELL.format(seed='trace_id')}", "user_id": "''"}
    ),
)
