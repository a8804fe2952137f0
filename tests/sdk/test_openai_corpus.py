"""Recorded exchanges of the real API, replayed through the real client and compared with their spans."""

from typing import Any

import openai
import pytest
from support import corpus


@pytest.mark.parametrize("name", corpus.names("openai"))
def test_a_recorded_call_is_told_as_it_was(name: str, model: Any, spans: Any) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, fingerprint, parameters and usage match."""
    exchange = corpus.load("openai", name)
    response = exchange.response
    client = model(response.get("body_sse") or response["body"], response["status"]).client()
    create = {
        "chat": client.chat.completions.create,
        "responses": client.responses.create,
        "embeddings": client.embeddings.create,
        "completions": client.completions.create,
    }[exchange.expected["api"]]
    if exchange.expected["error"] is not None:
        with pytest.raises(openai.APIStatusError):
            create(**exchange.request["body"])
    else:
        result = create(**exchange.request["body"])
        if exchange.expected["stream"]:
            for _ in result:
                pass
    corpus.check(exchange.expected, spans.attributes())
