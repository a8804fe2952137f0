"""Measure what a tick of the watch costs over a large store, its queries and the engine's threads included.

    .venv/bin/python benches/drift/clock.py --data <folder of embedded ClickHouse> --project shop --hours 96

The clock turns over the last hours of the store as it would have then: at ten past each hour the hour is
observed (at midnight all detectors are written down as well), in the minutes after it what was put off is
done, and then there is nothing to do. Six weeks before it are learned first. Give it a copy: where the
detectors stood is forgotten, what they see is stored.
"""

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kansoku_collector.store.connect import connect
from kansoku_collector.store.lease import Lease
from kansoku_collector.watch.builtin import Builtin
from kansoku_collector.watch.detection import GRACE, HOUR, last_hour
from kansoku_collector.watch.run import Watch

MINUTE = timedelta(minutes=1)


class Clock:
    """A watch without rules whose time is set."""

    def __init__(self, url: str, project: str, moment: datetime) -> None:
        self.moment = moment
        self.heard: list[object] = []
        self.watch = Watch(
            lambda: connect(url),
            [],
            60,
            detector=Builtin(project=project, projects=(project,), channels=()),
            now=lambda: self.moment,
            lease=Lease(3600),
            heard=self.heard.append,
        )

    @property
    def due(self) -> int:
        """How many services have their fit put off."""
        found = self.watch._lookout._detections.values() if self.watch._lookout else ()
        return sum(part.detector.fit_due for one in found for part in one.parts.values())

    def tick(self) -> float:
        """Tick once; return its CPU in milliseconds."""
        began = time.process_time()
        self.watch.tick()
        return 1000 * (time.process_time() - began)

    def hour(self) -> dict[str, list[float]]:
        """Let an hour pass; return the CPU of its ticks by what they did."""
        end = self.moment + HOUR
        spent: dict[str, list[float]] = {kind: [] for kind in ("hour", "snapshot", "fit", "idle")}
        spent["hour" if last_hour(self.moment).hour else "snapshot"].append(self.tick())
        while self.due:
            self.moment += MINUTE
            spent["fit"].append(self.tick())
        self.moment += MINUTE
        spent["idle"].append(self.tick())
        self.moment = end
        return spent


def main() -> int:
    """Learn, let the hours pass, and print median and maximum of each kind of tick."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--project", default="default")
    parser.add_argument("--hours", type=int, default=96)
    chosen = parser.parse_args()
    url = f"chdb://{chosen.data.resolve()}"
    client = connect(url)
    spans, last = client.query(
        "SELECT count(), maxIf(start, project = {project:String}) FROM spans",
        parameters={"project": chosen.project},
    ).result_rows[0]
    client.command("TRUNCATE TABLE watch_state")
    first = last_hour(last.replace(tzinfo=UTC)) - chosen.hours * HOUR
    clock = Clock(url, chosen.project, first + HOUR + GRACE)
    clock.tick()
    clock.moment += HOUR
    learned = clock.tick()
    clock.moment += HOUR
    lookout = clock.watch._lookout
    parts = [part for one in lookout._detections.values() for part in one.parts.values()] if lookout else []
    series = sum(len(part.detector.plan.series) for part in parts)
    vectors = sum(len(part.detector.plan.vectors) for part in parts)
    print(
        f"{spans:,} spans, {len(parts)} services, {series} series, {vectors} texts;"
        f" learned in {learned / 1000:.0f} s",
        flush=True,
    )
    ticks: dict[str, list[float]] = {}
    for _ in range(chosen.hours - 2):
        for kind, taken in clock.hour().items():
            ticks.setdefault(kind, []).extend(taken)
    clock.watch.stop()
    for kind, taken in ticks.items():
        if taken:
            middle, slowest = statistics.median(taken), max(taken)
            print(
                f"{kind:8s} median {middle:6.1f} ms, slowest {slowest:6.1f} ms, {len(taken)} ticks",
                flush=True,
            )
    print(f"{len(clock.heard)} changes told, {clock.watch.counts['failures']} failures")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
