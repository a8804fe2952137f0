"""Recorded exchanges of Amazon Bedrock, replayed through botocore and compared with their spans."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from support import aws, corpus
from support.aws import connect
from support.vendor import recorded_reply


@pytest.mark.parametrize("name", corpus.names("bedrock"))
def test_a_recorded_call_is_told_as_it_was(name: str, vendor: Any, spans: Any) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    exchange = corpus.load("bedrock", name)
    vendor.answer(recorded_reply(exchange.response))
    client = connect(vendor.url)
    model = unquote(exchange.request["url"].split("/model/")[1].rpartition("/")[0])
    body = exchange.request["body"]
    api = exchange.expected["api"]
    if api.startswith("converse"):
        call, arguments = getattr(client, api), body
    else:
        call = (
            client.invoke_model_with_response_stream if exchange.expected["stream"] else client.invoke_model
        )
        arguments = {"body": json.dumps(body)}
    if exchange.expected["error"] is not None:
        with pytest.raises(ClientError):
            call(modelId=model, **arguments)
    else:
        read(call(modelId=model, **arguments), exchange.response)
    aws.close()
    corpus.check(exchange.expected, spans.attributes())


def read(result: Any, recorded: dict[str, Any]) -> None:
    """Read a response to its end, as a program does."""
    if "stream" in result:
        assert list(result["stream"])
    elif "body" in result and "body_base64" in recorded:
        assert list(result["body"])
    elif "body" in result:
        assert json.loads(result["body"].read()) == recorded["body"]
