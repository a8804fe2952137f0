"""Which attributes are content, in whatever dialect, and what is left of them at `metadata` and at `off`."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from kansoku.calls.parameters import SETTINGS as PARAMETERS
from kansoku.privacy import names
from kansoku.privacy.secrets import names_secret

FULL, METADATA, OFF = "full", "metadata", "off"
_STRICTNESS = {FULL: 0, METADATA: 1, OFF: 2}

# What an attribute holds, told by its name.
STRUCTURE = "structure"  # ids, names and settings of the call: never masked
MESSAGES = "messages"  # JSON of messages, tools or documents: has an outline without its text
SETTINGS = "settings"  # JSON of request parameters among which there may be text
PARAMETER = "parameter"  # one parameter of a request: a number, a word, or anything
CONTENT = "content"  # what somebody said, or what a function got and gave
PART = "part"  # a part of flattened messages that is no text: role, id, type
ERROR = "error"  # an error's message
STACK = "stack"
SECRET = "secret"  # noqa: S105 - the kind of an attribute
OTHER = "other"  # the program's own; masked, and kept at every level

# Flattened: llm.input_messages.0.message.content, gen_ai.prompt.0.content, retrieval.documents.0.document.id
_FLAT = re.compile(
    r"(?:llm\.(?:input_messages|output_messages|prompts|choices|tools|request\.functions)"
    r"|gen_ai\.(?:prompt|completion)|retrieval\.documents|reranker\.(?:input|output)_documents"
    r"|embedding\.embeddings|message|lmnr\.span\.(?:input|output))\.[0-9]"
    r"|(?:gen_ai\.prompt\.variable|traceloop\.entity|haystack\.component|message|input\.images|weave\.(?:input|output)s?"
    r"|langfuse\.observation\.(?:input|output)|ai\.prompt\.messages|mlflow\.spanInputs|smolagents)\."
)
_PARTS = re.compile(
    r"\.(?:role|id|score|type|finish_reason|tool_call_id|mime_type|index|tool_calls?(?:\.[0-9]+)?(?:\.tool_call)?"
    r"(?:\.function)?\.name|functions\.[0-9]+\.name)$"
)
_USER = "gen_ai.request.user"
_SETTING = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_FRAME = re.compile(r'^ {2,}File "[^"\n]*", line [0-9]+, in [^\n]*$', re.MULTILINE)


@lru_cache(maxsize=4096)
def kind_of(name: str) -> str:  # noqa: PLR0911 - one return a kind
    """Tell what the attribute of this name holds."""
    if name in names.MESSAGES:
        return MESSAGES
    if name in names.CONTENT:
        return CONTENT
    if name in names.SETTINGS:
        return SETTINGS
    if _FLAT.match(name):
        return PART if _PARTS.search(name) else CONTENT
    if name in (
        "exception.message",
        "error.message",
        "langfuse.observation.status_message",
        "otel.status_description",
    ):
        return ERROR
    if name in ("exception.stacktrace", "error.stack"):
        return STACK
    if name in names.STRUCTURE or name.startswith(names.STRUCTURE_PREFIXES):
        return STRUCTURE
    if names_secret(name):
        return SECRET
    return PARAMETER if name.startswith(names.PARAMETER_PREFIX) and name != _USER else OTHER


def stricter(one: str, other: Any) -> str:
    """Return the level that keeps less; no level asks for nothing, and a word that is none for the least."""
    asked = one if other is None else other if isinstance(other, str) and other in _STRICTNESS else OFF
    return asked if _STRICTNESS[asked] > _STRICTNESS[one] else one


def reduce(attributes: Mapping[str, Any], level: str) -> dict[str, Any]:
    """Return what a level keeps of a span's or an event's attributes."""
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        kind = kind_of(name)
        if kind in (STRUCTURE, OTHER, SECRET):
            kept[name] = value
        elif kind == STACK:
            kept[name] = frames(value)
        elif kind == SETTINGS:
            kept[name] = _json(_scalars(value))
        elif kind == PARAMETER and (setting := _setting(name, value)) is not None:
            kept[name] = setting
        elif level == METADATA:
            _write_outline(kept, name, value, kind)
    return kept


def without_text(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return only what cannot hold anybody's words: what is left when masking failed."""
    return {
        name: value
        for name, value in attributes.items()
        if isinstance(value, bool | int | float) or kind_of(name) == STRUCTURE
    }


def frames(stack: Any) -> str:
    """Return the places of a stack trace without its messages and source lines."""
    return "\n".join(_FRAME.findall(stack)) if isinstance(stack, str) else ""


def _write_outline(kept: dict[str, Any], name: str, value: Any, kind: str) -> None:
    if kind == PART:
        kept[name] = value
    elif kind == MESSAGES:
        found = _parsed(value)
        if isinstance(found, list | dict):
            kept[name] = _json(outline(found))
        else:
            kept[f"{name}_chars"] = size(value)
    else:
        kept[f"{name}_chars"] = size(value)


def outline(value: Any) -> Any:
    """Return messages, tools or documents without their text: roles, types, names, ids, and lengths."""
    if isinstance(value, list):
        return [outline(item) for item in value]
    if not isinstance(value, Mapping):
        return {"chars": size(value)}
    found: dict[str, Any] = {}
    # Anybody may be the `name` of a message; of a tool and its calls it is a function.
    named = "role" not in value and "content" not in value
    for field, item in value.items():
        if (field in names.KEPT or (field == "name" and named)) and isinstance(
            item, str | int | float | None
        ):
            found[field] = item
        elif field in names.HOLDERS and isinstance(item, list | Mapping):
            found[field] = outline(item)
        elif item is not None:
            found[f"{field}_chars"] = size(item)
    return found


def size(value: Any) -> int:
    """Return the length of a value in characters: of its text, or of its JSON."""
    if isinstance(value, str):
        return len(value)
    try:
        return len(_json(value))
    except (TypeError, ValueError, RecursionError):
        return len(str(value))


def _scalars(value: Any) -> Any:
    found = _parsed(value)
    if not isinstance(found, Mapping):
        return {}
    kept = {
        k: v for k, v in found.items() if isinstance(v, bool | int | float) or k in ("model", "model_name")
    }
    return {k: v for k, v in kept.items() if not isinstance(v, Mapping | list)}


def _setting(name: str, value: Any) -> Any:
    """Return what is a setting of a parameter: a number, one word, or those of a known object; else None."""
    if isinstance(value, bool | int | float) or (isinstance(value, str) and _SETTING.fullmatch(value)):
        return value
    if name.removeprefix(names.PARAMETER_PREFIX) not in PARAMETERS:
        return None
    found = _parsed(value)
    if isinstance(found, Mapping):
        return _json({k: v for k, v in found.items() if _setting("", v) is not None})
    words = found if isinstance(value, str) else value
    kept = isinstance(words, list | tuple) and all(_setting("", word) is not None for word in words)
    return value if kept else None


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return None
    if isinstance(value, Sequence):  # an array of JSON texts
        return [_parsed(item) for item in value]
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
