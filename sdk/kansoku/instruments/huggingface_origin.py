"""Where a call of Hugging Face's inference clients goes: the router, a provider, or one's own endpoint."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kansoku.guard import swallow
from kansoku.instruments.openai_hosts import Origin, find_provider

ROUTER = "huggingface"
# The hub's name of a provider -> OpenTelemetry's; others are called as the hub calls them.
_PROVIDERS = {
    "fireworks-ai": "fireworks",
    "zai-org": "zai",
    "featherless-ai": "featherless",
}
_OF_THE_HUB = frozenset({"", "auto", "hf-inference"})
_ROUTER_URL = "https://router.huggingface.co"


class Asked(NamedTuple):
    """What one call asks: a model, at a URL of its own, or of a provider through the router or directly."""

    model: str = ""
    url: str = ""
    provider: str = ""
    routed: bool = True

    @property
    def upstream(self) -> str:
        """Return the provider that the router was told to ask, "" for the router's own choice."""
        return self.provider if self.routed and not self.url and self.provider not in _OF_THE_HUB else ""

    @classmethod
    def by(cls, client: Any, arguments: Mapping[str, Any]) -> "Asked":
        """Return what a client asks with these arguments; the model of either may be a URL."""
        try:
            names = [str(name) for name in (arguments.get("model"), getattr(client, "model", None)) if name]
            urls = [name for name in names if name.startswith(("http://", "https://"))]
            models = [name for name in names if name not in urls]
            token = getattr(client, "token", None)
            return cls(
                model=models[0] if models else "",
                url=urls[0] if urls else "",
                provider=str(getattr(client, "provider", None) or ""),
                routed=not token or str(token).startswith("hf_"),
            )
        except Exception as error:  # noqa: BLE001 - the border: the call is made, whatever its arguments
            swallow("huggingface.asked", error)
            return cls()


def find_origin(asked: Asked, local_provider: str) -> Origin:
    """Return provider, host and port."""
    return _find(asked._replace(model=""), _router(), local_provider)


@lru_cache(maxsize=256)
def _find(asked: Asked, router: str, local_provider: str) -> Origin:
    if asked.url:
        provider = find_provider(urlsplit(asked.url).hostname or "", local_provider)
        return (ROUTER if provider == "openai" else provider, *_address(asked.url))
    if asked.routed or asked.provider in _OF_THE_HUB:
        return (ROUTER, *_address(router))
    return (_PROVIDERS.get(asked.provider, asked.provider), *_address(_base_url(asked.provider)))


def _router() -> str:
    constants = sys.modules.get("huggingface_hub.constants")
    return str(getattr(constants, "INFERENCE_PROXY_TEMPLATE", _ROUTER_URL))


def _base_url(provider: str) -> str:
    """Return the address of a provider as the hub's library has it."""
    known = getattr(sys.modules.get("huggingface_hub.inference._providers"), "PROVIDERS", {})
    tasks = known.get(provider) or {}
    return next((str(task.base_url) for task in tasks.values() if getattr(task, "base_url", None)), "")


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host, (parts.port or (80 if parts.scheme == "http" else 443)) if host else 0
