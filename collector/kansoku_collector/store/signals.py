"""Keep what the detector has seen and where it stands."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.hours import COLUMNS, Signals

State = tuple[datetime, dict[str, Any]]  # after which hour, and what
KEPT_STATES = timedelta(days=2)  # older states are of no use once there is a newer snapshot


def keep_hours(client: Client, project: str, hours: Sequence[Signals], now: datetime) -> None:
    """Store what was seen of some hours."""
    rows = [[project, *(getattr(one, name) for name in COLUMNS), now] for one in hours]
    if rows:
        client.insert("signal_hour", rows, column_names=["project", *COLUMNS, "observed"])


def save_states(
    client: Client, project: str, hour: datetime, states: Mapping[str, Mapping[str, Any]], now: datetime
) -> None:
    """Store where parts of a project's detection stand after an hour."""
    rows = [[project, part, hour, json.dumps(state), now] for part, state in states.items()]
    client.insert("watch_state", rows, column_names=["project", "part", "hour", "state", "written"])


def drop_old_states(client: Client, project: str, hour: datetime) -> None:
    """Remove the states that a snapshot of all parts at `hour` has replaced."""
    client.command(
        "DELETE FROM watch_state WHERE project = {project:String} AND hour < {oldest:DateTime('UTC')}",
        parameters={"project": project, "oldest": hour - KEPT_STATES},
    )


def drop_later(client: Client, project: str, hour: datetime) -> None:
    """Remove what a clock that was ahead has kept of the hours after `hour`: they are still to come."""
    for table in ("signal_hour", "watch_state"):
        client.command(
            "DELETE FROM {table:Identifier} WHERE project = {project:String} AND hour > {hour:DateTime}",
            parameters={"table": table, "project": project, "hour": hour},
        )


def last_states(client: Client, project: str) -> tuple[datetime, dict[str, State]] | None:
    """Return the last hour that a project has finished, and the latest state of each part until then."""
    rows = client.query(
        """SELECT max(hour), count() FROM watch_state WHERE project = {project:String} AND part = ''""",
        parameters={"project": project},
    ).result_rows
    if not rows or not rows[0][1]:
        return None
    hour = rows[0][0].replace(tzinfo=UTC)
    rows = client.query(
        """SELECT part, max(hour) AS last, argMax(state, (w.hour, written)) FROM watch_state AS w
        WHERE project = {project:String} AND w.hour <= {hour:DateTime('UTC')} GROUP BY part ORDER BY part""",
        parameters={"project": project, "hour": hour},
    ).result_rows
    return hour, {part: (last.replace(tzinfo=UTC), json.loads(state)) for part, last, state in rows}


def known_projects(client: Client) -> list[str]:
    """Return the projects that the detector has begun with."""
    rows = client.query(
        "SELECT DISTINCT toString(project) FROM watch_state WHERE part = '' ORDER BY 1"
    ).result_rows
    return [row[0] for row in rows]
