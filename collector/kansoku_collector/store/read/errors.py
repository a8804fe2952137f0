"""What fails: errors where they began, by class over time and by type, with an example of each.

They are read from a table of the failed spans alone, which a view of the spans fills.
"""
# ruff: noqa: S608 - only constants of these files are formatted into the SQL; every value is bound

from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import MODEL
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.scope import Period, Scope

POINTS = 85
# The classes, in the order in which they are asked for: vendors name one thing in many ways.
_PATTERNS = {
    "rate_limit": r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl|quota|(^|\D)429(\D|$)",
    "timeout": r"time.?out|timed.?out|deadline|(^|\D)(408|504)(\D|$)",
    "content_filter": r"content.?(filter|policy|management)|responsible.?ai|safety",
    "access": r"authentication|unauthori[sz]ed|permission|forbidden|api.?key|(^|\D)(401|403)(\D|$)",
    "overload": r"overload|unavailable|internal.?server|bad.?gateway|(^|\D)5\d\d(\D|$)",
    "connection": r"connection|connect.?error|dns|socket|ssl|econn",
    "request": r"bad.?request|invalid|not.?found|unprocessable|context.?length|(^|\D)(400|404|413|422)(\D|$)",
    "cancelled": r"cancel|abort",
}
CLASSES = (*_PATTERNS, "other")
_SAID = "lower(concat(toString(error_type), ' ', substringUTF8(error_message, 1, 300)))"
_CLASS = f"""multiIf({", ".join(f"match({_SAID}, {{{name}:String}})" + f", '{name}'" for name in _PATTERNS)},
    'other')"""
_TIMES = "toUInt64(greatest(1, round(weight)))"
_STARTED = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"
# An error goes up through its parents; it is counted once, where no child of the span failed.
_BEGAN = f"""{_STARTED} AND (trace_id, span_id) NOT IN (
    SELECT trace_id, parent_span_id FROM errors
    WHERE project = {{project:String}} AND {_STARTED} AND parent_span_id != '')"""


class ErrorCount(NamedTuple):
    """How many errors of one class began in one bucket of time; `calls` of them are of model calls."""

    time: datetime
    kind: str
    errors: int
    calls: int


class ErrorType(NamedTuple):
    """Errors of one type at one step, with the latest of them."""

    kind: str
    type: str
    step: str
    model: str
    errors: int
    first: datetime
    last: datetime
    trace_id: str
    span_id: str
    message: str


def errors_over_time(client: Client, scope: Scope, period: Period) -> list[ErrorCount]:
    """Return the errors of each class in each bucket in which there were any."""
    grid = Grid.of(period, POINTS)
    bucket = grid.bucket.replace("(time,", "(start,")
    rows = client.query(
        f"""SELECT {bucket}, {_CLASS} AS kind, sum({_TIMES}), sumIf({_TIMES}, billed = 1)
        FROM errors WHERE {scope.where(model_column=MODEL)} AND {_BEGAN}
        GROUP BY bucket, kind ORDER BY bucket, kind""",
        parameters=scope.params() | grid.params() | _PATTERNS,
    ).result_rows
    return [ErrorCount(*row) for row in grid.aware(rows)]


def errors_by_type(client: Client, scope: Scope, period: Period, *, most: int = 50) -> list[ErrorType]:
    """Return the types of errors, the most frequent first; messages are cut at 300 characters."""
    rows = client.query(
        f"""SELECT {_CLASS} AS kind, toString(error_type) AS type, toString(name) AS step,
            if(billed = 1, {MODEL}, '') AS model, sum({_TIMES}) AS errors, min(start), max(start),
            argMax((trace_id, span_id, substringUTF8(error_message, 1, 300)), start)
        FROM errors WHERE {scope.where(model_column=MODEL)} AND {_BEGAN}
        GROUP BY kind, type, step, model ORDER BY errors DESC, kind, type, step, model
        LIMIT {{most:UInt32}}""",
        parameters=scope.params() | period.params() | _PATTERNS | {"most": most},
    ).result_rows
    return [
        ErrorType._make((*texts, errors, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), *latest))
        for *texts, errors, first, last, latest in rows
    ]
