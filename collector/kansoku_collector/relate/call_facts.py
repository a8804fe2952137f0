"""What is remembered of a model call: enough to recognise another description of it."""

import hashlib
from collections import OrderedDict
from typing import NamedTuple, TypeVar

from kansoku import semconv
from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects.mlflow import FLAVOUR
from kansoku_collector.values import dump, items, mapping

ANTHROPIC = "com.anthropic."  # the scopes of Anthropic's SDKs, and of its servers
AGENTS = frozenset({"claude_code", "cline", "codex", "gemini_cli", "qwen_code"})  # of coding agents
_MLFLOW, _LANGFUSE = "mlflow.tracing.provider", "langfuse-sdk"
_WRAPPER = "OpenAI-generation"  # what Langfuse's wrapper of the client calls its spans, and its handler none
_REMEMBERED = 30_000
_LONGEST_ID = 200
V = TypeVar("V")
Key = tuple[str, str, str]  # project, trace id, span id


class Facts(NamedTuple):
    """A model call, in what two descriptions of it agree; words are told by their hash."""

    key: Key
    service: str
    scope: str
    embeds: bool
    counted: bool
    given: int
    answered: int
    response_id: str
    start: int
    end: int
    elsewhere: bool  # its dialect says that a record of its own reports the call
    failed: bool
    models: tuple[str, str]  # asked, answered
    asked: int  # 0 where the description has no input
    said: int  # 0 where it has no answer
    fetched: bool  # its answer was made in the background, and may be fetched by several processes
    agent: bool  # a coding agent tells it, whose calls a gateway may tell as well
    cached: int
    fresh: int  # of what was given: not out of a cache, and into none


class Memory(OrderedDict[tuple[object, ...], V]):
    """A mapping that forgets its oldest entries."""

    def put(self, key: tuple[object, ...], value: V) -> None:
        """Remember a value."""
        self[key] = value
        if len(self) > _REMEMBERED:
            self.popitem(last=False)


def facts_of(key: Key, span: Span) -> Facts:
    """Return the facts of a model call."""
    fresh = span.input_fresh + span.audio_in + span.image
    return Facts(
        key,
        span.service,
        _scope_of(span),
        span.operation == "embeddings",
        span.usage_source != "none",
        fresh + span.cache_read + span.cache_write_5m + span.cache_write_1h,
        span.output_visible + span.reasoning + span.audio_out,
        _short(span.response_id),
        span.start,
        span.start + span.duration_ns,
        not span.billed,
        span.status == "error",
        (_short(span.request_model), _short(span.response_model)),
        hash(span.input_text) if span.input_text else 0,
        _said(span),
        semconv.FETCHED in span.attributes,
        span.dialect in AGENTS,
        span.cache_read,
        fresh,
    )


def _scope_of(span: Span) -> str:
    """Return which instrumentation tells of a call: all of MLflow's have one scope, and Langfuse's two."""
    scope = span.scope_name[:_LONGEST_ID]
    if scope == _MLFLOW:
        return f"{scope} {span.attributes.get(FLAVOUR) or span.name}"
    return f"{scope} {_WRAPPER}" if scope == _LANGFUSE and span.name == _WRAPPER else scope


def _said(span: Span) -> int:
    """Return what stands for an answer: its words, or the tools that it calls and nothing else."""
    if span.output_text or not span.output_messages:
        return hash(span.output_text) if span.output_text else 0
    parts = [part for message in items(span.output_messages) for part in items(mapping(message).get("parts"))]
    calls = [mapping(part) for part in parts if mapping(part).get("type") == "tool_call"]
    return hash(dump([[call.get("name"), call.get("arguments")] for call in calls])) if calls else 0


def _short(name: str) -> str:
    """Return an id, or what stands for one that is too long to be remembered thousands of times."""
    if len(name) <= _LONGEST_ID:
        return name
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()
