"""Alert incidents as the store keeps them: one a breach, and what people decided about it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message about an incident, sent or not."""

    channel: str
    event: str  # opened, updated 1, acknowledged, resolved
    time: str  # ISO 8601, UTC
    delivered: bool
    attempts: int
    detail: str  # the status, or why it failed; never an address or a secret


@dataclass(frozen=True, slots=True)
class Incident:
    """One breach of one rule, for one value of the rule's `group_by`.

    `value`, `samples` are of the latest evaluation; `peak` is the furthest from the limit. `scope` holds the
    dimensions it is about (environment, service, model, ...), the group's included.
    """

    incident_id: str
    rule: str
    metric: str
    severity: str  # page, ticket, info
    opened: datetime
    updated: datetime
    value: float
    peak: float
    threshold: float
    comparison: str  # above, below
    samples: int
    window: timedelta
    project: str = "default"
    resolved: datetime | None = None
    scope: dict[str, str] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    reminders: int = 0  # how often it was told again
    unit: str = ""  # of value, peak and threshold; empty: the metric's own
    evidence: str = ""  # JSON: what a found change rests on
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
    silenced_until: datetime | None = None  # None where no silence is in force

    @property
    def state(self) -> str:
        """`open`, `updated` (told again), `acknowledged`, `silenced` or `resolved`."""
        if self.resolved:
            return "resolved"
        if self.silenced_until:
            return "silenced"
        if self.acknowledged:
            return "acknowledged"
        return "updated" if self.reminders else "open"


class Action(NamedTuple):
    """What a person decided about an incident."""

    incident_id: str
    action: Literal["acknowledge", "silence", "release"]
    person: str = ""
    until: datetime | None = None
    note: str = ""


COLUMNS = (
    "project", "incident_id", "rule", "metric", "state", "severity", "opened", "updated", "resolved",
    "value", "peak", "threshold", "comparison", "samples", "window_seconds", "scope", "deliveries",
    "reminders", "unit", "evidence",
)  # fmt: skip


def open_incidents(client: Client, project: str = "default", now: datetime | None = None) -> list[Incident]:
    """Return the incidents that are not resolved, the gravest and then the latest first."""
    return _read(client, project, "resolved IS NULL", {}, now)


def past_incidents(
    client: Client, project: str, period: Period, now: datetime | None = None
) -> list[Incident]:
    """Return the incidents, open or resolved, that were open at some time in the period."""
    condition = """opened < {end:DateTime64(6, 'UTC')}
        AND (resolved IS NULL OR resolved >= {start:DateTime64(6, 'UTC')})"""
    return _read(client, project, condition, period.params(), now)


def find_incident(client: Client, project: str, prefix: str, *, whole: bool = False) -> list[Incident]:
    """Return the incidents whose id begins with `prefix`, or is it, if that is the `whole`."""
    condition = "incident_id = {prefix:String}" if whole else "startsWith(incident_id, {prefix:String})"
    return _read(client, project, condition, {"prefix": prefix}, None)


def decided(client: Client, project: str, incidents: Sequence[Incident], now: datetime) -> list[Incident]:
    """Return the incidents with what people have decided about them until `now`."""
    if not incidents:
        return []
    rows = client.query(
        """SELECT incident_id, action, person, until, note, time FROM incident_actions
        WHERE project = {project:String} AND incident_id IN {ids:Array(String)} ORDER BY time""",
        parameters={"project": project, "ids": [incident.incident_id for incident in incidents]},
    ).result_rows
    by_id: dict[str, list[tuple[Action, datetime]]] = {}
    for *fields, time in rows:
        action = Action(*fields)
        by_id.setdefault(action.incident_id, []).append((action, time.replace(tzinfo=UTC)))
    return [_applied(incident, by_id.get(incident.incident_id, ()), now) for incident in incidents]


def _applied(incident: Incident, actions: Iterable[tuple[Action, datetime]], now: datetime) -> Incident:
    """Return the incident after the actions, in their order."""
    incident = replace(incident, acknowledged=None, acknowledged_by="", silenced_until=None)
    for action, time in actions:
        if action.action == "acknowledge":
            incident = replace(incident, acknowledged=time, acknowledged_by=action.person)
        elif action.action == "silence":
            until = action.until and action.until.replace(tzinfo=UTC)
            incident = replace(incident, silenced_until=until if until and until > now else None)
        else:
            incident = replace(incident, acknowledged=None, acknowledged_by="", silenced_until=None)
    return incident


def _read(
    client: Client, project: str, condition: str, parameters: dict[str, Any], now: datetime | None
) -> list[Incident]:
    rows = client.query(
        f"""SELECT {", ".join(COLUMNS)} FROM incidents FINAL
        WHERE project = {{project:String}} AND {condition}
        ORDER BY indexOf(['page', 'ticket', 'info'], severity), opened DESC""",  # noqa: S608 - conditions of this file, values bound
        parameters={"project": project} | parameters,
    ).result_rows
    found = [_incident(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    return decided(client, project, found, now or datetime.now(UTC))


def _incident(row: dict[str, Any]) -> Incident:
    del row["state"]
    window = timedelta(seconds=row.pop("window_seconds"))
    deliveries = tuple(Delivery(**entry) for entry in json.loads(row.pop("deliveries") or "[]"))
    for name in ("opened", "updated", "resolved"):
        row[name] = row[name] and row[name].replace(tzinfo=UTC)
    return Incident(**row, window=window, deliveries=deliveries)
