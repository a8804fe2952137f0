"""Price of a model at a point in time, and the cost of a usage in US dollars, exact to the last digit.

List prices come from the `genai-prices` package; a TOML file of one's own overrides them:

    [[price]]
    model = "qwen3-32b"          # exact name, or a prefix ending in *
    provider = "local"           # optional; any provider when left out
    from = 2026-01-01            # optional; valid from this day, UTC
    input_per_million = 0.20     # USD per 1,000,000 tokens
    output_per_million = 0.60
    cache_read_per_million = 0.02    # optional; input price when left out
    cache_write_per_million = 0.25   # optional; input price when left out
    cache_write_1h_per_million = 0.4 # optional; cache_write price when left out
"""

import importlib.metadata
import math
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from kansoku.errors import PricesError
from kansoku.usage import Usage

# OpenTelemetry's provider names where genai-prices has another one.
_PROVIDERS = {
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "moonshot_ai": "moonshotai",
}
# A model served on one's own machines has no list price, even when its name is also sold elsewhere.
_SELF_HOSTED = frozenset({"local", "ollama", "vllm", "llama.cpp", "lmstudio", "transformers"})
_MILLION = Decimal(1_000_000)
_FIELDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars of one call; `total == input + output` exactly."""

    input: Decimal
    output: Decimal
    price_id: str

    @property
    def total(self) -> Decimal:
        """Dollars of the whole call."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Override:
    """One entry of the overrides file: dollars per token, valid from a day."""

    model: str
    provider: str
    since: date
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal

    def matches(self, provider: str, model: str, day: date) -> bool:
        """Tell whether this entry prices `model` of `provider` on `day`."""
        if day < self.since or (self.provider and self.provider != provider):
            return False
        return model.startswith(self.model[:-1]) if self.model.endswith("*") else model == self.model

    def cost(self, usage: Usage) -> Cost:
        """Return the cost of `usage` at this price."""
        prompt = (
            (usage.input_fresh + usage.audio_in + usage.image) * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write_5m * self.cache_write
            + usage.cache_write_1h * self.cache_write_1h
        )
        answer = usage.output_tokens * self.output
        return Cost(prompt, answer, self.price_id)

    @property
    def price_id(self) -> str:
        """The name under which this entry is written on spans."""
        return f"override/{self.model}@{self.since.isoformat()}"


class Prices:
    """Prices in force: one's own overrides first, then the list prices of `genai-prices`.

    prices = Prices(Path("prices.toml"))
    prices.cost("openai", "gpt-4o-mini", usage, at=datetime.now(UTC))   # Cost, or None when unpriced
    """

    def __init__(self, overrides: Path | None = None) -> None:
        self._overrides = read_overrides(overrides) if overrides else []
        self._rates = lru_cache(maxsize=1024)(self._find_rates)

    def load(self) -> None:
        """Load the list prices now, so that the first call does not wait for it."""
        self.cost("openai", "gpt-4o-mini", Usage(input_fresh=1), datetime.now(UTC))

    def dollars(self, provider: str, model: str, usage: Usage, hour: int) -> tuple[float, str] | None:
        """Return the total of `cost` as a double, and the price's id; `hour` counts from 1970, UTC.

        For every call on its own thread: whole numbers instead of decimals, the same result to the last bit.
        """
        rates = self._rates(provider, model, hour)
        if rates is None:
            return None
        if usage.input_tokens > rates.limit or (
            rates.text_only and (usage.audio_in or usage.audio_out or usage.image)
        ):
            cost = self.cost(provider, model, usage, _start(hour))
            return None if cost is None else (float(cost.total), cost.price_id)
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
        entry = self._override(provider, model, at.date())
        if entry is not None:
            dollars = (entry.input, entry.cache_read, entry.cache_write, entry.cache_write_1h, entry.output)
            return _rates(dollars, math.inf, False, entry.price_id)
        sheet = _sheet(provider, model, at)
        if sheet is None:
            return None
        if sheet.flat is None:
            return _Rates(0, 0, 0, 0, 0, 1, -1, True, sheet.price_id)  # never within its limit
        fresh, read, write, answer = sheet.flat
        return _rates((fresh, read, write, write, answer), sheet.limit, True, sheet.price_id)

    def _override(self, provider: str, model: str, day: date) -> Override | None:
        return next((o for o in self._overrides if o.matches(provider, model, day)), None)

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost | None:
        """Return what `usage` cost at the time `at`, or None when the model has no price.

        None is not zero: whoever adds costs up must say how many calls were left out.
        """
        day = at.astimezone(UTC).date()
        entry = self._override(provider, model, day)
        if entry is not None:
            return entry.cost(usage)
        # Prices change by the day, some by the hour (off-peak): look up at the start of the hour.
        return _list_cost(
            provider, model, usage, at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        )


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


class _Sheet(NamedTuple):
    """What a model costs at an hour: dollars per token, which hold up to `limit` input tokens."""

    price: Any
    price_id: str
    flat: tuple[Decimal, ...] | None  # fresh, cache read, cache write, output
    limit: float


def _list_cost(provider: str, model: str, usage: Usage, hour: datetime) -> Cost | None:
    sheet = _sheet(provider, model, hour)
    if sheet is None:
        return None
    price, price_id, flat, limit = sheet
    if flat is None or usage.audio_in or usage.audio_out or usage.image or usage.input_tokens > limit:
        return _tiered_cost(price, price_id, usage)
    fresh, read, write, answer = flat
    prompt = (
        usage.input_fresh * fresh
        + usage.cache_read * read
        + (usage.cache_write_5m + usage.cache_write_1h) * write
    )
    return Cost(prompt, usage.output_tokens * answer, price_id)


def _tiered_cost(price: Any, price_id: str, usage: Usage) -> Cost | None:
    from genai_prices import Usage as ListUsage  # noqa: PLC0415 - 40 ms that a program without calls never pays

    try:
        result = price.calc_price(
            ListUsage(
                input_tokens=usage.input_tokens,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
                output_tokens=usage.output_tokens,
                input_audio_tokens=usage.audio_in,
                output_audio_tokens=usage.audio_out,
            )
        )
    except (ValueError, LookupError):
        return None
    # What has no direction (a price per request) is paid for asking.
    answer = result["output_price"]
    return Cost(result["total_price"] - answer, answer, price_id)


@lru_cache(maxsize=4096)
def _sheet(provider: str, model: str, hour: datetime) -> _Sheet | None:
    """Return the prices of a model at an hour."""
    found = _listed(provider, model)
    if found is None:
        return None
    info, price_id = found
    price = info.get_prices(hour)
    return _Sheet(price, price_id, *_flat(price))


@lru_cache(maxsize=1024)
def _listed(provider: str, model: str) -> tuple[Any, str] | None:
    """Return the list's entry for a model, and its price id; None when it has no price."""
    if provider in _SELF_HOSTED or not model:
        return None
    from genai_prices import data_snapshot  # noqa: PLC0415

    snapshot = data_snapshot.get_snapshot()
    for provider_id in dict.fromkeys((_PROVIDERS.get(provider, provider) or None, None)):
        try:
            vendor, info = snapshot.find_provider_model(model, None, provider_id, None)
        except LookupError:
            if provider_id is not None and any(p.id == provider_id for p in snapshot.providers):
                # The vendor is known and does not sell this model: another vendor's price would be a guess.
                return None
        else:
            return info, f"{vendor.id}/{info.id}@genai-prices-{_list_version()}"
    return None


@cache
def _list_version() -> str:
    return importlib.metadata.version("genai-prices")


def _flat(price: Any) -> tuple[tuple[Decimal, ...] | None, float]:
    """Return dollars per token (fresh, cache read, cache write, output) and the input up to which they hold.

    None instead of dollars: such a price is not a sum over these four.
    """
    mtok = [price.input_mtok, price.cache_read_mtok, price.cache_write_mtok, price.output_mtok]
    # Above the first tier's start, the tier's rate holds for every token of the call.
    starts = [tier.start for value in mtok for tier in getattr(value, "tiers", ())]
    fresh, read, write, answer = (getattr(value, "base", value) for value in mtok)
    if price.requests_kcount is not None or not isinstance(fresh, Decimal):
        return None, 0
    per_token = tuple(
        (fresh if value is None else value) / _MILLION
        for value in (fresh, read, write, Decimal(0) if answer is None else answer)
    )
    return per_token, min(starts, default=math.inf)


def read_overrides(path: Path) -> list[Override]:
    """Read the overrides file, newest validity first; raise PricesError naming entry and field."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("price", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PricesError(f"{path}: cannot be read as TOML: {error}") from error
    found = [_override(path, number, entry) for number, entry in enumerate(entries, 1)]
    return sorted(found, key=lambda o: o.since, reverse=True)


def _override(path: Path, number: int, entry: dict[str, Any]) -> Override:
    where = f"{path}: [[price]] number {number}"
    known = {"model", "provider", "from", *(f"{f}_per_million" for f in _FIELDS)}
    if unknown := sorted(set(entry) - known):
        raise PricesError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")
    if not isinstance(entry.get("model"), str) or not entry["model"]:
        raise PricesError(f"{where}: 'model' is missing; give the model's name, or a prefix ending in *")
    since = entry.get("from", date(2000, 1, 1))
    if isinstance(since, datetime):
        since = since.date()
    if not isinstance(since, date):
        raise PricesError(f"{where}: 'from' must be a date such as 2026-01-01, not {since!r}")
    dollars = {field: _per_token(where, field, entry) for field in _FIELDS}
    prompt = dollars["input"]
    if prompt is None:
        raise PricesError(f"{where}: 'input_per_million' is missing; give USD per 1,000,000 tokens")
    write = prompt if dollars["cache_write"] is None else dollars["cache_write"]
    return Override(
        model=entry["model"],
        provider=str(entry.get("provider", "")),
        since=since,
        input=prompt,
        output=dollars["output"] or Decimal(0),
        cache_read=prompt if dollars["cache_read"] is None else dollars["cache_read"],
        cache_write=write,
        cache_write_1h=write if dollars["cache_write_1h"] is None else dollars["cache_write_1h"],
    )


def _per_token(where: str, field: str, entry: dict[str, Any]) -> Decimal | None:
    value = entry.get(f"{field}_per_million")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PricesError(f"{where}: '{field}_per_million' must be a number of USD, not {value!r}")
    try:
        dollars = Decimal(str(value)) / _MILLION
    except ArithmeticError as error:
        raise PricesError(f"{where}: '{field}_per_million' must be a number of USD, not {value!r}") from error
    if not dollars.is_finite() or dollars < 0:
        raise PricesError(f"{where}: '{field}_per_million' must be 0 or more, not {value!r}")
    return dollars
