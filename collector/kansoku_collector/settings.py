"""The collector's settings: an argument, else a `KANSOKU_*` variable, else the default written here."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")


class Settings(BaseSettings):
    """Everything that can be set on a collector; docs/settings.md lists the same fields."""

    model_config = SettingsConfigDict(env_prefix="KANSOKU_", extra="ignore", frozen=True)

    data: Path = Field(
        default=Path("~/.local/share/kansoku"),
        validate_default=True,
        description="Directory of the journal, the keys and embedded ClickHouse.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the collector listens on.")
    port: int = Field(
        default=4318, ge=0, le=65535, description="Port for OTLP over HTTP and the collector's own API."
    )
    grpc_port: int = Field(
        default=4317,
        ge=0,
        le=65535,
        description="Port for OTLP over gRPC; 0 for none. If the default is taken, gRPC is off.",
    )
    insecure: bool = Field(default=False, description="Accept requests without an API key; loopback only.")
    tls_cert: Path | None = Field(
        default=None,
        description="PEM file with the certificate (and its chain): OTLP is then served over TLS only.",
    )
    tls_key: Path | None = Field(default=None, description="PEM file with the certificate's private key.")
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file with the authorities whose client certificates are demanded, if any.",
    )

    clickhouse_url: SecretStr = Field(
        default=SecretStr(""),
        description="Where to store: empty for embedded ClickHouse under the data directory, or http(s)://user:password@host:8123/database.",
    )
    clickhouse_cluster: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_.-]*)?$",
        description="Name of the ClickHouse cluster that the tables are spread over; empty for one server.",
    )
    clickhouse_wait_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="How long a start waits for a ClickHouse server that does not answer, with what is"
        " received kept in the journal; then the collector ends.",
    )
    gateway_port: int = Field(
        default=8123,
        ge=0,
        le=65535,
        description="Loopback port that serves embedded ClickHouse over its HTTP protocol.",
    )
    retention_days: int = Field(
        default=90,
        ge=1,
        le=2500,
        description="Days that raw spans are kept.",
    )
    content_retention_days: int = Field(
        default=0,
        ge=0,
        le=2500,
        description="Days that texts, messages and attributes are kept; then they are emptied and the row"
        " stays. 0 for as long as raw spans.",
    )
    rollup_retention_days: int = Field(
        default=0,
        ge=0,
        le=25_000,
        description="Days that traces, rollups and feedback are kept; 0 for ten times as long as raw spans.",
    )

    max_body_bytes: int = Field(default=32 << 20, gt=0, description="Largest request body, as it is sent.")
    max_inflated_bytes: int = Field(
        default=64 << 20, gt=0, description="Largest request body after decompression."
    )
    max_spans: int = Field(
        default=50_000,
        gt=0,
        description="Most spans, log records or data points of one request; those beyond are left out.",
    )
    max_attributes: int = Field(
        default=8192,
        gt=0,
        description="Most attributes of a span, an event, a record or a resource; those beyond are cut off.",
    )
    max_attribute_bytes: int = Field(
        default=8 << 20,
        gt=0,
        description="Largest value of one attribute; longer text is cut, anything else left out.",
    )
    max_connections: int = Field(
        default=1000, gt=0, description="Most connections open at a time, for HTTP and for gRPC each."
    )
    max_pending_bytes: int = Field(
        default=256 << 20,
        gt=0,
        description="Bytes of bodies in work at a time; beyond it requests get 503 and Retry-After.",
    )
    request_seconds: float = Field(
        default=30.0, gt=0, description="Longest time that the header or the body of a request may take."
    )
    rate_spans: Annotated[dict[str, float], NoDecode] = Field(
        default={},
        description="Spans (records, points, feedback) a second that a project may send: `1000`,"
        " or `1000,shop=50`.",
    )
    rate_bytes: Annotated[dict[str, float], NoDecode] = Field(
        default={},
        description="Bytes a second, decompressed, that a project may send, in the same form.",
    )
    metric_names: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("gen_ai.", "llm.", "mcp.", "claude_code.", "codex.turn.", "gemini_cli.", "kansoku."),
        description="How the names of stored metrics begin, separated by commas; `*` for all.",
    )
    journal_max_bytes: int = Field(
        default=8 << 30, gt=0, description="Size of the journal at which requests get 503 and Retry-After."
    )
    segment_bytes: int = Field(
        default=48 << 20,
        gt=0,
        description="Size at which a journal segment is closed and written to ClickHouse.",
    )
    flush_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Age at which a journal segment is closed and written to ClickHouse; after a pause a"
        " fifth of it, once no request follows.",
    )

    feedback_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Web origins whose pages may send feedback, separated by commas, such as"
        " https://app.example.com; `*` for all.",
    )
    prices_file: Path | None = Field(default=None, description="TOML file with one's own model prices.")
    alerts_file: Path | None = Field(default=None, description="YAML file with alert rules.")
    alerts_interval_seconds: float = Field(
        default=60.0, gt=0, description="How often the alert rules are evaluated."
    )
    detector: bool = Field(
        default=True,
        description="Find changes of all signals without a rule; the rules file may say more of it.",
    )
    log_level: str = Field(
        default="INFO",
        description="Level of the collector's own log on standard error: DEBUG, INFO, WARNING or ERROR.",
    )

    @field_validator("data")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        """Read `~`, as a shell would; a container's user may have no home, and names another directory."""
        try:
            found = value.expanduser()
        except RuntimeError:
            raise ValueError("this user has no home directory; name another one, or give --data") from None
        # The embedded engine takes what follows a ? for its options, and would store in another directory.
        if "?" in str(found.absolute()):
            raise ValueError("a directory with ? in its name cannot be used; choose another")
        try:
            str(found.absolute()).encode()
        except UnicodeEncodeError:
            raise ValueError(
                "its name is not UTF-8; choose another, or start with PYTHONUTF8=1 where it is"
            ) from None
        return found

    @field_validator(
        "data", "prices_file", "alerts_file", "tls_cert", "tls_key", "tls_client_ca", mode="before"
    )
    @classmethod
    def _given(cls, value: Any, info: ValidationInfo) -> Any:
        """Take an empty variable, as files of settings have them, for one that is not set, not for "."."""
        return cls.model_fields[str(info.field_name)].default if value == "" else value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        known = ("DEBUG", "INFO", "WARNING", "ERROR")
        if value.upper() not in known:
            raise ValueError(f"it is one of {', '.join(known)}")
        return value.upper()

    @field_validator("feedback_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no browser sends as its origin: it would be waited for in vain."""
        for origin in value:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin such as https://app.example.com")
        return value

    @field_validator("rate_spans", "rate_bytes", mode="before")
    @classmethod
    def _rates(cls, value: Any) -> Any:
        """Read `1000,shop=50`; the rate without a project, kept as `*`, is everybody else's."""
        if not isinstance(value, str):
            return value
        pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
        found: dict[str, float] = {}
        for project, _, rate in pairs:
            name = project.strip() or "*"
            if name in found:  # 2,500 is two rates, too
                raise ValueError(f"two rates for {'every project' if name == '*' else name}")
            found[name] = float(rate)
        return found

    @field_validator("rate_spans", "rate_bytes")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        if not all(0 < rate < float("inf") for rate in value.values()):
            raise ValueError("a rate must be a number above 0")
        return value

    @field_validator("feedback_origins", "metric_names", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (
            tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @property
    def embedded(self) -> bool:
        """Tell whether ClickHouse runs inside the collector's process."""
        return self.store_url.startswith("chdb:")

    @property
    def store_url(self) -> str:
        """URL that the collector writes to."""
        return self.clickhouse_url.get_secret_value() or f"chdb:///{(self.data / 'clickhouse').absolute()}"
