"""Recorded exchanges of Amazon Bedrock, replayed through botocore and compared with their spans."""

import json
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support import corpus
from support.vendor import recorded_reply


def connect(url: str, service: str = "bedrock-runtime") -> Any:
    """Return a client of AWS that talks to a server on loopback."""
    return botocore.session.Session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


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
        call, arguments = getattr(client, api), without_unknown(body)
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
    corpus.check(exchange.expected, spans.attributes())


def without_unknown(body: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded request as this version of botocore takes it."""
    return {key: value for key, value in body.items() if key != "modelId"}


def read(result: Any, recorded: dict[str, Any]) -> None:
    """Read a response to its end, as a program does."""
    if "stream" in result:
        assert list(result["stream"])
    elif "body" in result and "body_base64" in recorded:
        assert list(result["body"])
    elif "body" in result:
        assert json.loads(result["body"].read()) == recorded["body"]
