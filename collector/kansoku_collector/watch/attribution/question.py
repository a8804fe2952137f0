"""Read what an attribution needs: cells of both stretches in one unit, prices, topics, first traces."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import attribution as store
from kansoku_collector.store.read.attribution import Cell, First
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.watch.attribution.prices import Rates, read_rates
from kansoku_collector.watch.attribution.topics import topic_weights

MONEY = ("cost", "cost_per_call")
_NANO = ("latency", "first_token")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The cells of one stretch and their sums."""

    cells: list[Cell]
    calls: int = field(init=False)
    total: Decimal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", sum(cell.calls for cell in self.cells))
        object.__setattr__(self, "total", sum((cell.total for cell in self.cells), Decimal(0)))

    @property
    def mean(self) -> Decimal:
        """The mean of a call."""
        return self.total / self.calls


@dataclass(frozen=True)
class Question:
    """Why a measure moved between two stretches of one scope's traffic."""

    client: Client
    scope: Scope
    measure: str
    reference: Period
    current: Period

    def read(self) -> tuple[Stretch, Stretch]:
        """Return the reference and what is now."""
        return self._stretch(self.reference), self._stretch(self.current)

    @property
    def ratio(self) -> Fraction:
        """How much longer the current stretch is."""
        tick = timedelta(microseconds=1)
        return Fraction(self.current.length // tick, self.reference.length // tick)

    @cached_property
    def rates(self) -> dict[str, Rates]:
        """Prices by model, of the models that both stretches called; {} where no money is asked about."""
        if self.measure not in MONEY:
            return {}
        before = store.priced_calls(self.client, self.scope, self.reference)
        return read_rates(before, store.priced_calls(self.client, self.scope, self.current))

    @cached_property
    def topics(self) -> list[list[float]]:
        """What each hashed n-gram says for each topic of the two stretches' inputs."""
        samples = store.sample_hashes(self.client, self.scope, self.reference)
        return topic_weights(samples + store.sample_hashes(self.client, self.scope, self.current))

    def first(self, dimension: str, value: str) -> First | None:
        """Return the first call of now whose dimension has a value."""
        return store.first_trace(self.client, self.scope, self.current, dimension, value, self.topics)

    def first_price(self, model: str, price_id: str) -> First | None:
        """Return the first call of now that an entry of the price list priced."""
        return store.first_price(self.client, self.scope, self.current, model, price_id)

    @cached_property
    def _slow(self) -> int:
        return store.slow_limit(self.client, self.scope, self.reference)

    def _stretch(self, period: Period) -> Stretch:
        if self.measure.startswith("score:"):
            name = self.measure.removeprefix("score:")
            return Stretch(store.scored_cells(self.client, self.scope, period, name, self.topics))
        column = "cost" if self.measure in MONEY else self.measure
        slow = self._slow if column == "slow_calls" else 0
        cells = store.cells(self.client, self.scope, period, column, self.topics, slow)
        if column in _NANO:
            cells = [cell._replace(total=cell.total.scaleb(-9)) for cell in cells]
        return Stretch(cells)
