"""Write incidents, one row for each state that an incident was in, and what people decide about them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.incidents import COLUMNS, Action, Incident


def save_incidents(client: Client, incidents: Sequence[Incident]) -> None:
    """Store the present state of incidents; the row with the latest `updated` is what readers see."""
    if not incidents:
        return
    rows = [
        [
            *(
                i.project,
                i.incident_id,
                i.rule,
                i.metric,
                i.state,
                i.severity,
                i.opened,
                i.updated,
                i.resolved,
            ),
            *(
                i.value,
                i.peak,
                i.threshold,
                i.comparison,
                i.samples,
                round(i.window.total_seconds()),
                i.scope,
            ),
            json.dumps([asdict(delivery) for delivery in i.deliveries]),
            i.reminders,
            i.unit,
            i.evidence,
        ]
        for i in incidents
    ]
    client.insert("incidents", rows, column_names=COLUMNS)


def save_action(client: Client, project: str, action: Action, now: datetime | None = None) -> None:
    """Keep what a person decided; the latest decision of a kind counts."""
    row = [project, action.incident_id, now or datetime.now(UTC), *action[1:]]
    names = ["project", "incident_id", "time", "action", "person", "until", "note"]
    client.insert("incident_actions", [row], column_names=names)
