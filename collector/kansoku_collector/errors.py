"""The collector's errors; the tree stands in `kansoku.errors`."""

from kansoku.errors import KansokuError, PricesError, SettingsError

__all__ = [
    "KansokuError",
    "PayloadError",
    "PricesError",
    "RulesError",
    "SettingsError",
    "StoreAwayError",
    "StoreError",
]


class StoreError(KansokuError):
    """ClickHouse cannot be reached or refuses; the message names the URL without its password."""


class StoreAwayError(StoreError):
    """Nobody answers at ClickHouse's address: it may come yet."""


class PayloadError(KansokuError):
    """A request body is not what its content type says; the message names the field."""


class RulesError(KansokuError):
    """An alert rules file is wrong; the message names file, line and reason."""
