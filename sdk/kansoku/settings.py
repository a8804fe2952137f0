"""Settings of the SDK: the argument of `init()`, else the KANSOKU_* variable, else the default."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from kansoku.guard import logger
from kansoku.levels import level_of

_PREFIX = "kansoku_"
# What a setting that cannot be read becomes, where the default would let content out.
_SAFEST: dict[str, Any] = {"capture_content": "off", "mask": ("all",)}


class Settings(BaseModel):
    """All settings; each field is read from KANSOKU_ and its name in capitals, by `read_settings`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    endpoint: str = Field("http://127.0.0.1:4318", description="Base URL of the collector.")
    api_key: SecretStr = Field(
        SecretStr(""), description="Key with the scope `ingest`, sent as a bearer token."
    )
    service_name: str = Field("", description="Name of the program; else OTEL_SERVICE_NAME.")
    environment: str = Field("", description="Deployment environment, such as production.")
    release: str = Field("", description="Version of the program.")
    capture_content: Literal["full", "metadata", "off"] = Field(
        "full",
        description="What to record of prompts, answers, arguments and documents: full, metadata or off.",
    )
    mask: tuple[str, ...] = Field(
        ("secrets",),
        description="What is masked before it is sent: secrets, personal, all, none, or single recognisers.",
    )
    mask_key: SecretStr = Field(
        SecretStr(""), description="With it, equal values get equal pseudonyms: [email:1a2b3c4d]."
    )
    sample_rate: float = Field(
        1.0, ge=0, le=1, description="Share of traces kept; those with an error or a slow span always are."
    )
    sample_slow_seconds: float = Field(
        30.0, ge=0, description="A trace with a span as long as this is kept whatever the rate; 0 for none."
    )
    estimate_usage: bool = Field(
        True, description="Guess the tokens of streams that do not say them, marked as a guess."
    )
    disabled: bool = Field(False, description="Trace nothing; every function of the SDK does nothing.")
    prices_file: Path | None = Field(None, description="TOML file of one's own prices.")
    local_provider: str = Field("local", description="Provider name of models on loopback and private hosts.")
    max_field_bytes: int = Field(
        262_144, ge=256, description="Longest text of one attribute, in bytes of UTF-8."
    )
    queue_size: int = Field(4096, ge=1, description="Spans waiting to be sent; what exceeds it is dropped.")
    batch_size: int = Field(512, ge=1, description="Spans sent in one request at most.")
    batch_bytes: int = Field(4_194_304, ge=1024, description="Size of one request before compression.")
    batch_seconds: float = Field(
        1.0,
        gt=0,
        description="Wait before a span is sent; while spans keep coming, up to five times as long.",
    )
    send_timeout: float = Field(5.0, gt=0, description="Seconds that one request may take.")
    retry_seconds: float = Field(30.0, ge=0, description="How long a refused batch is tried again.")
    exit_timeout: float = Field(1.5, ge=0, description="Seconds that the end of the program may be delayed.")
    spool_dir: Path | None = Field(
        None, description="Directory that keeps what cannot be sent while the collector is away."
    )
    spool_bytes: int = Field(268_435_456, ge=0, description="Size of the spool; what exceeds it is dropped.")
    spool_hours: float = Field(72.0, gt=0, description="Age at which spooled data are given up.")
    instrument: tuple[str, ...] = Field(
        ("all",), description="Clients traced by init(), separated by commas; `all` that are installed."
    )
    foreign_instrumentors: tuple[str, ...] = Field(
        ("auto",),
        description="Other people's instrumentors to start: `auto` for the known ones, `off`, or names.",
    )

    @field_validator("endpoint")
    @classmethod
    def _base_url(cls, value: str) -> str:
        url = value.strip().rstrip("/").removesuffix("/v1/traces")
        if not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url

    @field_validator("api_key", mode="before")
    @classmethod
    def _key(cls, value: Any) -> Any:
        """Take off the line break at the end of a file, from which the key may have been read."""
        return value.strip() if isinstance(value, str) else value

    @field_validator("spool_dir", "prices_file", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        """Take an empty variable for one that is not set: "." would put the spool where the program runs."""
        return None if value == "" else value

    @field_validator("capture_content", mode="before")
    @classmethod
    def _level(cls, value: Any) -> Any:
        return level_of(value)

    @field_validator("instrument", "mask", "foreign_instrumentors", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return (
            [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
        )


def read_settings(given: dict[str, Any]) -> Settings:
    """Return the settings; a value that cannot work is replaced by its default and logged as a warning.

    What protects content is replaced by the most that it can do: a slip of the pen must not let data out.
    """
    found = {**_variables(), **given}
    try:
        return Settings(**found)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = str(problem["loc"][0])
            found[name] = _SAFEST.get(name, Settings.model_fields[name].default)
            why = problem["msg"].removeprefix("Value error, ")
            instead = repr(_SAFEST[name]) if name in _SAFEST else "the default"
            logger.warning("KANSOKU_%s cannot be used (%s); continuing with %s", name.upper(), why, instead)
        return Settings(**found)


def _variables() -> dict[str, str]:
    """Return what the environment says. No pydantic-settings: its import costs a third of `init()`."""
    return {
        name.lower().removeprefix(_PREFIX): value
        for name, value in os.environ.items()
        if name.lower().startswith(_PREFIX)
    }
