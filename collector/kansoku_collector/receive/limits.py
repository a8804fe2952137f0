"""How much one request may hold, how much may be in work at a time, and how much a project may send."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from kansoku_collector.receive.answer import RETRY_SECONDS, Refusal

BURST_SECONDS = 10.0  # a project that was silent this long may send as much at once
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold; the fields are settings of the same names."""

    max_body_bytes: int = 32 << 20
    max_inflated_bytes: int = 64 << 20
    max_spans: int = 50_000
    max_attributes: int = 8192
    max_attribute_bytes: int = 8 << 20
    request_seconds: float = 30.0
    metric_names: tuple[str, ...] = ("gen_ai.",)

    @classmethod
    def of(cls, settings: Any) -> "Limits":
        """Return the limits that a collector's settings name."""
        return cls(**{item.name: getattr(settings, item.name) for item in fields(cls)})


@dataclass(slots=True)
class Room:
    """The bytes of bodies that are in work at this moment: memory is bounded, whoever sends."""

    limit: int
    used: int = 0

    @contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes bytes, or refuses; give them back at the end."""
        held = 0

        def take(number: int) -> None:
            nonlocal held
            if self.used and self.used + number > self.limit:
                raise Refusal(
                    503,
                    f"requests of {self.used} bytes are in work, the limit is {self.limit}"
                    " (KANSOKU_MAX_PENDING_BYTES); retry later",
                    "pending_bytes",
                    RETRY_SECONDS,
                )
            held += number
            self.used += number

        try:
            yield take
        finally:
            self.used -= held


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at a steady rate. A request may overdraw it; the next ones wait for that."""

    rate: float
    level: float = 0.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a request may pass, 0 for now."""
        self.level = min(self.rate * BURST_SECONDS, self.level + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level > 0 else (1e-6 - self.level) / self.rate


@dataclass(slots=True)
class Rates:
    """Spans and bytes a second by project; `*` is the rate of the projects that have none of their own."""

    spans: Mapping[str, float] = field(default_factory=dict)
    bytes: Mapping[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def admit(self, project: str) -> None:
        """Refuse with 429 while the project has sent more than its share."""
        for what, bucket in self._of(project):
            if wait := bucket.wait(self.clock()):
                raise Refusal(
                    429,
                    f"project {project!r} sends more than {bucket.rate:g} {what} a second"
                    f" (KANSOKU_RATE_{what.upper()}); retry in {wait:.1f} s",
                    f"rate_{what}",
                    min(_LONGEST_WAIT, math.ceil(wait)),
                )

    def charge(self, project: str, spans: int, size: int) -> None:
        """Take off what a request brought."""
        for what, bucket in self._of(project):
            bucket.level -= spans if what == "spans" else size

    def _of(self, project: str) -> Iterator[tuple[str, Bucket]]:
        for what, rates in (("spans", self.spans), ("bytes", self.bytes)):
            rate = rates.get(project, rates.get("*"))
            if rate is None:
                continue
            bucket = self._buckets.get((what, project))
            if bucket is None:
                bucket = self._buckets[what, project] = Bucket(rate, rate * BURST_SECONDS, self.clock())
            yield what, bucket
