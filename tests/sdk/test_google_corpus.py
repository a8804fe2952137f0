"""Recorded exchanges of Google's APIs, replayed through the real client and compared with their spans."""

from typing import Any

import pytest
from google import genai
from google.genai import errors
from google.oauth2.credentials import Credentials
from support import corpus
from support.vendor import Reply, Vendor, recorded_reply, sse

# Recorded with `$alt=json;enum-encoding=int`, which this client does not speak: the words in their order.
WORDS = {
    "type": ("", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"),
    "finishReason": ("", "STOP", "MAX_TOKENS", "SAFETY"),
    "modality": ("", "TEXT", "IMAGE", "VIDEO", "AUDIO"),
    "trafficType": ("", "ON_DEMAND", "PROVISIONED_THROUGHPUT"),
}
# The vendor did say the usage of these; what is expected of them overlooks it, and the truth is in the body.
SAID_USAGE = {"embeddings-24ab2446": 4, "embeddings-c335c9c0": 11}
CASES = [(vendor, name) for vendor in ("gemini", "vertex") for name in corpus.names(vendor)]


def connect(vendor: str, url: str) -> genai.Client:
    """Return a client of one of Google's two APIs."""
    options: Any = {"base_url": url}
    if vendor == "gemini":
        return genai.Client(api_key="test", vertexai=False, http_options=options)
    return genai.Client(
        vertexai=True,
        project="p",
        location="global",
        credentials=Credentials(token="test"),  # type: ignore[no-untyped-call]
        http_options=options,
    )


def config_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the config that makes a recorded body: its generation config and what is beside the contents."""
    config = {**body.get("generationConfig", {})}
    for name in ("systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels"):
        if name in body:
            config[name] = spelled(body[name]) if name == "tools" else body[name]
    return config


def spelled(value: Any) -> Any:
    """Return a recorded body with its enums as words."""
    if isinstance(value, list):
        return [spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: WORDS[name][item] if name in WORDS and isinstance(item, int) else spelled(item)
        for name, item in value.items()
    }


def replay(response: dict[str, Any]) -> Reply:
    """Return a recorded reply; a stream that was recorded as a JSON array is sent as events."""
    body = response.get("body")
    if isinstance(body, list):
        return sse(*body, done=False)
    return recorded_reply({**response, "body": spelled(body)} if body is not None else response)


def call(client: genai.Client, url: str, body: Any) -> None:
    """Make the call that a recorded request was, whatever client made it."""
    model, _, method = url.partition("?")[0].rpartition("/models/")[2].partition(":")
    if method in ("embedContent", "batchEmbedContents"):
        requests = body.get("requests", [body])
        wanted = requests[0].get("outputDimensionality")
        contents = [request["content"] for request in requests]
        client.models.embed_content(
            model=model, contents=contents, config={"output_dimensionality": wanted} if wanted else None
        )
        return
    config: Any = {**config_of(body), "automatic_function_calling": {"disable": True}}
    if method == "streamGenerateContent":
        for _ in client.models.generate_content_stream(model=model, contents=body["contents"], config=config):
            pass
        return
    client.models.generate_content(model=model, contents=body["contents"], config=config)


@pytest.mark.parametrize(("where", "name"), CASES)
def test_a_recorded_call_is_told_as_it_was(
    where: str, name: str, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    exchange = corpus.load(where, name)
    vendor.answer(replay(exchange.response))
    with connect(where, vendor.url) as client:
        if exchange.expected["error"] is not None:
            with pytest.raises(errors.APIError):
                call(client, exchange.request["url"], exchange.request["body"])
        else:
            call(client, exchange.request["url"], exchange.request["body"])
    found = spans.attributes()
    if name in SAID_USAGE:
        assert found["gen_ai.usage.input_tokens"] == SAID_USAGE[name]
        found = {
            key: value for key, value in found.items() if not key.startswith(("gen_ai.usage", "kansoku.cost"))
        }
    corpus.check(exchange.expected, found)
