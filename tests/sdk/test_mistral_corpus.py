"""Recorded exchanges of Mistral, replayed through its client and compared with their spans."""

from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import MistralError
from support import corpus
from support.vendor import recorded_reply


@pytest.mark.parametrize("name", corpus.names("mistral"))
def test_a_recorded_call_is_told_as_it_was(name: str, vendor: Any, spans: Any) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    exchange = corpus.load("mistral", name)
    vendor.answer(recorded_reply(exchange.response))
    arguments = {k: v for k, v in exchange.request["body"].items() if k != "stream"}
    with Mistral(api_key="test", server_url=vendor.url) as client:
        if exchange.expected["operation"] == "embeddings":
            arguments["inputs"] = arguments.pop("input")
            call: Any = client.embeddings.create
        else:
            call = client.chat.stream if exchange.expected["stream"] else client.chat.complete
        if exchange.expected["error"] is not None:
            with pytest.raises(MistralError):
                call(**arguments)
        else:
            result = call(**arguments)
            if exchange.expected["stream"]:
                assert list(result)
    corpus.check(exchange.expected, spans.attributes())
