"""Recorded exchanges of Voyage AI, replayed through its client and compared with their spans."""

from typing import Any

import pytest
import voyageai
from support import corpus
from support.vendor import recorded_reply

GIVEN = {
    "input": "texts",
    "query": "query",
    "documents": "documents",
    "inputs": "inputs",
    "model": "model",
    "input_type": "input_type",
    "truncation": "truncation",
    "output_dtype": "output_dtype",
    "output_dimension": "output_dimension",
    "top_k": "top_k",
}


@pytest.mark.parametrize("name", corpus.names("voyageai"))
def test_a_recorded_call_is_told_as_it_was(name: str, vendor: Any, spans: Any) -> None:
    """Models, number and size of the vectors, errors and usage match."""
    exchange = corpus.load("voyageai", name)
    vendor.answer(recorded_reply(exchange.response))
    client = voyageai.Client(api_key="test", base_url=vendor.url)
    call = client.rerank if exchange.expected["operation"] == "rerank" else client.embed
    arguments = {GIVEN[k]: v for k, v in exchange.request["body"].items() if k in GIVEN}
    if exchange.expected["error"] is not None:
        with pytest.raises(voyageai.error.VoyageError):
            call(**arguments)
    else:
        call(**arguments)
    corpus.check(exchange.expected, spans.attributes())
