"""Where messages about incidents go; secrets come from the environment only."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Words in a header's name that make its value a secret.
_SECRET_HEADER = re.compile(r"authorization|key|token|secret|password|cookie", re.IGNORECASE)
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


def _filled(value: Any, info: ValidationInfo) -> Any:
    """Put the environment's values in the place of `${NAME}`."""
    if isinstance(value, dict):
        return {name: _filled(text, info) for name, text in value.items()}
    if not isinstance(value, str):
        return value
    known: Mapping[str, str] = info.context or {}
    missing = [name for name in _REFERENCE.findall(value) if not known.get(name)]
    if missing:
        raise ValueError(f"the environment has no {' and no '.join(missing)} (expected: set, and not empty)")
    return _REFERENCE.sub(lambda found: known[found[1]], value)


def _listed(value: Any) -> Any:
    """Take one value for a list of one."""
    return [value] if isinstance(value, str) else value


def _refers(value: Any) -> bool:
    return isinstance(value, str) and bool(_REFERENCE.search(value))


FromEnvironment = BeforeValidator(_filled)
SecretText = Annotated[SecretStr, FromEnvironment]


class Channel(BaseModel):
    """One place to tell; its fields that are secrets are written as `${NAME}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    secrets: ClassVar[tuple[str, ...]] = ()  # fields that must not stand in the file

    name: str  # the key under `channels`

    @model_validator(mode="before")
    @classmethod
    def _secrets_by_reference(cls, data: Any) -> Any:
        """Refuse a secret that stands in the file."""
        if not isinstance(data, dict):
            return data
        headers = data.get("headers")
        named = headers.items() if isinstance(headers, dict) else []
        literal = [
            f"header {name}" for name, text in named if _SECRET_HEADER.search(name) and not _refers(text)
        ]
        literal += [name for name in cls.secrets if data.get(name) and not _refers(data[name])]
        url = str(data.get("url") or "")
        if "hooks.slack.com/services/" in url and "url" not in literal and not _refers(url):
            literal.append("url (a Slack address is itself a secret)")
        if literal:
            raise ValueError(
                f"{', '.join(literal)} stands in the file (expected a reference such as ${{NAME}})"
            )
        return data

    @property
    @abstractmethod
    def host(self) -> str:
        """The part of the address that may be shown: paths and queries of webhooks are secrets."""


class _Http(Channel):
    """A channel that is told by a POST."""

    url: SecretText

    @model_validator(mode="after")
    def _address(self) -> "_Http":
        """Refuse an address that no request can be sent to."""
        parts = urlsplit(self.url.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url is no http or https address")
        return self

    @property
    def host(self) -> str:
        """The host of the address."""
        return urlsplit(self.url.get_secret_value()).hostname or ""


class Webhook(_Http):
    """One POST of JSON for each message, signed where it has a secret."""

    secrets = ("secret",)

    type: Literal["webhook"] = Field(default="webhook", description="A POST of JSON.")
    url: SecretText = Field(description="Where to POST; http or https.")
    headers: Annotated[dict[str, SecretStr], FromEnvironment] = Field(
        default_factory=dict, description="Headers to add; those that carry a secret take it from `${NAME}`."
    )
    template: Literal["generic", "slack"] = Field(
        default="generic", description="`generic`: every field as JSON; `slack`: the sentence as `text`."
    )
    secret: SecretText | None = Field(
        default=None, description="Key of the HMAC signature header, as `${NAME}`."
    )


class Slack(_Http):
    """An incoming webhook of Slack, or of a service that takes the same JSON."""

    secrets = ("url",)

    type: Literal["slack"] = Field(description="An incoming webhook of Slack, Mattermost, Rocket.Chat ...")
    url: SecretText = Field(description="Its address, as `${NAME}`: it is itself a secret.")


class Email(Channel):
    """A message by SMTP, over TLS unless the file says otherwise."""

    secrets = ("password",)

    type: Literal["email"] = Field(description="A message by SMTP.")
    server: str = Field(min_length=1, description="Host of the SMTP server.")
    port: int = Field(default=587, gt=0, lt=65536, description="Its port; 465 is usual with `tls`.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls`: refuse to go on without it; `tls`: from the first byte;"
        " `none`: in the clear, for a relay on the same host.",
    )
    user: Annotated[str, FromEnvironment] = Field(default="", description="Who logs in, where one must.")
    password: SecretText | None = Field(default=None, description="The password, as `${NAME}`.")
    sender: Annotated[str, FromEnvironment] = Field(description="The address it is from.")
    to: Annotated[tuple[Annotated[str, FromEnvironment], ...], BeforeValidator(_listed)] = Field(
        min_length=1, description="The address or addresses it goes to."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Email":
        """Refuse addresses that are none, and a password that would travel in the clear."""
        for address in (self.sender, *self.to):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(
                    f"{'sender' if address == self.sender else 'to'} is no address (a@b.example)"
                )
        if self.password and not self.user:
            raise ValueError("password has no user (expected both or none)")
        if self.password and self.security == "none":
            raise ValueError("security none would send the password in the clear (expected starttls or tls)")
        return self

    @property
    def host(self) -> str:
        """The server."""
        return self.server


class PagerDuty(_Http):
    """Events API v2: trigger, acknowledge and resolve under the incident's id."""

    secrets = ("routing_key",)

    type: Literal["pagerduty"] = Field(description="PagerDuty Events API v2.")
    routing_key: SecretText = Field(description="The integration key of the service, as `${NAME}`.")
    url: SecretText = Field(
        default=SecretStr(PAGERDUTY), description="Where events go, for the EU region or a proxy."
    )


class Command(Channel):
    """A program of one's own: the generic JSON on its standard input."""

    type: Literal["command"] = Field(description="A program, run without a shell.")
    command: tuple[str, ...] = Field(
        min_length=1, description="The program and its arguments, as a list; the JSON is its standard input."
    )
    timeout: int = Field(default=30, gt=0, le=300, description="Seconds after which it is killed.")

    @property
    def host(self) -> str:
        """The program's name."""
        return self.command[0].rpartition("/")[2]


KINDS: dict[str, type[Channel]] = {
    "webhook": Webhook,
    "slack": Slack,
    "email": Email,
    "pagerduty": PagerDuty,
    "command": Command,
}


def kind_of(fields: Mapping[str, Any]) -> type[Channel]:
    """Return the kind of channel that a file's entry describes; a webhook where it names none."""
    kind = fields.get("type") or "webhook"
    if kind not in KINDS:
        raise ValueError(f"type {kind!r} is no kind of channel (expected one of: {', '.join(KINDS)})")
    return KINDS[str(kind)]
