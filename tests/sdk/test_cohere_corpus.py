"""Recorded exchanges of Cohere, replayed through its client and compared with their spans."""

from typing import Any

import cohere
import pytest
from support import corpus
from support.vendor import recorded_reply


@pytest.mark.parametrize("name", corpus.names("cohere"))
def test_a_recorded_call_is_told_as_it_was(name: str, vendor: Any, spans: Any) -> None:
    """Models, id, finish reasons, texts, tool calls, parameters and usage match."""
    exchange = corpus.load("cohere", name)
    vendor.answer(recorded_reply(exchange.response))
    old = "/v1/" in exchange.request["url"]
    with (cohere.Client if old else cohere.ClientV2)("test", base_url=vendor.url) as client:
        replay(client, exchange)
    corpus.check(exchange.expected, spans.attributes())


def replay(client: Any, exchange: corpus.Exchange) -> None:
    """Make the recorded call and read its answer."""
    stream = exchange.expected["stream"]
    call = {
        "rerank": client.rerank,
        "embeddings": client.embed,
        "chat": client.chat_stream if stream else client.chat,
    }[exchange.expected["operation"]]
    left = ("stream", "max_chunks_per_doc")
    arguments = {k: v for k, v in exchange.request["body"].items() if v is not None and k not in left}
    if exchange.expected["error"] is not None:
        with pytest.raises(cohere.core.ApiError):
            list(call(**arguments))
    else:
        result = call(**arguments)
        if stream:
            assert list(result)
