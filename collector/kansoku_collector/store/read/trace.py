"""One trace: where it lies, its spans without their texts, one span in full, and its feedback."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.model import SPAN_COLUMNS, Feedback, Span

MAX_SPANS = 20_000


@dataclass(frozen=True, slots=True)
class Located:
    """A trace and the time it covers, which spares a search through the whole table.

    Where the store has no corrections of prices at all, none is looked for.
    """

    project: str
    trace_id: str
    start: datetime
    end: datetime
    corrected: bool = True

    def params(self) -> dict[str, Any]:
        """Bind what `HERE` names; the second on either side covers rounding."""
        margin = timedelta(seconds=1)
        return {
            "project": self.project,
            "trace": self.trace_id,
            "start": self.start.astimezone(UTC) - margin,
            "end": self.end.astimezone(UTC) + margin,
        }


class SpanRow(NamedTuple):
    """A span as the tree shows it; tokens are None where the usage is unknown."""

    span_id: str
    parent_span_id: str
    name: str
    operation: str
    start_ns: int
    duration_ns: int
    service: str = ""
    status: str = "unset"
    error_type: str = ""
    model: str = ""
    tokens: int | None = None
    cost_usd: Decimal = Decimal(0)
    cost_source: str = ""
    billed: bool = False
    tool_name: str = ""
    first_token_seconds: float | None = None


class Correction(NamedTuple):
    """What a span costs since its price was corrected."""

    cost_usd: Decimal
    cost_input_usd: Decimal
    cost_source: str
    price_id: str


AS_NUMBERS = {"DateTime64*": "int"}  # ns and ms since the epoch: nothing is rounded on the way
# Of spans these conditions are a PREWHERE: the engine need not weigh dozens of columns to choose them itself.
HERE = """project = {project:String} AND trace_id = {trace:String}
    AND start >= {start:DateTime64(6, 'UTC')} AND start <= {end:DateTime64(6, 'UTC')}"""


def find(client: Client, project: str, trace_id: str) -> Located | None:
    """Return where the trace lies in time, or None if nothing of it is stored."""
    rows = client.query(
        """SELECT min(start), max(end), (SELECT count() FROM corrections) > 0 FROM traces
        WHERE project = {project:String} AND trace_id = {trace:String} GROUP BY trace_id""",
        parameters={"project": project, "trace": trace_id},
    ).result_rows
    if not rows:
        return None
    start, end, corrected = rows[0]
    return Located(project, trace_id, _aware(start), _aware(end), bool(corrected))


def spans(client: Client, located: Located) -> list[SpanRow]:
    """Return the spans by start, at most `MAX_SPANS`; reads none of the big text columns."""
    rows = client.query(
        f"""SELECT span_id, parent_span_id, name, operation, toUnixTimestamp64Nano(start), duration_ns,
            service, status, error_type, if(response_model = '', request_model, response_model),
            if(usage_source = 'none', NULL, toUInt64(input_tokens + output_tokens)),
            cost_usd, cost_source, toBool(billed), tool_name, time_to_first_token
        FROM spans PREWHERE {HERE} ORDER BY start, span_id LIMIT 1 BY span_id LIMIT {MAX_SPANS}""",
        parameters=located.params(),
    ).result_rows
    now = corrections(client, located)
    found = [SpanRow._make(row) for row in rows]
    return [
        row._replace(cost_usd=now[row.span_id].cost_usd, cost_source=now[row.span_id].cost_source)
        if row.span_id in now
        else row
        for row in found
    ]


def span(client: Client, located: Located, span_id: str) -> Span | None:
    """Return one span with all its texts, or None if it is not stored."""
    # Eighty names take the engine longer to plan than a star.
    rows = client.query(
        f"SELECT * FROM spans PREWHERE {HERE} AND span_id = {{span:String}} LIMIT 1",
        parameters=located.params() | {"span": span_id},
        query_formats=AS_NUMBERS,
    ).named_results()
    if (row := next(iter(rows), None)) is None:
        return None
    values = {name: row[name] for name in SPAN_COLUMNS}
    for flag in ("streaming", "billed", "refusal", "fallback"):
        values[flag] = bool(values[flag])
    if values["json_valid"] is not None:
        values["json_valid"] = bool(values["json_valid"])
    if now := corrections(client, located).get(span_id):
        values |= now._asdict()
    return Span(**values)


def corrections(client: Client, located: Located) -> dict[str, Correction]:
    """Return by span what its cost is since it was priced anew; spans are never updated."""
    if not located.corrected:
        return {}
    rows = client.query(
        f"""SELECT span_id, argMax(cost_usd, corrected), argMax(cost_input_usd, corrected),
            argMax(toString(cost_source), corrected), argMax(toString(price_id), corrected)
        FROM corrections WHERE {HERE} GROUP BY span_id""",
        parameters=located.params(),
    ).result_rows
    return {span_id: Correction(*figures) for span_id, *figures in rows}


def feedback(client: Client, located: Located) -> list[Feedback]:
    """Return the feedback on the trace and its spans, the latest first: each person's last word."""
    rows = client.query(
        """SELECT span_id, name, user_id, toUnixTimestamp64Milli(max(time)),
            argMax((feedback_id, session_id, source, value, label, comment, correction), (time, received))
        FROM feedback WHERE project = {project:String} AND trace_id = {trace:String}
        GROUP BY span_id, name, user_id ORDER BY max(time) DESC""",
        parameters={"project": located.project, "trace": located.trace_id},
    ).result_rows
    names = ("feedback_id", "session_id", "source", "value", "label", "comment", "correction")
    return [
        Feedback(
            project=located.project,
            trace_id=located.trace_id,
            span_id=span_id,
            name=name,
            user_id=user,
            time=time,
            **dict(zip(names, rest.values() if isinstance(rest, dict) else rest, strict=True)),
        )
        for span_id, name, user, time, rest in rows
    ]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
