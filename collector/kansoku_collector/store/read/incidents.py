"""Alert incidents as the store keeps them: one a breach, from its opening to its end."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message about an incident, sent or not."""

    channel: str
    event: str  # opened, resolved
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

    @property
    def state(self) -> str:
        """`open` or `resolved`."""
        return "resolved" if self.resolved else "open"


COLUMNS = (
    "project", "incident_id", "rule", "metric", "state", "severity", "opened", "updated", "resolved",
    "value", "peak", "threshold", "comparison", "samples", "window_seconds", "scope", "deliveries",
)  # fmt: skip


def open_incidents(client: Client, project: str = "default") -> list[Incident]:
    """Return the incidents that are open now, the gravest and then the latest first."""
    return _read(client, "project = {project:String} AND state = 'open'", {"project": project})


def past_incidents(client: Client, project: str, period: Period) -> list[Incident]:
    """Return the incidents, open or resolved, that were open at some time in the period."""
    return _read(
        client,
        """project = {project:String} AND opened < {end:DateTime64(6, 'UTC')}
            AND (state = 'open' OR resolved >= {start:DateTime64(6, 'UTC')})""",
        {"project": project} | period.params(),
    )


def _read(client: Client, condition: str, parameters: dict[str, Any]) -> list[Incident]:
    rows = client.query(
        f"""SELECT {", ".join(COLUMNS)} FROM incidents FINAL WHERE {condition}
        ORDER BY indexOf(['page', 'ticket', 'info'], severity), opened DESC""",  # noqa: S608 - conditions of this file, values bound
        parameters=parameters,
    ).result_rows
    return [_incident(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def _incident(row: dict[str, Any]) -> Incident:
    del row["state"]
    window = timedelta(seconds=row.pop("window_seconds"))
    deliveries = tuple(Delivery(**entry) for entry in json.loads(row.pop("deliveries") or "[]"))
    for name in ("opened", "updated", "resolved"):
        row[name] = row[name] and row[name].replace(tzinfo=UTC)
    return Incident(**row, window=window, deliveries=deliveries)
