"""Write incidents: one row for each state that an incident was in."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.incidents import COLUMNS, Incident


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
        ]
        for i in incidents
    ]
    client.insert("incidents", rows, column_names=COLUMNS)
