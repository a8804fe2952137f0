"""What the collector says about itself, cut down to the projects that the reader administers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kansoku_dashboard import collector, roles

PATH = "/v1/condition"
KINDS = ("content", "spans", "rollups")


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its text; `last_used` is of this run of the collector, None if it was not."""

    name: str
    project: str
    scopes: tuple[str, ...]
    until: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Aside:
    """A segment that could not be stored, and why."""

    name: str
    state: str
    since: datetime
    bytes: int
    requests: int
    spans: Mapping[str, int]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """What is acknowledged and not yet stored."""

    segments: int
    bytes: int
    lag_seconds: float
    set_aside: tuple[Aside, ...]
    set_aside_segments: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A collector; `journal` is for those who administer every project, since segments mix them."""

    version: str
    days: Mapping[str, int]
    own_days: Mapping[str, int]
    keys: tuple[Key, ...]
    journal: Journal | None


def read(project: str) -> Condition:
    """Ask the collector; raise ForbiddenError unless the reader is an admin of the project."""
    roles.check(project, "admin")
    told = collector.get(PATH)
    try:
        retention = told["retention"]
        own = {kind: int(days) for kind, days in retention["projects"].get(project, {}).items()}
        keys = (_key(one) for one in told["keys"])
        return Condition(
            str(told["version"]),
            {kind: int(days) for kind, days in retention["defaults"].items()} | own,
            own,
            tuple(key for key in keys if roles.may("admin", key.project)),
            _journal(told["journal"]) if roles.everywhere("admin") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise collector.UnansweredError(f"{PATH}: {error!r}") from error


def _key(told: Mapping[str, Any]) -> Key:
    until, used = (
        datetime.fromisoformat(told[name]) if told[name] else None for name in ("until", "last_used")
    )
    return Key(str(told["name"]), str(told["project"]), tuple(map(str, told["scopes"])), until, used)


def _journal(told: Mapping[str, Any]) -> Journal:
    aside = tuple(
        Aside(
            str(one["name"]),
            str(one["state"]),
            datetime.fromisoformat(one["since"]),
            int(one["bytes"]),
            int(one["requests"]),
            {str(project): int(count) for project, count in one["spans"].items()},
            tuple(map(str, one["reasons"])),
        )
        for one in told["set_aside"]
    )
    return Journal(
        int(told["segments"]),
        int(told["bytes"]),
        float(told["lag_seconds"]),
        aside,
        int(told["set_aside_segments"]),
    )
