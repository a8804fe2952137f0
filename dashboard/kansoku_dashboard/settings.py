"""The dashboard's settings: an argument, else a `KANSOKU_*` variable, else the default written here."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kansoku_dashboard.access import NAMELESS, read_rules
from kansoku_dashboard.address import read_address
from kansoku_dashboard.budgets import read_budgets


class DashboardSettings(BaseSettings):
    """Everything that can be set on a dashboard; docs/settings.md lists the same fields."""

    model_config = SettingsConfigDict(
        env_prefix="KANSOKU_", extra="ignore", frozen=True, populate_by_name=True
    )

    read_url: SecretStr = Field(
        default=SecretStr("http://127.0.0.1:8123/kansoku"),
        validation_alias=AliasChoices("read_url", "KANSOKU_CLICKHOUSE_READ_URL"),
        description="Where to read: the collector's gateway or a ClickHouse server, http(s)://user:password@host:8123/database.",
    )
    project: str = Field(default="default", min_length=1, description="The project that the screens show.")
    dashboard_host: str = Field(default="127.0.0.1", description="Address that the dashboard listens on.")
    dashboard_port: int = Field(
        default=8501, ge=0, le=65535, description="Port that the dashboard listens on."
    )
    dashboard_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the dashboard; needed to listen on anything but loopback.",
    )
    dashboard_url: str = Field(
        default="",
        description="Address at which readers open the dashboard, such as https://kansoku.example.com or"
        " https://example.com/kansoku; needed for OIDC, behind a proxy, and under a path.",
    )
    oidc_metadata_url: str = Field(
        default="",
        description="OpenID provider's document, https://…/.well-known/openid-configuration, or its issuer:"
        " log in by name.",
    )
    oidc_client_id: str = Field(default="", description="The dashboard's client id at the OpenID provider.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="The dashboard's client secret at the OpenID provider."
    )
    oidc_scope: str = Field(
        default="openid email profile", description="What is asked of the OpenID provider."
    )
    oidc_prompt: str = Field(
        default="",
        description="The `prompt` of a login by name, such as select_account or login; empty for none, which"
        " every provider takes.",
    )
    oidc_hours: float = Field(
        default=24.0,
        gt=0,
        le=720,
        description="Hours that a login by name lasts; then the OpenID provider is asked again.",
    )
    access: str = Field(
        default=f"{NAMELESS}=admin",
        description="Roles (viewer, reviewer, admin, none) by commas: WHO=ROLE or WHO=ROLE:PROJECT+PROJECT."
        " WHO is an e-mail address, *@example.com, claim:value, * for everybody who logs in by name,"
        " or password for those without a name.",
    )
    collector_url: str = Field(
        default="http://127.0.0.1:4318",
        description="The collector, for feedback given on a screen and the first-span snippet.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key with which feedback given on a screen is sent to the collector.",
    )
    admin_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key with the scope admin, to show keys, retention and the journal on Data health.",
    )
    prices_file: Path | None = Field(
        default=None,
        description="TOML file with one's own model prices, to show what each bucket of a call cost.",
    )
    budget_usd: str = Field(
        default="",
        description="Budget of a month in US dollars, for the Cost screen: one for every project (500) or by"
        " project (shop=500,search=80); empty for none.",
    )
    language: Literal["", "en", "ja"] = Field(
        default="", description="Language of the screens; empty for the browser's own, else English."
    )

    @field_validator("api_key", "admin_key", "read_url", mode="before")
    @classmethod
    def _from_a_file(cls, value: Any) -> Any:
        """Take off the line break at the end of a mounted file, which HTTP cannot carry."""
        return value.strip() if isinstance(value, str) else value

    @field_validator("prices_file", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        """Take an empty variable, as files of settings have them, for one that is not set, not for "."."""
        return None if value == "" else value

    @field_validator("dashboard_url")
    @classmethod
    def _address(cls, text: str) -> str:
        """Write the address as a browser says it: cookies and WebSockets are compared with that."""
        return read_address(text)

    @field_validator("budget_usd")
    @classmethod
    def _amounts(cls, text: str) -> str:
        read_budgets(text)
        return text

    @field_validator("access")
    @classmethod
    def _readable(cls, text: str) -> str:
        read_rules(text)
        return text

    @property
    def oidc(self) -> bool:
        """Tell whether readers log in by name."""
        return bool(self.oidc_metadata_url)

    @property
    def base(self) -> str:
        """The path that the dashboard is under, such as /kansoku; "" for none."""
        return urlsplit(self.dashboard_url).path

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the dashboard."""
        if self.dashboard_host == "localhost":
            return True
        try:
            return ip_address(self.dashboard_host.strip("[]")).is_loopback
        except ValueError:
            return False


_settings: list[DashboardSettings] = []


def use(settings: DashboardSettings) -> None:
    """Make `settings` those of this process."""
    _settings[:] = [settings]


def current() -> DashboardSettings:
    """Return the settings of this process: those given to `use`, else those of the environment."""
    if not _settings:
        use(DashboardSettings())
    return _settings[0]
