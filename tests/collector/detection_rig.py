"""Nine days of made-up calls in projects of their own, and a clock that turns by the hour over them."""

from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client
from collector.incident_rows import END, Batch, Traffic, add
from collector.watch_rig import HOOK, Post

from kansoku_collector.store.connect import connect
from kansoku_collector.store.lease import Lease
from kansoku_collector.store.scope import Period
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.run import Watch

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START, CHANGED = END - 9 * DAY, END - DAY
BACK = CHANGED + 10 * HOUR
LOOKED = CHANGED - 3 * HOUR + timedelta(minutes=10)  # when the clock begins to look
USUAL = Traffic(per_hour=14)
WORSE = USUAL.but(fingerprint="fp_2", output=1.8)
DEARER = USUAL.but(dearer=1.6)
PROJECTS = {
    "quiet": (USUAL, USUAL),
    "late": (USUAL, USUAL),
    "model": (WORSE, WORSE),
    "price": (DEARER, DEARER),
    "back": (DEARER, USUAL),
}


def fill(client: Client, *projects: str) -> None:
    """Store the calls of projects: eight usual days, ten hours of something else, and what follows."""
    batches = []
    for number, (project, (then, last)) in enumerate(PROJECTS.items()):
        if projects and project not in projects:
            continue
        batches += [
            Batch(Period(START, CHANGED), USUAL, 10 * number + 1, project),
            Batch(Period(CHANGED, BACK), then, 10 * number + 2, project),
            Batch(Period(BACK, END), last, 10 * number + 3, project),
        ]
    add(client, *batches)


def detector(project: str, **fields: object) -> Builtin:
    """Return the detector of a project, with a week of warm-up."""
    base = Builtin(project=project, projects=(project,), warm_up_days=7, channels=(HOOK,))
    return base.model_copy(update=fields)


class Hourly:
    """A watch whose clock turns by the hour."""

    def __init__(
        self,
        client: Client,
        url: str,
        entry: Builtin,
        *,
        rules: tuple[Rule, ...] = (),
        lease: Lease | None = None,
    ) -> None:
        self.moment = LOOKED
        self.changes: list[Change] = []
        self.post = Post()
        self.watch = Watch(
            lambda: connect(url, database=client.database),
            rules,
            3600,
            detector=entry,
            now=lambda: self.moment,
            outbox=self.post,
            lease=lease,
            heard=self.changes.append,
        )

    def run(self, until: datetime) -> None:
        """Tick every hour up to and including `until`."""
        while self.moment <= until:
            self.watch.tick()
            self.moment += HOUR
