"""A clock that tests turn, a watch on their store, and requests for it to see."""

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.connect import connect
from kansoku_collector.store.lease import Lease
from kansoku_collector.store.read.incidents import Delivery
from kansoku_collector.watch.channels import Webhook
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.message import Message
from kansoku_collector.watch.outbox import Outbox
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.run import Watch

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOOK = Webhook.model_validate({"name": "hook", "url": "http://127.0.0.1:1/hook"})


class Post(Outbox):
    """An outbox without a thread: it sends when asked, and says what it was told to say."""

    def __init__(self, *, works: bool = True) -> None:
        super().__init__()
        self.sent: list[Message] = []
        self.works = works

    def start(self) -> None:
        """Start nothing."""

    def stop(self, seconds: float = 5.0) -> None:
        """Stop nothing."""

    def put(self, message: Message) -> bool:
        """Send at once."""
        self.sent.append(message)
        how = Delivery(message.channel.name, message.step, "", self.works, 1, "as told")
        self._done.put((message, how))
        return True


def rule(**fields: Any) -> Rule:
    """Return a rule on the error rate, changed by `fields`."""
    base = {"name": "errors", "metric": "error_rate", "comparison": "above", "threshold": "10%"}
    channels = fields.pop("channels", (HOOK,))
    entry = Rule.model_validate(base | {"window": "15m"} | fields)
    return entry.model_copy(update={"channels": channels})


def add_requests(client: Client, *minutes: tuple[datetime, int, int], **fields: Any) -> None:
    """Insert finished requests: (minute, how many went well, how many failed), in one block."""
    rows = [
        {"project": "default", "operation": "chain", "start": minute, "status": status} | fields
        for minute, good, bad in minutes
        for status in ["ok"] * good + ["error"] * bad
    ]
    client.insert("spans", [list(row.values()) for row in rows], column_names=list(rows[0]))


class Clock:
    """A clock and a watch on the test's store."""

    def __init__(
        self,
        store: Client,
        url: str,
        rules: list[Rule],
        post: Post | None = None,
        lease: Lease | None = None,
    ) -> None:
        self.moment = NOON
        self.changes: list[Change] = []
        self.post = post or Post()
        self.watch = Watch(
            lambda: connect(url, database=store.database),
            rules,
            60,
            now=lambda: self.moment,
            outbox=self.post,
            lease=lease,
            heard=self.changes.append,
        )

    def run(self, until: datetime) -> None:
        """Tick every minute up to and including `until`."""
        while self.moment <= until:
            self.watch.tick()
            self.moment += MINUTE


def at(hour: int, minute: int) -> datetime:
    """Return a moment of the tests' day."""
    return NOON.replace(hour=hour, minute=minute)
