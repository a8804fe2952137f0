"""Where spans were lost, if any were: what processes sent beside what is stored of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku import semconv

GIVEN_UP = "given_up"  # dropped by `kansoku journal drop`: the sender was told that they are safe


class Receipt(NamedTuple):
    """One process, or with `process` empty all senders that do not say who they are and what they sent.

    `sent` is what the SDK handed over by its own count, `given_up` what it dropped itself; `repeated` came
    more than once; `dropped` are the collector's own, by reason.
    """

    process: str
    service: str
    started: int
    sent: int
    given_up: Mapping[str, int]
    received: int
    stored: int
    repeated: int
    dropped: Mapping[str, int]
    first_seen: datetime
    last_seen: datetime

    @property
    def balance(self) -> int:
        """How many spans are missing: sent - stored - dropped; 0 when each is accounted for.

        What the collector refused in its answer the SDK counts as given up and not as sent, from its next
        request on; until then it is taken off here. Spans on their way, and set aside, are missing, too.
        """
        if not self.process:
            return self.received - self.stored - self.repeated - sum(self.dropped.values())
        lost = self.dropped.get(GIVEN_UP, 0)
        refused = sum(self.dropped.values()) - lost
        return self.sent - self.stored - lost - max(0, refused - self.given_up.get(semconv.REFUSED, 0))

    def as_json(self) -> dict[str, Any]:
        """Return it for people and scripts."""
        times = {"first_seen": self.first_seen.isoformat(), "last_seen": self.last_seen.isoformat()}
        return {**self._asdict(), **times, "balance": self.balance}


def receipts(
    client: Client, project: str, *, since: datetime | None = None, limit: int = 1000
) -> list[Receipt]:
    """Return the receipts of a project, last heard of first; of those heard of `since`."""
    rows = client.query(
        """SELECT process, max(service), max(told), maxMap(given_up), sum(received), sum(stored),
            sum(repeated), sumMap(dropped), min(first_seen), max(last_seen) AS last
        FROM receipts WHERE project = {project:String} GROUP BY process
        HAVING last >= {since:DateTime64(3, 'UTC')}
        ORDER BY last DESC, process LIMIT {limit:UInt32}""",
        parameters={
            "project": project,
            "since": (since or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC),
            "limit": limit,
        },
    ).result_rows
    return [_receipt(*row) for row in rows]


def missing(client: Client, project: str, *, since: datetime | None = None) -> int:
    """Return how many spans of all processes are missing, on their way included."""
    return sum(max(0, found.balance) for found in receipts(client, project, since=since, limit=100_000))


def _receipt(
    process: str, service: str, told: Any, given_up: dict[str, int], *rest: Any
) -> Receipt:  # fmt: skip
    started, _, sent = told.values() if isinstance(told, dict) else told
    received, stored, repeated, dropped, first, last = rest
    return Receipt(
        process,
        service,
        started,
        sent,
        dict(given_up),
        received,
        stored,
        repeated,
        dict(dropped),
        first.replace(tzinfo=UTC),
        last.replace(tzinfo=UTC),
    )
