"""What can go wrong, as one tree; catch `KansokuError` for all of it.

    KansokuError
    ├── SettingsError    a setting has a value that cannot work
    ├── PricesError      the overrides file cannot be read as prices
    ├── StoreError       ClickHouse cannot be reached or refuses (collector)
    ├── PayloadError     a request body is not what its content type says (collector)
    └── RulesError       an alert rules file is wrong (collector)

The SDK itself raises none of these into a traced program after `kansoku.init()` returned.
"""


class KansokuError(Exception):
    """Base of every error that Kansoku raises on purpose; the message says what to do."""


class SettingsError(KansokuError):
    """A setting has a value that cannot work; the message names the KANSOKU_* variable."""


class PricesError(KansokuError):
    """The price overrides file cannot be read; the message names file, entry and field."""
