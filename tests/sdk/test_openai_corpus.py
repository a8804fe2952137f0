"""Recorded exchanges of the servers of the API, replayed by the real client, compared with their spans."""

import inspect
import json
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai
import pytest
from support import corpus

VENDORS = (
    "openai", "azure-openai", "cerebras", "deepseek", "groq", "huggingface", "ollama", "openrouter",
    "snowflake", "together", "zai",
)  # fmt: skip
ENDPOINTS = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "embeddings": "/embeddings",
    "completions": "/completions",
}
METHODS = {
    "chat": "chat.completions.create",
    "responses": "responses.create",
    "embeddings": "embeddings.create",
    "completions": "completions.create",
}
# A server fills the fields of an answer that it has nothing for: no model is none, a call of nothing is none.
EMPTY_CALL = {"id": None, "name": "", "arguments": ""}


def cases() -> list[Any]:
    """Return (vendor, name) of every exchange that the openai client can make."""
    found = [
        pytest.param(vendor, name, id=f"{vendor}-{name}")
        for vendor in VENDORS
        for name in corpus.names(vendor)
        if isinstance(name, str) and name.startswith(tuple(ENDPOINTS))
    ]
    absent = pytest.mark.skip(reason="the recorded exchanges are not on this machine")
    return found or [pytest.param("none", "none", marks=absent)]


def connect(model: Any, exchange: corpus.Exchange) -> Any:
    """Return a client that asks where the exchange was recorded."""
    response = exchange.response
    answers = model(response.get("body_sse") or response["body"], response["status"])
    url = urlsplit(exchange.request["url"])
    if "/deployments/" in url.path:
        version = parse_qs(url.query)["api-version"][0]
        endpoint = f"{url.scheme}://{url.netloc}"
        return answers.client(openai.AzureOpenAI, base_url=None, azure_endpoint=endpoint, api_version=version)
    path = url.path.removesuffix(ENDPOINTS[exchange.expected["api"]])
    return answers.client(base_url=f"{url.scheme}://{url.netloc}{path}")


@pytest.mark.parametrize(("vendor", "name"), cases())
def test_a_recorded_call_is_told_as_it_was(vendor: str, name: str, model: Any, spans: Any) -> None:
    """Provider, models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    exchange = corpus.load(vendor, name)
    client = connect(model, exchange)
    create = attrgetter(METHODS[exchange.expected["api"]])(client)
    names = inspect.signature(create).parameters
    body = exchange.request["body"]
    given = {key: value for key, value in body.items() if key in names}
    given["extra_body"] = {key: value for key, value in body.items() if key not in names} or None
    if exchange.expected["error"] is not None:
        with pytest.raises(openai.APIStatusError):
            create(**given)
    else:
        result = create(**given)
        if exchange.expected["stream"]:
            for _ in result:
                pass
    corpus.check(told(exchange), spans.attributes())


def told(exchange: corpus.Exchange) -> dict[str, Any]:
    """Return what a span should tell: nothing of fields that a server sent empty, all of the reasoning."""
    expected: dict[str, Any] = exchange.expected
    response: Any = expected["response"]
    if response is None:
        return expected
    calls = [call for call in response["tool_calls"] if call != EMPTY_CALL]
    for name in ("id", "model"):
        response[name] = response[name] or None
    reasoning = response["reasoning_text"] or streamed_details(exchange.response.get("body_sse", ""))
    return {**expected, "response": {**response, "tool_calls": calls, "reasoning_text": reasoning}}


def streamed_details(stream: str) -> str:
    """Return the reasoning that a stream tells in `reasoning_details` alone."""
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    deltas = [choice.get("delta") or {} for chunk in chunks for choice in chunk.get("choices") or ()]
    return "".join(part.get("text", "") for delta in deltas for part in delta.get("reasoning_details") or ())
