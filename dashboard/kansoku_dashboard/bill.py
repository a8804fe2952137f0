"""The bill of one call: what each bucket of tokens cost, at the price that the call was computed with."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from kansoku.errors import PricesError
from kansoku.pricing.price_list import Cost
from kansoku.pricing.price_terms import read_terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.model import Span
from kansoku_dashboard import settings

_MILLION = Decimal(1_000_000)
_EXACT = Decimal("0.000000000001")
BESIDE = "beside"  # the line of what is not paid by the token: searches, requests, pages


class Line(NamedTuple):
    """A bucket with its tokens, its price for a million of them, and what it came to; all in US dollars."""

    bucket: str
    tokens: int
    per_million: Decimal | None
    usd: Decimal


def bill(span: Span) -> list[Line]:
    """Return the lines of a computed cost; none where the price of then is not known here any more.

    The lines always add up to the cost on the span: a price list that has changed since gives no bill.
    """
    if span.cost_source not in ("computed", "estimated") or not span.price_id:
        return []
    usage = Usage(*(getattr(span, bucket) for bucket in Usage._fields))
    prices = price_list(settings.current().prices_file)
    for model in dict.fromkeys((span.response_model, span.request_model)):
        whole = _cost(prices, span, model, usage)
        if whole and whole.price_id == span.price_id and whole.total.quantize(_EXACT) == span.cost_usd:
            return _lines(prices, span, model, usage, whole)
    return []


def _lines(prices: Prices, span: Span, model: str, usage: Usage, whole: Cost) -> list[Line]:
    found = []
    for bucket, tokens in usage._asdict().items():
        more = _cost(prices, span, model, usage._replace(**{bucket: tokens + 1})) if tokens else None
        if more:
            # What one more token would cost is its price, also above the threshold of a longer prompt.
            each = more.total - whole.total
            found.append(Line(bucket, tokens, each * _MILLION, each * tokens))
    rest = whole.total - sum(line.usd for line in found)
    if rest < 0:
        return []
    return found + ([Line(BESIDE, 0, None, rest)] if rest > _EXACT else [])


def _cost(prices: Prices, span: Span, model: str, usage: Usage) -> Cost | None:
    at = datetime.fromtimestamp(span.start // 10**9, UTC)
    seconds = Decimal(span.duration_ns) / 10**9 if prices.overrides else Decimal(0)
    terms = read_terms(span.attributes, span.provider, seconds)
    return prices.cost(span.provider, model, usage, at, terms) if model else None


def price_list(path: Path | None) -> Prices:
    """Return the list prices under one's own file of them; the list alone where the file cannot be read."""
    try:
        return _read(path, path.stat().st_mtime_ns if path else 0)
    except (OSError, PricesError):
        return _read(None, 0)


@lru_cache(maxsize=4)
def _read(path: Path | None, stamp: int) -> Prices:  # noqa: ARG001 - another stamp is another file
    return Prices(path)
