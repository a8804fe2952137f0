"""What each bucket of tokens cost and what caching saved, worked out from sums at the prices of their time.

A part whose sum is not exactly what its tokens cost at those prices (a long prompt's higher rate, another
tier, a price of one's own since then, a search beside the tokens) is not split: nothing is spread by guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from kansoku.pricing.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.store.read.spend import Metered, Part, PriceVersion

MILLION = 1_000_000
UNSPLIT = "unsplit"
ANSWERS = ("output_visible", "reasoning", "audio_out")
CACHES = ("cache_read", "cache_write_5m", "cache_write_1h")
# The sum of many calls that were each rounded to twelve digits.
_NEAR = Decimal("0.000001")

Rates = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Savings:
    """What caching changed, in US dollars, against paying every token as a fresh one.

    `read` is what tokens from a cache cost less, `written` what tokens to it cost more. `cached` of all
    `sent` tokens came from a cache; for `unknown` of those the price of then is not known.
    """

    read: Decimal
    written: Decimal
    cached: int
    sent: int
    unknown: int

    @property
    def net(self) -> Decimal:
        """What was saved in all; negative where caches were written and hardly read."""
        return self.read - self.written


def rates(prices: Prices, provider: str, model: str, at: datetime) -> Rates | None:
    """Return dollars for a million tokens of each bucket at a time, None without a price."""
    return _rates(prices, provider, model, at.astimezone(UTC).replace(minute=0, second=0, microsecond=0))


@lru_cache(maxsize=20_000)
def _rates(prices: Prices, provider: str, model: str, hour: datetime) -> Rates | None:
    nothing = prices.cost(provider, model, Usage(), hour)
    if nothing is None:
        return None
    found: Rates = {}
    for bucket in Usage._fields:
        # One token and not a million: the price of a long prompt is another one.
        one = prices.cost(provider, model, Usage(**{bucket: 1}), hour)
        if one is None:
            return None
        found[bucket] = (one.total - nothing.total) * MILLION
    return found


def by_bucket(rows: Iterable[Metered], prices: Prices) -> list[Part]:
    """Return the cost of each bucket of tokens over time; `UNSPLIT` holds what cannot be told apart."""
    found: list[Part] = []
    for row in rows:
        split = _split(row, prices)
        if split is not None:
            found += [Part(row.time, bucket, usd, 0, 0) for bucket, usd in split.items() if usd]
        elif row.cost:
            found.append(Part(row.time, UNSPLIT, row.cost, 0, 0))
    return found


def savings(rows: Iterable[Metered], prices: Prices) -> Savings:
    """Return what caching saved over all rows."""
    read = written = Decimal(0)
    cached = sent = unknown = 0
    for row in rows:
        cached += row.tokens["cache_read"]
        sent += sum(tokens for bucket, tokens in row.tokens.items() if bucket not in ANSWERS)
        if not any(row.tokens[bucket] for bucket in CACHES):
            continue
        known = rates(prices, row.provider, row.model, row.time) if _split(row, prices) is not None else None
        if known is None:
            unknown += row.tokens["cache_read"]
            continue
        fresh = known["input_fresh"]
        read += row.tokens["cache_read"] * (fresh - known["cache_read"]) / MILLION
        for bucket in CACHES[1:]:
            written += row.tokens[bucket] * (known[bucket] - fresh) / MILLION
    return Savings(read, written, cached, sent, unknown)


def in_force(row: PriceVersion, prices: Prices) -> Rates | None:
    """Return the rates behind a price version; None where today's list gives the model another price."""
    cost = prices.cost(row.provider, row.model, Usage(input_fresh=1, output_visible=1), row.last)
    if cost is None or cost.price_id != row.price_id:
        return None
    return rates(prices, row.provider, row.model, row.last)


def _split(row: Metered, prices: Prices) -> dict[str, Decimal] | None:
    """Return dollars by bucket if they add up to what the row cost, input and output each."""
    known = None if row.unpriced else rates(prices, row.provider, row.model, row.time)
    if known is None:
        return None
    split = {bucket: tokens * known[bucket] / MILLION for bucket, tokens in row.tokens.items() if tokens}
    sent = sum((usd for bucket, usd in split.items() if bucket not in ANSWERS), Decimal(0))
    if abs(sent - row.cost_input) > _NEAR or abs(sum(split.values(), Decimal(0)) - row.cost) > _NEAR:
        return None
    return split
