"""What people decide, over HTTP: about incidents that there are, whatever is in their words."""

import json
import urllib.request
from urllib.parse import quote

import pytest
from tests.collector.conftest import Running

from kansoku_collector.keys import Keys

INCIDENT = {
    "project": "shop", "incident_id": "abc", "rule": "failing", "metric": "error_rate", "state": "open",
    "severity": "page", "opened": "2026-11-01 12:00:00.000", "updated": "2026-11-01 12:00:00.000",
    "scope": {}, "deliveries": "[]", "comparison": "above",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(collector: Running) -> dict[str, str]:
    """Store an incident of the project shop; return the header with a key of it."""
    sql(collector, "INSERT INTO incidents FORMAT JSONEachRow", json.dumps(INCIDENT))
    key = Keys.open(collector.data).add("decide", ["ingest"], project="shop")
    return {"authorization": f"Bearer {key}"}


def sql(collector: Running, query: str, data: str = "") -> str:
    """Ask the gateway as its administrator."""
    key = collector.key("admin")["authorization"].removeprefix("Bearer ")
    request = urllib.request.Request(
        f"http://127.0.0.1:{collector.gateway_port}/?database=kansoku&query={quote(query)}",
        data=data.encode(),
        headers={"X-ClickHouse-User": "admin", "X-ClickHouse-Key": key},
    )
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode()).strip()


def decide(collector: Running, key: dict[str, str], path: str = "incidents/actions", **item: object) -> int:
    """Post a decision; return the status."""
    return collector.call("POST", f"/v1/{path}", json.dumps(item).encode(), key)[0]


def test_nobody_silences_what_has_not_begun(collector: Running, shop: dict[str, str]) -> None:
    """The id follows from rule, group and minute: with a key out of a program it could be laid in store."""
    kept = "SELECT count() FROM incident_actions"
    assert decide(collector, shop, incident_id="abd", action="silence", minutes=600) == 404
    assert decide(collector, shop, incident_id="ab", action="silence", minutes=600) == 404
    assert decide(collector, collector.key("ingest"), incident_id="abc", action="acknowledge") == 404
    assert sql(collector, kept) == "0"
    assert decide(collector, shop, incident_id="abc", action="acknowledge") == 202
    assert sql(collector, kept) == "1"


def test_half_a_character_costs_no_decision_and_no_view(collector: Running, shop: dict[str, str]) -> None:
    """JavaScript cuts emoji in two where a text is cut to its length."""
    assert decide(collector, shop, incident_id="abc", action="acknowledge", note="done \ud83d") == 202
    assert "done \ufffd" in sql(collector, "SELECT note FROM incident_actions")
    assert decide(collector, shop, "views", screen="traces", name="slow \ud83d", query="") == 202
