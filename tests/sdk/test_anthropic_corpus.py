"""Recorded exchanges of Anthropic's API, replayed through the real client and compared with their spans."""

import inspect
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from support import corpus
from support.vendor import Vendor, recorded_reply


def arguments(create: Callable[..., Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded body as arguments; what this version of the client does not name goes beside them."""
    known = inspect.signature(create).parameters
    named = {name: value for name, value in body.items() if name in known}
    rest = {name: value for name, value in body.items() if name not in known}
    return {**named, "extra_body": rest} if rest else named


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Using Claude with .* and 'thinking.type=enabled':UserWarning")
@pytest.mark.parametrize("name", corpus.names("anthropic"))
def test_a_recorded_call_is_told_as_it_was(
    name: str, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    exchange = corpus.load("anthropic", name)
    vendor.answer(recorded_reply(exchange.response))
    with anthropic.Anthropic(api_key="sk-test", base_url=vendor.url, max_retries=0) as client:
        beta = "beta=true" in exchange.request["url"]
        create = client.beta.messages.create if beta else client.messages.create
        given = arguments(create, exchange.request["body"])
        if exchange.expected["error"] is not None:
            with pytest.raises(anthropic.APIStatusError):
                create(**given)
        elif exchange.expected["stream"]:
            with create(**given) as stream:
                for _ in stream:
                    pass
        else:
            create(**given)
    corpus.check(exchange.expected, spans.attributes())
