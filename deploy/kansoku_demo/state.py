"""What the demo has done for a store already, so that a second run goes on instead of starting again."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from kansoku_demo.scenario import DAY, Scenario

HOUR = 3600.0


@dataclass
class State:
    """A scenario and the hours (since the epoch) that have traffic; kept in `demo.json` beside the data."""

    path: Path
    scenario: Scenario
    hours: set[int] = field(default_factory=set)

    @classmethod
    def open(cls, directory: Path, scenario: Scenario) -> "State":
        """Read the state in `directory`; where there is none, begin with `scenario`."""
        path = directory / "demo.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            found = Scenario(float(kept["end"]), float(kept["days"]), int(kept["seed"]))
            return cls(path, found, {int(hour) for hour in kept["hours"]})
        except FileNotFoundError:
            return cls(path, scenario)

    def missing(self, now: float) -> list[int]:
        """Return the hours without traffic, newest first: all at first, later those between two runs."""
        begin = max(self.scenario.start, now - self.scenario.days * DAY)
        return [h for h in range(int(now // HOUR), int(begin // HOUR) - 1, -1) if h not in self.hours]

    def add(self, hours: list[int]) -> None:
        """Remember that these hours have their traffic."""
        self.hours.update(hours)
        kept = {
            "end": self.scenario.end,
            "days": self.scenario.days,
            "seed": self.scenario.seed,
            "hours": sorted(self.hours),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(self.path)
