"""The figures at the top of Cost, prepared: spent in all, for a request, a session, a liked answer; saved."""

from dataclasses import dataclass
from decimal import Decimal

from kansoku_collector.store.read.overview import Totals
from kansoku_collector.store.read.spend import InSessions
from kansoku_dashboard.change import MIN_VOTES, wilson
from kansoku_dashboard.figures.style import count, money, share
from kansoku_dashboard.rates import Savings


@dataclass(frozen=True, slots=True)
class Spend:
    """All that is known about one stretch of time."""

    totals: Totals
    sessions: InSessions
    likes: int
    votes: int
    savings: Savings

    @property
    def cost(self) -> float | None:
        """Dollars of the priced calls; None where not one call has a price."""
        unknown = self.totals.unpriced_calls and self.totals.unpriced_calls >= self.totals.calls
        return None if unknown else self.totals.cost

    @property
    def each(self) -> float | None:
        """Dollars for a request."""
        return self.cost / self.totals.requests if self.cost is not None and self.totals.requests else None

    @property
    def liked(self) -> float | None:
        """Dollars for a liked answer: those for a request, divided by the share of thumbs that were up."""
        if self.each is None or self.votes < MIN_VOTES or not self.likes:
            return None
        return self.each * self.votes / self.likes

    @property
    def liked_between(self) -> tuple[float, float] | None:
        """The 95 % interval of `liked`, as wide as few votes make it."""
        if self.each is None or self.liked is None:
            return None
        low, high = wilson(self.likes, self.votes)
        return self.each / high, self.each / low

    @property
    def session(self) -> float | None:
        """Dollars for a session, of the whole days of the stretch."""
        inside = self.sessions
        if not inside.sessions or (inside.unpriced and not inside.cost):
            return None
        return float(inside.cost) / inside.sessions


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure; `delta` is its relative change, None where there is nothing to compare with."""

    name: str
    value: str
    delta: float | None = None


def tiles(now: Spend, before: Spend | None) -> list[Tile]:
    """Return the five figures; "≥" stands before a sum that leaves calls out, "≈" before estimates."""
    part = bool(now.totals.unpriced_calls)
    guess = bool(now.totals.estimated)
    return [
        Tile("cost", _written(now.cost, part, guess), _change(now.cost, before.cost if before else None)),
        Tile("request", _written(now.each, part, guess), _change(now.each, before.each if before else None)),
        Tile("session", _written(now.session, bool(now.sessions.unpriced), guess)),
        Tile("liked", _written(now.liked, part, guess)),
        Tile("saved", saved(now.savings)),
    ]


def saved(found: Savings) -> str:
    """Write what caching saved; a dash where no cache was used or nothing is known of its price."""
    if not found.net:
        return "–" if found.unknown or not found.cached else money(0)
    sign = "-" if found.net < 0 else ""
    return f"{sign}{money(float(abs(found.net)))}"


def cached(found: Savings) -> str:
    """Write which share of the input came from a cache."""
    return share(found.cached / found.sent) if found.sent else "–"


def interval(between: tuple[float, float] | None) -> str:
    """Write an interval of dollars."""
    return f"{money(between[0])} – {money(between[1])}" if between else ""


def each(cost: Decimal, calls: int, unpriced: int) -> str:
    """Write the mean cost of the calls that have a price; a dash where none has."""
    priced = calls - unpriced
    return money(float(cost) / priced) if priced > 0 else "–"


def missing(unpriced: int, calls: int) -> tuple[str, str]:
    """Write how many calls have no price, and their share."""
    return count(unpriced), share(unpriced / calls if calls else None, 0)


def _written(usd: float | None, part: bool, guess: bool) -> str:
    if usd is None:
        return "–"
    return f"{'≥ ' if part else '≈ ' if guess else ''}{money(usd)}"


def _change(now: float | None, before: float | None) -> float | None:
    return now / before - 1 if now is not None and before else None
