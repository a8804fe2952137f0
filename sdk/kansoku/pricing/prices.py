"""Price of a model at a point in time, and the cost of a usage in US dollars, exact to the last digit.

List prices come from the `genai-prices` package (`price_list`); a TOML file of one's own overrides them
(`price_overrides` describes it).
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from kansoku.pricing.price_list import Cost, list_cost, list_sheet, multiplied
from kansoku.pricing.price_names import most_exact
from kansoku.pricing.price_overrides import Override, Overrides, read_overrides
from kansoku.pricing.price_terms import NO_TERMS, Terms
from kansoku.usage import Usage


class Prices:
    """Prices in force: one's own overrides first, then the list prices of `genai-prices`.

    prices = Prices(Path("prices.toml"))
    prices.cost("openai", "gpt-4o-mini", usage, at=datetime.now(UTC))   # Cost, or None when unpriced
    """

    def __init__(self, overrides: Path | None = None) -> None:
        self.overrides = read_overrides(overrides) if overrides else Overrides()
        self._rates = lru_cache(maxsize=1024)(self._find_rates)

    def load(self) -> None:
        """Load the list prices now, so that the first call does not wait for it."""
        self.cost("openai", "gpt-4o-mini", Usage(input_fresh=1), datetime.now(UTC))

    def dollars(
        self, provider: str, model: str, usage: Usage, hour: int, terms: Terms = NO_TERMS
    ) -> tuple[float, str] | None:
        """Return the total of `cost` as a double, and the price's id; `hour` counts from 1970, UTC.

        For every call on its own thread: whole numbers instead of decimals, the same result to the last bit.
        """
        rates = self._rates(provider, model, hour)
        if rates is None:
            return None
        if (
            usage.input_tokens > rates.limit
            or terms is not NO_TERMS
            or (rates.text_only and (usage.audio_in or usage.audio_out or usage.image))
        ):
            cost = self.cost(provider, model, usage, _start(hour), terms)
            return None if cost is None or cost.missing else (float(cost.total), cost.price_id)
        total = (
            (usage.input_fresh + usage.audio_in + usage.image) * rates.fresh
            + usage.cache_read * rates.read
            + usage.cache_write_5m * rates.write
            + usage.cache_write_1h * rates.write_1h
            + usage.output_tokens * rates.answer
        )
        return total / rates.scale, rates.price_id

    def _find_rates(self, provider: str, model: str, hour: int) -> "_Rates | None":
        at = _start(hour)
        provider, model = self.overrides.resolve(provider, model, at.date())
        entry = self.overrides.find(provider, model, at.date())
        if entry is not None:
            price = entry.tokens
            names = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
            # Another entry may hold above some length, and pieces and hours are not tokens: ask for those.
            limit = math.inf if entry.by_tokens and not self.overrides.has_lengths else -1
            return _rates(tuple(price[name] for name in names), limit, False, entry.price_id)
        if self.overrides.has_lengths:
            return _Rates(0, 0, 0, 0, 0, 1, -1, True, "")
        sheet = list_sheet(provider, model, at)
        if sheet is None:
            return None
        if sheet.flat is None:
            return _Rates(0, 0, 0, 0, 0, 1, -1, True, sheet.price_id)  # never within its limit
        flat, price_id = sheet.flat, sheet.price_id
        if (factor := self.overrides.factor(provider, model, at.date())) is not None:
            flat, price_id = tuple(price * factor for price in flat), multiplied(price_id, factor)
        return _rates(flat, sheet.limit, True, price_id)

    def order(self, provider: str, models: Sequence[str], hour: int) -> Sequence[str]:
        """Return the names of a call's model, the ones that one's own file knows before those of the list."""
        models = most_exact(provider, models)
        if not self.overrides:
            return models
        day = _start(hour).date()
        return sorted(models, key=lambda model: not self.overrides.knows(provider, model, day))

    def cost(
        self, provider: str, model: str, usage: Usage, at: datetime, terms: Terms = NO_TERMS
    ) -> Cost | None:
        """Return what `usage` cost at the time `at`, or None when the model has no price.

        None is not zero: whoever adds costs up must say how many calls were left out.
        """
        at = at.astimezone(UTC)
        if terms.free:
            usage = Usage()
        if self.overrides:
            provider, model = self.overrides.resolve(provider, model, at.date())
            length = usage.input_tokens // terms.requests
            entry = self.overrides.find(provider, model, at.date(), terms.tier, length)
            if entry is not None:
                return _own_cost(entry, usage, terms)
        # Prices change by the day, some by the hour (off-peak): look up at the start of the hour.
        cost = list_cost(provider, model, usage, at.replace(minute=0, second=0, microsecond=0), terms)
        if cost is None or not self.overrides.factors:
            return cost
        factor = self.overrides.factor(provider, model, at.date(), terms.tier)
        return cost if factor is None else cost.times(factor)


def _own_cost(entry: Override, usage: Usage, terms: Terms) -> Cost | None:
    if entry.per_hour and not terms.seconds:
        return None  # how long it took is known when the span has ended
    return Cost(*entry.dollars(usage, terms), entry.price_id)


class _Rates(NamedTuple):
    """Dollars per token times `scale`, as whole numbers, for calls of at most `limit` input tokens."""

    fresh: int
    read: int
    write: int
    write_1h: int
    answer: int
    scale: int
    limit: float
    text_only: bool
    price_id: str


def _rates(dollars: tuple[Decimal, ...], limit: float, text_only: bool, price_id: str) -> _Rates:
    """Return prices in the order fresh, read, write, one-hour write, answer as whole numbers."""
    ratios = [value.as_integer_ratio() for value in dollars]
    scale = math.lcm(*(denominator for _, denominator in ratios))
    fresh, read, write, write_1h, answer = (number * (scale // part) for number, part in ratios)
    return _Rates(fresh, read, write, write_1h, answer, scale, limit, text_only, price_id)


def _start(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)
