"""What each user's calls cost within windows: for the rule that looks at one person's spending."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.measures import Measure
from kansoku_collector.store.scope import Period, Scope

_LONGEST_TRACE = timedelta(days=1)  # a call finds the user of its trace this far back


def user_costs(
    client: Client, scope: Scope, ends: Sequence[datetime], window: timedelta, above: float
) -> list[Measure]:
    """Return the users who spent more than `above` USD in the `window` before each of `ends`.

    Calls without a user are nobody's. A call belongs to the user of its trace, who may stand on another span.
    """
    period = Period(min(ends) - window, max(ends))
    rows = client.query(
        f"""SELECT user, end, sum(part) AS spent, sum(calls) FROM (
            SELECT user, toUInt32(toStartOfMinute(start)) AS bucket,
                sum(toFloat64(cost_usd) * times) AS part, count() AS calls
            FROM (
                SELECT trace_id, start, cost_usd, times FROM spans
                WHERE {scope.where(model_column="if(response_model = '', request_model, response_model)")}
                    AND start >= {{start:DateTime64(6, 'UTC')}} AND start < {{end:DateTime64(6, 'UTC')}}
                    AND billed = 1
            ) AS billed_calls
            INNER JOIN (
                SELECT trace_id, max(traces.user_id) AS user FROM traces
                WHERE project = {{project:String}} AND hour >= {{earliest:DateTime64(6, 'UTC')}}
                GROUP BY trace_id HAVING user != ''
            ) AS owned USING trace_id
            GROUP BY user, bucket
        )
        ARRAY JOIN arrayFilter(
            e -> e > bucket AND e <= bucket + {{window:UInt32}}, {{ends:Array(UInt32)}}) AS end
        GROUP BY user, end HAVING spent > {{above:Float64}}
        ORDER BY end, spent DESC, user""",  # noqa: S608 - names of these files, values bound
        parameters=scope.params()
        | period.params()
        | {
            "earliest": (period.start - _LONGEST_TRACE).astimezone(UTC),
            "window": int(window.total_seconds()),
            "ends": [int(end.timestamp()) for end in ends],
            "above": above,
        },
    ).result_rows
    return [
        Measure((user,), datetime.fromtimestamp(end, UTC), float(spent), calls)
        for user, end, spent, calls in rows
    ]
