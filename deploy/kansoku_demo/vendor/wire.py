"""Requests and answers in the OpenAI wire format, with their timing, as values: no socket here."""

import base64
import hashlib
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kansoku_demo.vendor import tokens, vectors
from kansoku_demo.vendor.model import AUGUST, JUDGE, NOVEMBER, Completion, Version, complete

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
FIRST_CHUNK, END = "x-simulated-first-chunk-seconds", "x-simulated-end-seconds"
RETRY_COUNT = "x-stainless-retry-count"
_CACHE_UNIT, _CACHE_MINIMUM = 128, 1024
_CHUNKS = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; `first_seconds` until the first chunk, `end_seconds` until the last."""

    status: int
    chunks: list[bytes]
    first_seconds: float
    end_seconds: float
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        """Every header of the answer, the simulated timing included."""
        own = {
            "content-type": "application/json",
            FIRST_CHUNK: f"{self.first_seconds:.6f}",
            END: f"{self.end_seconds:.6f}",
        }
        return list((own | self.headers).items())


class Vendor:
    """The vendor: `reply()` to a request at a time; the newer model version answers from `changed_at` on.

    vendor = Vendor(seed=7, changed_at=1_793_000_000.0)
    vendor.reply("/v1/chat/completions", body, at=time.time())
    """

    def __init__(self, seed: int, changed_at: float, retry_seconds: float = 0.0) -> None:
        self._seed = seed
        self._changed_at = changed_at
        self._retry_seconds = retry_seconds

    def reply(self, path: str, body: bytes, at: float, retry: int = 0) -> Reply:
        """Answer the `retry`-th attempt of a request that arrives at `at` (seconds since the epoch)."""
        if path not in {CHAT, EMBEDDINGS}:
            return _error(404, f"Unknown path {path}", "invalid_request_error", 0.02)
        try:
            request = json.loads(body)
            model = request["model"]
            _ = request["input"] if path == EMBEDDINGS else request["messages"][0]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return _error(400, f"The request cannot be understood: {error!r}", "invalid_request_error", 0.02)
        digest = hashlib.blake2b(body, digest_size=16, key=str(self._seed).encode()).hexdigest()
        # The minute is part of it: somebody who asks the same again later meets other weather.
        dice = random.Random(int(digest, 16) ^ int(at // 60))  # noqa: S311 - reproducible, not secret
        if path == EMBEDDINGS and isinstance(request["input"], list):
            return _embeddings(request, dice)  # the app's index: without it nobody could be answered at all
        if refusal := self._overload(dice, retry, model):
            return refusal
        if path == EMBEDDINGS:
            return _embeddings(request, dice)
        version = self._version(model, at)
        completion = complete(request, version, dice)
        answer = _Answer(
            request, completion, version, f"chatcmpl-{digest}{int(at) % 100_000:05d}", int(at), dice
        )
        return answer.stream() if request.get("stream") else answer.whole()

    def _version(self, model: str, at: float) -> Version:
        if model.startswith("qwen"):
            return JUDGE
        return NOVEMBER if at >= self._changed_at else AUGUST

    def _overload(self, dice: random.Random, retry: int, model: str) -> Reply | None:
        """Refuse a few requests: most succeed when tried again, some fail every time."""
        fate = dice.random()
        if model.startswith("qwen"):
            return None
        if fate < 0.004 or (fate < 0.008 and retry == 0):
            return _error(
                500,
                "The server had an error while processing your request.",
                "server_error",
                1.9,
                self._retry_seconds,
            )
        if fate < 0.02 and retry == 0:
            message = "Rate limit reached for requests per minute. Please try again shortly."
            # In simulated time nobody waits: the wait is part of the answer's time.
            seconds = 0.08 if self._retry_seconds else 0.68
            return _error(429, message, "rate_limit_exceeded", seconds, self._retry_seconds)
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A chat completion on its way to bytes."""

    request: dict[str, Any]
    completion: Completion
    version: Version
    id: str
    created: int
    dice: random.Random

    def whole(self) -> Reply:
        _, end = self._timing()  # nothing is visible before the whole answer is
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.completion.text or None,
            "refusal": None,
        }
        if calls := self._calls():
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason()}
        body = self._head("chat.completion") | {"choices": [choice], "usage": self._usage()}
        return Reply(200, [json.dumps(body, ensure_ascii=False).encode()], end, end)

    def stream(self) -> Reply:
        first, end = self._timing()
        head = self._head("chat.completion.chunk")
        events = [head | {"choices": [_choice(delta, None)]} for delta in self._deltas()]
        events.append(head | {"choices": [_choice({}, self._finish_reason())]})
        if (self.request.get("stream_options") or {}).get("include_usage"):
            events.append(head | {"choices": [], "usage": self._usage()})
        chunks = [b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events]
        return Reply(200, [*chunks, b"data: [DONE]\n\n"], first, end, {"content-type": "text/event-stream"})

    def _head(self, kind: str) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.version.name}
        # A self-hosted server has no fingerprint and no service tier.
        return (
            head
            if self.version is JUDGE
            else head | {"system_fingerprint": self.version.fingerprint, "service_tier": "default"}
        )

    def _deltas(self) -> Iterator[dict[str, Any]]:
        text = self.completion.text
        size = max(4, -(-len(text) // _CHUNKS))
        yield {"role": "assistant", "content": text[:size] or None}
        for i in range(size, len(text), size):
            yield {"content": text[i : i + size]}
        for index, call in enumerate(self._calls()):
            yield {"tool_calls": [{"index": index} | call]}

    def _calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{self.id[9:31]}{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
            }
            for index, (name, arguments) in enumerate(self.completion.calls)
        ]

    def _finish_reason(self) -> str:
        if self.completion.calls:
            return "tool_calls"
        return "length" if self.completion.truncated else "stop"

    def _usage(self) -> dict[str, Any]:
        prompt = self._prompt_tokens()
        answer = self._answer_tokens()
        return {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {"cached_tokens": self._cached_tokens(), "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.completion.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _prompt_tokens(self) -> int:
        said = sum(
            4 + tokens.count(m.get("content") or json.dumps(m.get("tool_calls", "")))
            for m in self.request["messages"]
        )
        tools = self.request.get("tools")
        return said + (tokens.count(json.dumps(tools, ensure_ascii=False)) if tools else 0)

    def _answer_tokens(self) -> int:
        spoken = tokens.count(self.completion.text)
        called = sum(12 + tokens.count(call["function"]["arguments"]) for call in self._calls())
        return spoken + called + self.completion.reasoning_tokens

    def _cached_tokens(self) -> int:
        """Serve the unchanging beginning of the prompt from the cache: from 1,024 tokens on, by 128."""
        fixed = self.request["messages"][0]["content"].partition("<documents>")[0].partition("<examples>")[0]
        tools = self.request.get("tools")
        size = tokens.count(fixed) + (tokens.count(json.dumps(tools, ensure_ascii=False)) if tools else 0)
        prefix = size // _CACHE_UNIT * _CACHE_UNIT
        return prefix if prefix >= _CACHE_MINIMUM and random.Random(self.id).random() < 0.65 else 0  # noqa: S311

    def _timing(self) -> tuple[float, float]:
        first = 0.16 + 0.24 * self.dice.lognormvariate(0, 0.45) + self._prompt_tokens() / 25_000
        first += self.completion.reasoning_tokens / (3 * self.version.tokens_per_second)
        return first, first + (
            self._answer_tokens() - self.completion.reasoning_tokens
        ) / self.version.tokens_per_second


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _embeddings(request: dict[str, Any], dice: random.Random) -> Reply:
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    dimensions = request.get("dimensions") or 1536
    found = [vectors.embed(text, dimensions) for text in texts]
    coded: list[Any] = [list(vector) for vector in found]
    if request.get("encoding_format") == "base64":
        coded = [base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() for vector in found]
    used = sum(tokens.count(text) for text in texts)
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(coded)],
        "model": request["model"],
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }
    seconds = 0.03 + 0.05 * dice.lognormvariate(0, 0.5) + used / 40_000
    return Reply(200, [json.dumps(body).encode()], seconds, seconds)


def _error(status: int, message: str, kind: str, seconds: float, retry_seconds: float | None = None) -> Reply:
    body = {
        "error": {"message": message, "type": kind, "param": None, "code": kind if status == 429 else None}
    }
    headers = {} if retry_seconds is None else {"retry-after-ms": str(max(1, int(1000 * retry_seconds)))}
    return Reply(status, [json.dumps(body).encode()], seconds, seconds, headers)
