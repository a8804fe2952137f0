"""Calls to look at: some of a stretch of time that show a signal."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from datetime import UTC

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.evidence import Example
from kansoku_collector.store.scope import Period, Scope

_TEXT = "input_text != '' AND output_text != ''"
_GIVEN = "trace_id IN (SELECT trace_id FROM feedback WHERE project = {{project:String}} AND {})"
_DISLIKED, _CORRECTED = _GIVEN.format("name = 'like' AND value <= 0.5"), _GIVEN.format("correction != ''")
# Which calls show that a signal is high; every other signal shows in any call.
_SHOWING = {
    "refusal": "refusal = 1",
    "fallback": "fallback = 1",
    "truncation": "has(finish_reasons, 'length')",
    "empty": "output_text = '' AND status != 'error'",
    "error": "status = 'error'",
    "feedback": _DISLIKED,
    "corrected": _CORRECTED,
    "invalid_json": "json_valid = 0",
    "repetition": "repetition >= 0.25",
    "tools": "has(finish_reasons, 'tool_calls')",
}


def examples(
    client: Client, scope: Scope, period: Period, signal: str = "", answered: str = "", count: int = 3
) -> list[Example]:
    """Return some calls, chosen by chance but always the same; those that show a signal, where one has it."""
    parameters = scope.params() | period.params() | {"answered": answered}
    rows = client.query(
        f"""SELECT trace_id, span_id, start FROM spans
        WHERE {_where(scope)} AND {_SHOWING.get(signal, _TEXT)}
            AND ({{answered:String}} = '' OR response_model = {{answered:String}})
        ORDER BY cityHash64(span_id), span_id LIMIT {int(count)}""",
        parameters=parameters,
    ).result_rows
    return [Example(trace, span, start.replace(tzinfo=UTC)) for trace, span, start in rows]


def first_call(client: Client, scope: Scope, period: Period, answered: str = "") -> Example | None:
    """Return the first call of a stretch; of those that a model answered, where one is named."""
    rows = client.query(
        f"""SELECT trace_id, span_id, start FROM spans
        WHERE {_where(scope)} AND ({{answered:String}} = '' OR response_model = {{answered:String}})
        ORDER BY start, span_id LIMIT 1""",
        parameters=scope.params() | period.params() | {"answered": answered},
    ).result_rows
    return Example(rows[0][0], rows[0][1], rows[0][2].replace(tzinfo=UTC)) if rows else None


def _where(scope: Scope) -> str:
    return f"""{scope.where(model_column="response_model")} AND billed = 1
        AND start >= {{start:DateTime64(6, 'UTC')}} AND start < {{end:DateTime64(6, 'UTC')}}"""
