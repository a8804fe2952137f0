"""What the detector reads: sums of the signals of an hour, by service and environment.

Rollups have no cap by user, no logarithms and no texts, so the sums come from the spans of the hour, once;
they are kept in `signal_hour`, and everything later is read from there.
"""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period

CAP = 6  # calls of one user in an hour that count in full
TEXTS = 200  # texts of an hour, service and environment that are looked at
DIMENSIONS = 128  # n-grams of a text are hashed into so many
BINS = 4  # of a tail, an octave
_VALUES = 200  # different values of one kind in an hour
_SCORES = 20  # different scores
_WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"
_VOTED = "f.time >= {start:DateTime64(6, 'UTC')} AND f.time < {end:DateTime64(6, 'UTC')}"
_CALL = "billed = 1 AND operation NOT IN ('embeddings', 'rerank')"
# Kinds of spans that series speak of, named once: planning the query costs more than an hour's spans do.
_KINDS = f"""{_CALL} AS call, call AND status != 'error' AS good, usage_source = 'reported' AS reported,
    good AND reported AND output_chars >= 50 AND output_visible > 0 AS said,
    call AND reported AND sent_chars >= 50 AND input_tokens > 0 AS sent"""
_DENSE_OUT = "log(output_visible / output_chars)"
_DENSE_IN = "log(input_tokens / sent_chars)"
_LOOPS = 0.5  # from this repetition on an answer goes round in circles
_WHO = "if(user_id != '', user_id, if(session_id != '', session_id, trace_id))"
# Each series: which spans have it, and its value. Money, times and lengths are logarithms.
SERIES = {
    "cost": ("call AND cost_source != 'unpriced' AND cost_usd > 0", "log(toFloat64(cost_usd))"),
    "in_tokens": ("call AND reported AND input_tokens > 0", "log(input_tokens)"),
    "out_tokens": ("good AND reported AND output_tokens > 0", "log(output_tokens)"),
    "in_chars": ("call AND input_chars > 0", "log(input_chars)"),
    "latency": ("good AND duration_ns > 0", "log(duration_ns / 1e9)"),
    "first_token": ("good AND time_to_first_token > 0", "log(assumeNotNull(time_to_first_token))"),
    "japanese": ("call AND language != ''", "language = 'ja'"),
    "english": ("call AND language != ''", "language = 'en'"),
    "tools": ("good", "has(finish_reasons, 'tool_calls')"),
    "refusal": ("good AND output_text != ''", "refusal"),
    "fallback": ("good AND output_text != ''", "fallback"),
    "truncation": ("good", "has(finish_reasons, 'length')"),
    "empty": ("good", "output_text = '' AND NOT has(finish_reasons, 'tool_calls')"),
    "error": ("billed = 1", "status = 'error'"),
    "invalid_json": ("good AND json_valid IS NOT NULL", "assumeNotNull(json_valid) = 0"),
    "repetition": ("good AND repetition IS NOT NULL", "assumeNotNull(repetition)"),
    "loops": ("good AND repetition IS NOT NULL", f"assumeNotNull(repetition) >= {_LOOPS}"),
    # A language apart: Japanese has more tokens in a character than English, and their shares change.
    **{
        f"{side}_{name}": (f"{side} AND {which}", value)
        for side, value in (("said", _DENSE_OUT), ("sent", _DENSE_IN))
        for name, which in (
            ("ja", "language = 'ja'"),
            ("en", "language = 'en'"),
            ("other", "language NOT IN ('', 'ja', 'en')"),
        )
    },
    "cached": ("call AND reported AND input_tokens > 0", "cache_read / input_tokens"),
    "reasoning": ("good AND reported AND output_tokens > 0", "reasoning / output_tokens"),
    "retrieval": ("operation = 'retrieval' AND top_score IS NOT NULL", "assumeNotNull(top_score)"),
    "score_gap": ("operation = 'retrieval' AND score_gap IS NOT NULL", "assumeNotNull(score_gap)"),
    "no_document": ("operation = 'retrieval' AND status != 'error'", "documents IN ('', '[]')"),
    "tool_error": ("operation = 'execute_tool'", "status = 'error'"),
}
EVERY = "error"  # the series that every billed call has
TAILS = ("cost", "latency", "first_token")  # of which the dearest and slowest calls are counted as well
VECTORS = {"in_text": "input_text", "out_text": "output_text"}
# Values of which a new one is told: who was asked and answers, and what is ours.
NEWS = {
    "answered": ("billed = 1 AND response_model != ''", "concat(request_model, ' → ', response_model)"),
    "asked": ("billed = 1 AND request_model != ''", "toString(request_model)"),
    "fingerprint": ("billed = 1 AND system_fingerprint != ''", "toString(system_fingerprint)"),
    "prompt": ("billed = 1 AND prompt_version != ''", "concat(prompt_name, '@', prompt_version)"),
    "release": ("billed = 1 AND release != ''", "toString(release)"),
    "error_type": ("billed = 1 AND error_type != ''", "toString(error_type)"),
}

Sums = tuple[float, float, float]


@dataclass(slots=True)
class Signals:
    """What is known of one hour of one service in one environment."""

    hour: datetime
    service: str
    environment: str
    calls: int = 0
    sums: dict[str, Sums] = field(default_factory=dict)  # weights, squared weights, weight times value
    tails: dict[str, dict[int, float]] = field(default_factory=dict)  # weights by bin of the value
    vectors: dict[str, list[float]] = field(default_factory=dict)
    news: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """The service and the environment."""
        return self.service, self.environment


class Traffic(NamedTuple):
    """Since when a service is called in an environment, and how often, as far as was looked back."""

    service: str
    environment: str
    first: datetime
    last: datetime
    calls: int


COLUMNS = ("hour", "service", "environment", "calls", "sums", "tails", "vectors", "news")


def projects_with_calls(client: Client, period: Period) -> list[str]:
    """Return the projects that had billed calls in a stretch of hours."""
    rows = client.query(
        """SELECT DISTINCT toString(project) FROM rollup_hour
        WHERE time >= toDateTime({start:DateTime64(6, 'UTC')}, 'UTC') AND time < {end:DateTime64(6, 'UTC')}
            AND calls > 0 ORDER BY 1""",
        parameters=period.params(),
    ).result_rows
    return [row[0] for row in rows]


def traffic(client: Client, project: str, period: Period) -> list[Traffic]:
    """Return who was called in a stretch of hours, the most called first."""
    rows = client.query(
        """SELECT toString(service), toString(environment), min(time), max(time), sum(r.calls) AS total
        FROM rollup_hour AS r
        WHERE project = {project:String} AND time >= toDateTime({start:DateTime64(6, 'UTC')}, 'UTC')
            AND time < {end:DateTime64(6, 'UTC')} AND r.calls > 0
        GROUP BY service, environment ORDER BY total DESC, service, environment""",
        parameters={"project": project} | period.params(),
    ).result_rows
    return [Traffic(row[0], row[1], _aware(row[2]), _aware(row[3]), int(row[4])) for row in rows]


def calls_of_hour(client: Client, project: str, hour: datetime) -> int:
    """Return how many billed calls of an hour the store has now."""
    rows = client.query(
        """SELECT sum(r.calls) FROM rollup_hour AS r
        WHERE project = {project:String} AND time = {hour:DateTime('UTC')}""",
        parameters={"project": project, "hour": hour},
    ).result_rows
    return int(rows[0][0])


def kept_hours(client: Client, project: str, period: Period) -> list[Signals]:
    """Return the hours of a stretch that the detector has seen, in their order."""
    rows = client.query(
        f"""SELECT {", ".join(COLUMNS)} FROM signal_hour FINAL
        WHERE project = {{project:String}} AND hour >= {{start:DateTime64(6, 'UTC')}}
            AND hour < {{end:DateTime64(6, 'UTC')}} ORDER BY hour, service, environment""",
        parameters={"project": project} | period.params(),
    ).result_rows
    return [Signals(_aware(row[0]), *row[1:]) for row in rows]


def measured_hours(client: Client, project: str, period: Period) -> list[Signals]:
    """Return the hours of a stretch as the spans tell them now, in their order; empty ones are absent."""
    parameters = {"project": project} | period.params()
    found: dict[tuple[datetime, str, str], Signals] = {}

    def at(hour: datetime, service: str, environment: str) -> Signals:
        key = _aware(hour), service, environment
        return found.setdefault(key, Signals(*key))

    for hour, service, environment, name, *sums, bins, count in _rows(client, _calls(), parameters):
        signals = at(hour, service, environment)
        signals.sums[name] = sums[0], sums[1], sums[2]
        if bins:
            signals.tails[name] = bins
        if name == EVERY:
            signals.calls = int(count)
    for hour, service, environment, kind, value, count in _rows(client, _news(), parameters):
        at(hour, service, environment).news.setdefault(kind, {})[value] = int(count)
    for hour, service, environment, name, count, hashes, weights in _rows(client, _texts(), parameters):
        signals = at(hour, service, environment)
        signals.sums[name] = float(count), float(count), 0.0
        signals.vectors[name] = _dense(hashes, weights, int(count))
    for hour, service, environment, name, *votes in _rows(client, _votes(), parameters):
        at(hour, service, environment).sums[name] = votes[0], votes[1], votes[2]
    return [found[key] for key in sorted(found)]


def _rows(client: Client, query: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = client.query(query, parameters=parameters).result_rows
    return rows


def _calls() -> str:
    """Return the SQL of the sums: first of each user, then of all, with the weight of a user capped.

    The last column is the number of spans, of which no weight is capped.
    """
    series = ", ".join(f"('{name}', toFloat64({value}), {known})" for name, (known, value) in SERIES.items())
    tails = ", ".join(f"'{name}'" for name in TAILS)
    return f"""SELECT hour, service, environment, key, sum(least(n, {CAP})),
        sum(squares * pow(least(n, {CAP}) / n, 2)), sum(total * least(n, {CAP}) / n),
        sumMap(mapApply((bin, weight) -> (bin, weight * least(n, {CAP}) / n), bins)), sum(n)
    FROM (
        WITH {_KINDS}
        SELECT toStartOfHour(start) AS hour, toString(service) AS service,
            toString(environment) AS environment, {_WHO} AS who, series.1 AS key,
            toFloat64(sum(toUInt64(times))) AS n, toFloat64(sum(toUInt64(times) * times)) AS squares,
            sum(times * series.2) AS total,
            sumMapIf(map(toInt16(floor({BINS} * series.2 / log(2))), toFloat64(times)), key IN ({tails}))
                AS bins
        FROM spans ARRAY JOIN arrayFilter(one -> one.3, [{series}]) AS series
        WHERE project = {{project:String}} AND {_WITHIN}
            AND (billed = 1 OR operation IN ('retrieval', 'execute_tool'))
        GROUP BY hour, service, environment, who, key
    ) GROUP BY hour, service, environment, key"""


def _news() -> str:
    pairs = ", ".join(f"if({known}, [('{kind}', {value})], [])" for kind, (known, value) in NEWS.items())
    return f"""SELECT toStartOfHour(start) AS hour, toString(service) AS service,
        toString(environment) AS environment, pair.1 AS kind, pair.2 AS value, count() AS calls
    FROM spans ARRAY JOIN arrayConcat({pairs}) AS pair
    WHERE project = {{project:String}} AND {_WITHIN} AND billed = 1
    GROUP BY hour, service, environment, kind, value
    ORDER BY hour, service, environment, kind, calls DESC, value
    LIMIT {_VALUES} BY hour, service, environment, kind"""


def _texts() -> str:
    """Return the SQL of hashed n-grams: of some texts of each hour, few of one user, each of length one."""
    names, columns = (", ".join(part) for part in ((f"'{name}'" for name in VECTORS), VECTORS.values()))
    text = "substringUTF8(lowerUTF8(text), 1, 400)"
    hashed = f"arrayMap(g -> toUInt16(cityHash64(g) % {DIMENSIONS}), arrayDistinct(ngrams({text}, 3)))"
    return f"""SELECT hour, service, environment, side, count(),
        (sumMap(hashes, weights) AS summed).1, summed.2
    FROM (
        SELECT hour, service, environment, side, hashes,
            arrayWithConstant(length(hashes), 1 / sqrt(length(hashes))) AS weights
        FROM (
            SELECT toStartOfHour(start) AS hour, toString(service) AS service,
                toString(environment) AS environment, side, {_WHO} AS who, span_id, {hashed} AS hashes
            FROM spans ARRAY JOIN [{names}] AS side, [{columns}] AS text
            WHERE project = {{project:String}} AND {_WITHIN} AND {_CALL} AND text != ''
            ORDER BY cityHash64(span_id), span_id
            LIMIT {CAP} BY hour, service, environment, side, who
        ) WHERE notEmpty(hashes)
        ORDER BY cityHash64(span_id), span_id
        LIMIT {TEXTS} BY hour, service, environment, side
    ) GROUP BY hour, service, environment, side"""


def _votes() -> str:
    """Return the SQL of likes, scores and corrections by the hour of the vote, with their traces' service."""
    voter = "if(f.user_id != '', f.user_id, f.trace_id)"
    return f"""SELECT hour, service, environment, name, sum(least(n, {CAP})) AS weight,
        sum(pow(least(n, {CAP}), 2) / n), sum(total * least(n, {CAP}) / n)
    FROM (
        SELECT toStartOfHour(time) AS hour, trace.service AS service, trace.environment AS environment,
            vote.signal AS name, who, toFloat64(count()) AS n, sum(given) AS total
        FROM (
            SELECT f.trace_id AS trace_id,
                if(f.name = 'like', 'feedback', concat('score:', f.name)) AS signal,
                argMax(if(f.name = 'like', f.value <= 0.5, f.value), f.received) AS given,
                max(f.time) AS time, {voter} AS who
            FROM feedback AS f
            WHERE project = {{project:String}} AND value IS NOT NULL AND {_VOTED} AND f.trace_id != ''
            GROUP BY f.trace_id, f.span_id, f.name, f.user_id
            UNION ALL
            SELECT f.trace_id AS trace_id, 'corrected' AS signal, toFloat64(max(f.correction != '')) AS given,
                max(f.time) AS time, {voter} AS who
            FROM feedback AS f
            WHERE project = {{project:String}} AND source != 'evaluator' AND {_VOTED} AND f.trace_id != ''
            GROUP BY f.trace_id, f.span_id, f.user_id
        ) AS vote
        INNER JOIN (
            SELECT trace_id, toString(max(t.service)) AS service, toString(max(t.environment)) AS environment
            FROM traces AS t
            WHERE project = {{project:String}} AND hour >= {{start:DateTime64(6, 'UTC')}} - INTERVAL 7 DAY
                AND hour < {{end:DateTime64(6, 'UTC')}}
                AND trace_id IN (
                    SELECT f.trace_id FROM feedback AS f WHERE project = {{project:String}} AND {_VOTED}
                )
            GROUP BY trace_id
        ) AS trace USING (trace_id)
        GROUP BY hour, service, environment, name, who
    ) GROUP BY hour, service, environment, name
    ORDER BY hour, service, environment, weight DESC, name LIMIT {_SCORES} BY hour, service, environment"""


def _dense(hashes: Sequence[int], weights: Sequence[float], count: int) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for place, weight in zip(hashes, weights, strict=True):
        vector[place] = weight / count
    return vector


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def hours_of(period: Period) -> list[datetime]:
    """Return the beginnings of the whole hours of a stretch."""
    count = int(period.length / timedelta(hours=1))
    return [period.start + i * timedelta(hours=1) for i in range(count)]
