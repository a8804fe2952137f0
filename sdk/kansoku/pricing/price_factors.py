"""What a contract makes of the list's prices: a discount, or what a kind of deployment costs more."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from kansoku.pricing.price_names import is_named, sold_by


class Factor(NamedTuple):
    """One `[[factor]]`: by what the list's price of a call is multiplied, on some days."""

    times: Decimal
    since: date
    until: date
    model: str = ""  # exact name, a prefix ending in *, or "" for every model
    provider: str = ""
    tier: str = ""

    def matches(self, provider: str, model: str, day: date, tier: str) -> bool:
        """Tell whether a call's price is multiplied."""
        return (
            self.since <= day < self.until
            and sold_by(self.provider, provider)
            and self.tier in ("", tier or "standard")
            and is_named(self.model or "*", model)
        )

    def exactness(self) -> tuple[bool, bool, bool, date]:
        """Return what decides where several match: a tier's own, a model's, a provider's, then the newest."""
        return bool(self.tier), bool(self.model), bool(self.provider), self.since
