"""What GET /v1/traces/{trace_id} and /v1/stats ask: one trace whole, and how much is stored."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku.usage import Usage
from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS
from kansoku_collector.store.read.trace import AS_NUMBERS, HERE, Located

MAX_SPANS = 10_000
_WHERE = "project = {project:String} AND trace_id = {trace:String}"
# One question instead of three: each costs as much to send and to plan as a dozen columns to read. Most
# traces have no feedback and most stores no corrections: these are asked for only where there are any. All
# columns by a star: eighty names take the engine longer to plan than the columns to read.
_SPANS = f"""WITH (
    SELECT (min(start) - INTERVAL 1 SECOND, max(end) + INTERVAL 1 SECOND) FROM traces WHERE {_WHERE}
) AS within
SELECT *, (SELECT count() FROM corrections) > 0 AS any_corrected,
    (SELECT count() FROM feedback WHERE {_WHERE}) > 0 AS any_feedback
FROM spans PREWHERE {_WHERE} AND start >= within.1 AND start <= within.2
ORDER BY start LIMIT {MAX_SPANS}"""  # noqa: S608
_FEEDBACK = f"SELECT {', '.join(FEEDBACK_COLUMNS)} FROM feedback WHERE {_WHERE} ORDER BY time"  # noqa: S608
# The cost since a price was corrected, where it was.
_CORRECTED = f"""SELECT span_id, toString(argMax(c.cost_usd, corrected)) AS cost_usd,
    toString(argMax(c.cost_input_usd, corrected)) AS cost_input_usd,
    argMax(toString(c.cost_source), corrected) AS cost_source,
    argMax(toString(c.price_id), corrected) AS price_id
    FROM corrections AS c WHERE {HERE} GROUP BY span_id"""  # noqa: S608
_MONEY = ("cost_usd", "cost_input_usd", "reported_usd")


def read_trace(client: Client, project: str, trace_id: str) -> dict[str, Any]:
    """Return a trace's spans in order of time and its feedback, as JSON values.

    Times are integers (ns and ms since the epoch), money is text, so that nothing is rounded on the way.
    """
    asked = {"project": project, "trace": trace_id}
    rows = _rows(client, _SPANS, asked)
    corrected = any(row["any_corrected"] for row in rows)
    judged = not rows or any(row["any_feedback"] for row in rows)  # feedback may come before the trace
    spans = [_plain(row) for row in rows]
    if corrected:
        now = _corrections(client, project, trace_id, spans)
        spans = [span | now.get(span["span_id"], {}) for span in spans]
    given = _rows(client, _FEEDBACK, asked) if judged else []
    return {"trace_id": trace_id, "spans": spans, "feedback": given}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a span of the columns of its model, with its tokens as sums and its money as text."""
    span = {name: row[name] for name in SPAN_COLUMNS}
    for name in _MONEY:
        span[name] = None if row[name] is None else _decimal(row[name])
    usage = Usage(*(row[name] for name in Usage._fields))
    return span | {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def _decimal(money: Decimal) -> str:
    return f"{money.normalize():f}" if money else "0"


def _corrections(
    client: Client, project: str, trace_id: str, spans: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    first, last = (datetime.fromtimestamp(spans[end]["start"] // 10**9, UTC) for end in (0, -1))
    rows = _rows(client, _CORRECTED, Located(project, trace_id, first, last).params())
    return {row["span_id"]: row for row in rows}


def count_spans(client: Client, project: str) -> int:
    """Return the number of stored spans."""
    found = client.query(
        "SELECT count() FROM spans WHERE project = {project:String}", parameters={"project": project}
    )
    return int(found.result_rows[0][0])


def _rows(client: Client, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.query(sql, parameters=parameters, query_formats=AS_NUMBERS).named_results())
