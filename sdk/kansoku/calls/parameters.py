"""Request parameters that OpenTelemetry has no name for, of any vendor: `gen_ai.request.<name>`.

Numbers, booleans and the words of known parameters are always recorded; other values may be content, and are
recorded only where content is. Messages, prompts, files, tools, headers and secrets are never parameters.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from kansoku import semconv
from kansoku.content import cut, is_secret, plain, to_json

# What the readers tell elsewhere or not at all: content, the transport's settings, callbacks.
_OTHERWISE = frozenset(
    {
        "audio_url", "callbacks", "chat_history", "client", "contents", "conversation", "dimensions",
        "document", "documents", "encoding_format", "extra_body", "extra_headers", "extra_query", "file",
        "files", "functions", "headers", "http_client", "http_headers", "idempotency_key", "image", "images",
        "input", "inputs", "instructions", "known_speaker_references", "mask",
        "message", "messages", "model", "parse_as", "prediction",
        "preamble", "previous_response_id", "prompt", "query", "request_options", "response_model", "retries",
        "safety_identifier", "self", "server_url", "stop", "stop_sequences", "stream", "suffix", "system",
        "template", "text_format", "texts", "timeout", "timeout_ms", "tools", "url", "user", "user_id",
    }
)  # fmt: skip
# Words and objects that are settings whatever their values are.
SETTINGS = frozenset(
    {
        "audio", "background", "chunking_strategy", "include", "input_fidelity", "language", "logit_bias",
        "modalities", "moderation", "output_format", "parallel_tool_calls", "prompt_cache_options",
        "prompt_cache_retention", "provider", "quality", "reasoning", "reasoning_format", "response_format",
        "route", "service_tier", "size", "stream_format", "stream_options", "style", "thinking",
        "timestamp_granularities", "tool_choice", "transforms", "truncation", "verbosity", "voice",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LONGEST = 4096
_FLAGS = frozenset({bool, int, type(None)})
_NAMELESS = ("NotGiven", "Omit", "_Unset", "Unset", "type", "ModelMetaclass")


def add_parameter(found: dict[str, Any], name: str, value: Any, capture: bool) -> None:
    """Add a parameter to `found`, if it is one and may be told."""
    if value is None or value is ... or name in _OTHERWISE or not _NAME.fullmatch(name) or is_secret(name):
        return
    if isinstance(value, Enum):
        value = value.value
    key = semconv.REQUEST + name
    if isinstance(value, bool | int | float):
        found[key] = value
    elif type(value) is dict and name in SETTINGS and _FLAGS.issuperset(map(type, value.values())):
        found[key] = _flags(tuple(value.items()), tuple(map(type, value.values())))
    elif (capture or name in SETTINGS) and type(value).__name__ not in _NAMELESS:
        told = value if isinstance(value, str) else plain(_fields(value))
        if not capture and isinstance(told, dict):  # what is deeper may be words, such as those of a schema
            told = {name: each for name, each in told.items() if not isinstance(each, dict | list)}
        if isinstance(told, str) and told.startswith("data:"):
            return  # a file, whatever the parameter is called
        found[key] = cut(told, _LONGEST) if isinstance(told, str) else to_json(told, _LONGEST)


@lru_cache(maxsize=512)
def _flags(items: tuple[Any, ...], types: tuple[type, ...]) -> str:  # noqa: ARG001 - 1 and True are the same key
    """Return the JSON of settings that come again with every call, such as `stream_options`."""
    return to_json(plain(dict(items)), _LONGEST)


def _fields(value: Any) -> Any:
    """Return the fields that were set of a vendor's own model, else the value."""
    dump = getattr(value, "model_dump", None)
    return dump(exclude_unset=True) if callable(dump) and not isinstance(value, Mapping) else value
