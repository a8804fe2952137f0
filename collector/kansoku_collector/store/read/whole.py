"""One row a trace: what `traces` keeps by hour, put together only where a trace has more than one row.

Of a trace within one hour the row is the trace, once the engine has merged what came in parts (FINAL). A
trace that crosses an hour has a row without a root and another one, until `store.crossing` has moved all of
it into one row: those that are still apart are gathered. Gathering all traces of a month would take several
times as long as reading them. Which ones they are an index tells, and then the short key of their ids: it
takes an eighth of the time to read, and two traces with one key are both gathered.
"""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

_HOURS = "hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}"
_THEIRS = f"SELECT trace_key FROM traces WHERE project = {{project:String}} AND {_HOURS}"
# Has no root, and something in it: as the index `ix_apart` knows it, word by word.
APART = (
    "if(root_status = '' AND (spans > 0 OR unpriced_calls != 0 OR cost_usd < 0 OR cost_usd > 0), 1, 0) = 1"
)
_SEVERAL = f"""{_THEIRS} AND trace_key IN ({_THEIRS} AND {APART})
    GROUP BY trace_key HAVING count() > 1"""

_AGGREGATES = {
    "start": "min",
    "end": "max",
    "root_name": "max",
    "root_duration_ns": "max",
    "root_status": "max",
    "service": "max",
    "environment": "max",
    "release": "max",
    "session_id": "max",
    "user_id": "max",
    "models": "groupUniqArrayArray",
    "tags": "groupUniqArrayArray",
    "services": "groupUniqArrayArray",
    "operations": "groupUniqArrayArray",
    "prompts": "groupUniqArrayArray",
    "spans": "sum",
    "calls": "sum",
    "errors": "sum",
    "unpriced_calls": "sum",
    "input_tokens": "sum",
    "output_tokens": "sum",
    "cost_usd": "sum",
}
_GATHERED = ", ".join(f"{function}(t.{name}) AS {name}" for name, function in _AGGREGATES.items())

SECONDS = (
    "if(root_duration_ns > 0, toInt64(root_duration_ns),"
    " toUnixTimestamp64Nano(end) - toUnixTimestamp64Nano(start)) / 1e9"
)

# The traces of the hours between `{from}` and `{until}`, with the hours in which their rows lie.
TRACES = f"""(
    SELECT trace_id, [hour] AS hours, {", ".join(_AGGREGATES)} FROM traces FINAL
    WHERE project = {{project:String}} AND {_HOURS} AND spans > 0 AND trace_key NOT IN ({_SEVERAL})
    UNION ALL
    SELECT trace_id, groupUniqArray(t.hour) AS hours, {_GATHERED} FROM traces AS t
    WHERE project = {{project:String}} AND {_HOURS} AND trace_key IN ({_SEVERAL})
    GROUP BY trace_id HAVING sum(t.spans) > 0
)"""

# The one trace `{trace}`, wherever it lies.
TRACE = f"""(
    SELECT trace_id, {_GATHERED} FROM traces AS t
    WHERE project = {{project:String}} AND trace_id = {{trace:String}} GROUP BY trace_id
)"""
