"""One's own prices, aliases and factors, from a TOML file.

[[price]]
model = "qwen3-32b"              # exact name, or a prefix ending in *
provider = "local"               # optional; any provider when left out
from = 2026-01-01                # optional; valid from this day, UTC
until = 2026-07-01               # optional; and before this one
tier = "batch"                   # optional; flex, priority, batch ...; every tier when left out
above = 200000                   # optional; for calls with more input tokens than this
input_per_million = 0.20         # USD per 1,000,000 tokens
output_per_million = 0.60
cache_read_per_million = 0.02    # the input price when left out, as are the following ones of input
cache_write_per_million = 0.25
cache_write_1h_per_million = 0.4 # the cache_write price when left out
audio_input_per_million = 1.0
image_input_per_million = 1.0
reasoning_per_million = 0.60     # the output price when left out, as is the next
audio_output_per_million = 2.0
per_request = 0.005              # USD a piece: request, image, audio_second, page, search_unit,
per_web_search = 0.01            # web_search, file_search, maps_search, code_execution
per_hour = 2.50                  # of a call's duration: a machine of one's own

[[alias]]
name = "chat-prod"               # what is called: a deployment, an ARN, a router's own name
model = "gpt-4o-mini"            # whose price it has
provider = "azure"               # optional; who sells it
from = 2026-01-01                # optional

[[factor]]
times = 0.85                     # what a contract makes of the list's price: fifteen percent less
provider = "azure"               # optional; every provider when left out
model = "gpt-5*"                 # optional, as are from, until and tier; every model when left out
"""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from kansoku.errors import PricesError
from kansoku.pricing.price_entry import FIRST_DAY, Entry
from kansoku.pricing.price_factors import Factor
from kansoku.pricing.price_names import is_named, sold_by
from kansoku.pricing.price_terms import Terms
from kansoku.usage import Usage

_MILLION = Decimal(1_000_000)
_INPUT = ("cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input")
_OUTPUT = ("reasoning", "audio_output")
TOKENS = ("input", "output", *_INPUT, *_OUTPUT)
UNITS = (
    "request", "image", "audio_second", "page", "search_unit",
    "web_search", "file_search", "maps_search", "code_execution",
)  # fmt: skip
PRICE_FIELDS = (*(f"{name}_per_million" for name in TOKENS), *(f"per_{name}" for name in UNITS), "per_hour")
_KNOWN = {
    "price": frozenset({"model", "provider", "from", "until", "tier", "above", *PRICE_FIELDS}),
    "alias": frozenset({"name", "model", "provider", "from"}),
    "factor": frozenset({"times", "model", "provider", "from", "until", "tier"}),
}


@dataclass(frozen=True, slots=True)
class Override:
    """One `[[price]]`: dollars per token and per piece, valid on some days, for one tier or for all."""

    model: str
    provider: str
    since: date
    until: date
    tier: str
    above: int
    tokens: dict[str, Decimal]  # every name of TOKENS
    units: dict[str, Decimal] = field(default_factory=dict)
    per_hour: Decimal = Decimal(0)

    def matches(self, provider: str, model: str, day: date, tier: str, tokens: int) -> bool:
        """Tell whether this entry prices a call of `tokens` input tokens on `day`."""
        if not self.since <= day < self.until or not sold_by(self.provider, provider):
            return False
        if (self.tier and self.tier != (tier or "standard")) or (self.above and tokens <= self.above):
            return False
        return is_named(self.model, model)

    def dollars(self, usage: Usage, terms: Terms) -> tuple[Decimal, Decimal]:
        """Return what `usage` cost under `terms`: for input, and for output."""
        price = self.tokens
        prompt = (
            usage.input_fresh * price["input"]
            + usage.cache_read * price["cache_read"]
            + usage.cache_write_5m * price["cache_write"]
            + usage.cache_write_1h * price["cache_write_1h"]
            + usage.audio_in * price["audio_input"]
            + usage.image * price["image_input"]
        )
        answer = (
            usage.output_visible * price["output"]
            + usage.reasoning * price["reasoning"]
            + usage.audio_out * price["audio_output"]
        )
        for unit, each in self.units.items():
            paid = each * (1 if unit == "request" else terms.number_of(unit))
            if unit == "image":
                answer += paid
            else:
                prompt += paid  # what has no direction is paid for asking
        return prompt, answer + self.per_hour * terms.seconds / 3600

    @property
    def by_tokens(self) -> bool:
        """Whether tokens alone decide, at one price for an answer and one for what is not cached."""
        price = self.tokens
        return (
            not self.units
            and not self.per_hour
            and price["audio_input"] == price["image_input"] == price["input"]
            and price["reasoning"] == price["audio_output"] == price["output"]
        )

    @property
    def price_id(self) -> str:
        """The name under which this entry is written on spans."""
        parts = [f"override/{self.model}@{self.since.isoformat()}"]
        parts += [self.tier] if self.tier else []
        return "+".join([*parts, f"above-{self.above}"] if self.above else parts)


class Alias(NamedTuple):
    """One `[[alias]]`: `name` has the price of `model`."""

    name: str
    model: str
    provider: str
    since: date


class Overrides:
    """The entries of a file, in the order in which they are asked."""

    def __init__(
        self,
        prices: list[Override] | None = None,
        aliases: list[Alias] | None = None,
        factors: list[Factor] | None = None,
    ) -> None:
        # The most exact entry first: the tier's own, then the newest, then the longest context.
        self.prices = sorted(prices or [], key=lambda o: (bool(o.tier), o.since, o.above), reverse=True)
        self.has_lengths = any(entry.above for entry in self.prices)
        self.aliases = sorted(aliases or [], key=lambda a: a.since, reverse=True)
        self.factors = sorted(factors or [], key=Factor.exactness, reverse=True)

    def __bool__(self) -> bool:
        return bool(self.prices or self.aliases or self.factors)

    def find(self, provider: str, model: str, day: date, tier: str = "", tokens: int = 0) -> Override | None:
        """Return the entry that prices a call, if any."""
        return next((o for o in self.prices if o.matches(provider, model, day, tier, tokens)), None)

    def factor(self, provider: str, model: str, day: date, tier: str = "") -> Decimal | None:
        """Return by what the list's price of a call is multiplied, if by anything."""
        return next((f.times for f in self.factors if f.matches(provider, model, day, tier)), None)

    def knows(self, provider: str, model: str, day: date) -> bool:
        """Tell whether an entry or an alias names a model on a day."""
        return self.resolve(provider, model, day) != (provider, model) or any(
            own.matches(provider, model, day, own.tier, own.above + 1) for own in self.prices
        )

    def resolve(self, provider: str, model: str, day: date) -> tuple[str, str]:
        """Return the provider and model whose price a name has on a day."""
        for alias in self.aliases:
            if alias.name == model and alias.since <= day:
                return alias.provider or provider, alias.model
        return provider, model


def read_overrides(path: Path) -> Overrides:
    """Read the overrides file; raise PricesError naming line, entry and field."""
    return parse_overrides(overrides_text(path), path)


def overrides_text(path: Path) -> str:
    """Return the text of an overrides file; raise PricesError when it cannot be read as text."""
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of Windows mark UTF-8 at its beginning
    except UnicodeDecodeError as error:
        raise PricesError(f"{path}: is not UTF-8, save it as that: {error}") from error
    except OSError as error:
        raise PricesError(f"{path}: cannot be read as TOML: {error}") from error


def parse_overrides(text: str, path: Path) -> Overrides:
    """Return what the text of an overrides file says; `path` is for messages."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise PricesError(f"{path}: cannot be read as TOML: {error}") from error
    if unknown := sorted(set(tables) - set(_KNOWN)):
        raise PricesError(
            f"{path}: unknown table {unknown[0]!r}; known are [[price]], [[alias]] and [[factor]]"
        )
    found: dict[str, list[Entry]] = {}
    for kind, known in _KNOWN.items():
        entries = tables.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise PricesError(f"{path}: '{kind}' must be written as [[{kind}]]")
        found[kind] = [Entry(path, kind, number, entry, text) for number, entry in enumerate(entries, 1)]
        for entry in found[kind]:
            entry.refuse_unknown(known)
    return Overrides(
        [_price(entry) for entry in found["price"]],
        [_alias(entry) for entry in found["alias"]],
        [_factor(entry) for entry in found["factor"]],
    )


def _price(entry: Entry) -> Override:
    tokens = {name: entry.number(f"{name}_per_million") for name in TOKENS}
    units = {name: price for name in UNITS if (price := entry.number(f"per_{name}")) is not None}
    per_hour = entry.number("per_hour")
    model = entry.text("model")
    if tokens["input"] is None and not units and per_hour is None:
        raise entry.error(
            "input_per_million",
            "'input_per_million' is missing; give USD per 1,000,000 tokens, or a price such as per_request",
        )
    above = entry.fields.get("above", 0)
    if not isinstance(above, int) or isinstance(above, bool) or above < 0:
        raise entry.error("above", f"'above' must be a number of tokens, not {above!r}")
    since, until = entry.days()
    prompt, answer = tokens["input"] or Decimal(0), tokens["output"] or Decimal(0)
    if tokens["cache_write_1h"] is None:
        tokens["cache_write_1h"] = tokens["cache_write"]
    each = {"input": prompt, "output": answer}
    each |= {name: prompt if tokens[name] is None else tokens[name] for name in _INPUT}  # type: ignore[misc]
    each |= {name: answer if tokens[name] is None else tokens[name] for name in _OUTPUT}  # type: ignore[misc]
    return Override(
        model=model,
        provider=entry.text("provider", otherwise=""),
        since=since,
        until=until,
        tier=entry.text("tier", otherwise="").lower(),
        above=above,
        tokens={name: price / _MILLION for name, price in each.items()},
        units=units,
        per_hour=per_hour or Decimal(0),
    )


def _alias(entry: Entry) -> Alias:
    provider = entry.text("provider", otherwise="")
    return Alias(entry.text("name"), entry.text("model"), provider, entry.day("from", FIRST_DAY))


def _factor(entry: Entry) -> Factor:
    times = entry.number("times", "")
    if times is None:
        raise entry.error(
            "times", "'times' is missing; give what the list's price is multiplied by, such as 0.85"
        )
    names = {name: entry.text(name, otherwise="") for name in ("model", "provider", "tier")}
    since, until = entry.days()
    return Factor(times, since, until, names["model"], names["provider"], names["tier"].lower())
