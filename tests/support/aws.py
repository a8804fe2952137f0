"""Clients of AWS that talk to a server on loopback, and event streams as AWS sends them."""

import base64
import binascii
import functools
import json
import struct
from typing import Any

import botocore.session
from botocore.config import Config

from support.vendor import Reply


def connect(url: str, service: str = "bedrock-runtime", retries: int = 0) -> Any:
    """Return a client of a service."""
    client = _session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": retries}, read_timeout=60),
    )
    _open.append(client)
    return client


def close() -> None:
    """Close the clients made so far."""
    while _open:
        _open.pop().close()


_open: list[Any] = []


@functools.cache
def _session() -> Any:
    """Return the one session: it keeps the descriptions of services, which are slow to load."""
    return botocore.session.Session()


def event(name: str, payload: Any, kind: str = "event") -> bytes:
    """Return one message of an event stream; kind `exception` says that something went wrong."""
    named = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for key, value in named.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", len(headers) + len(body) + 16, len(headers))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + body
    return message + struct.pack("!I", binascii.crc32(message))


def chunk(payload: Any) -> bytes:
    """Return one chunk of a model's own stream."""
    return event("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode()})


def stream(*messages: bytes) -> Reply:
    """Return an event stream, one write a message."""
    return Reply(content_type="application/vnd.amazon.eventstream", pieces=list(messages))
