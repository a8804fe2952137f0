"""Where messages about incidents go; secrets come from the environment only."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Words in a header's name that make its value a secret.
_SECRET_HEADER = re.compile(r"authorization|key|token|secret|password|cookie", re.IGNORECASE)


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


FromEnvironment = BeforeValidator(_filled)


class Channel(BaseModel):
    """A webhook: one POST of JSON for each opening and each end of an incident."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str  # the key under `channels`
    type: Literal["webhook"] = Field(default="webhook", description="The only kind so far.")
    url: Annotated[SecretStr, FromEnvironment] = Field(description="Where to POST; http or https.")
    headers: Annotated[dict[str, SecretStr], FromEnvironment] = Field(
        default_factory=dict, description="Headers to add; those that carry a secret take it from `${NAME}`."
    )
    template: Literal["generic", "slack"] = Field(
        default="generic", description="`generic`: every field as JSON; `slack`: the sentence as `text`."
    )
    secret: Annotated[SecretStr, FromEnvironment] | None = Field(
        default=None, description="Key of the HMAC signature header, as `${NAME}`."
    )

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
        if data.get("secret") and not _refers(data["secret"]):
            literal.append("secret")
        url = str(data.get("url") or "")
        if "hooks.slack.com/services/" in url and not _refers(url):
            literal.append("url (a Slack address is itself a secret)")
        if literal:
            raise ValueError(
                f"{', '.join(literal)} stands in the file (expected a reference such as ${{NAME}})"
            )
        return data

    @model_validator(mode="after")
    def _address(self) -> "Channel":
        """Refuse an address that no request can be sent to."""
        parts = urlsplit(self.url.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url is no http or https address")
        return self

    @property
    def host(self) -> str:
        """The part of the address that may be shown: paths and queries of webhooks are secrets."""
        return urlsplit(self.url.get_secret_value()).hostname or ""


def _refers(value: Any) -> bool:
    return isinstance(value, str) and bool(_REFERENCE.search(value))
