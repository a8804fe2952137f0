"""A model that answers inside the process: the real `openai` client on a transport without a network.

Works with any version of the client, whichever HTTP library it uses.
"""

import json
import sys
from typing import Any

import openai

MESSAGES = [{"role": "user", "content": "How many moons has Mars? 火星の衛星は？"}]
_HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-mini-2024-07-18"}
_USAGE = {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26}


def http_library() -> Any:
    """Return the HTTP library of the installed client: httpx2 since version 3, else httpx."""
    return sys.modules[openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]


def completion(text: str, **changes: Any) -> dict[str, Any]:
    """Return a chat completion; `changes` replace fields."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE, **changes}


def chunks(texts: list[str]) -> bytes:
    """Return a stream of chat chunks."""
    found = []
    for text in texts:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        found.append({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    found.append({**_HEAD, "object": "chat.completion.chunk", "choices": [last]})
    found.append({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in found) + b"data: [DONE]\n\n"


def client(reply: Any = None, *, asynchronous: bool = False, status: int = 200, **options: Any) -> Any:
    """Return a client whose server answers with `reply`: an object, bytes (a stream), or an exception."""
    http = http_library()
    given = completion("Two: Phobos and Deimos. 二つです。") if reply is None else reply

    def answer(request: Any) -> Any:
        if isinstance(given, Exception):
            raise given
        streamed = json.loads(request.content or b"{}").get("stream") and not isinstance(given, bytes)
        body = chunks(["Two: ", "Phobos ", "and Deimos."]) if streamed and reply is None else given
        if isinstance(body, bytes):
            return http.Response(status, headers={"content-type": "text/event-stream"}, content=body)
        return http.Response(status, json=body)

    kind, library = (openai.AsyncOpenAI, http.AsyncClient) if asynchronous else (openai.OpenAI, http.Client)
    settings = {"api_key": "sk-faults", "base_url": "https://api.openai.com/v1", "max_retries": 0, **options}
    return kind(http_client=library(transport=http.MockTransport(answer)), **settings)


def ask(from_client: Any, messages: Any = None, **options: Any) -> Any:
    """Make a chat call."""
    options.setdefault("model", "gpt-4o-mini")
    return from_client.chat.completions.create(messages=messages or MESSAGES, **options)


def text_of(response: Any) -> str:
    """Return the text of an answer or of a stream, read to its end."""
    if hasattr(response, "choices"):
        return str(response.choices[0].message.content)
    return "".join(chunk.choices[0].delta.content or "" for chunk in response if chunk.choices)
