"""Who and which: the application's own properties, which an SDK puts on every span of a trace.

They sit on spans of any dialect, because a span processor adds them to whatever the process records.
"""

from typing import Any

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.frame import put_metadata, texts
from kansoku_collector.values import mapping, text

# The longest first: what is inside `metadata.` is metadata whatever its name.
_PREFIXES = (
    "lmnr.association.properties.metadata.",
    "lmnr.association.properties.",
    "traceloop.association.properties.",
    "ai.telemetry.metadata.",
    "ai.settings.context.",
    "mastra.metadata.",
    "confident.trace.",
)
_TRACE = _PREFIXES[-1]  # DeepEval's, where the application's own keys are inside one of these
_OF_TRACE = frozenset(("user_id", "thread_id", "tags", "metadata", "environment"))
_NESTED = _PREFIXES[0]  # the application's own keys, whatever they are called
_SESSION = ("sessionid", "threadid", "conversationid", "chatid")
_USER = ("userid", "enduserid")
_FRAMEWORK = ("ls_", "lc_", "langgraph_")  # LangChain's own notes on a run, not the application's
_PROMPTS = ("langfusePrompt",)


def read_context(left: Attributes, span: Span) -> None:
    """Fill session, user, tags, metadata and prompt from association properties; `left` loses them."""
    for key in [key for key in left if key.startswith(_PREFIXES)]:
        prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
        name = key.removeprefix(prefix)
        if prefix == _TRACE:
            _put_trace(span, name, left)
        elif not name.startswith(_FRAMEWORK):
            _put(span, name, left.pop(key), nested=prefix == _NESTED)


def _put_trace(span: Span, name: str, left: Attributes) -> None:
    """Store what DeepEval says of a trace; its evaluation's own facts stay attributes."""
    if name not in _OF_TRACE:
        return
    value = left.pop(_TRACE + name)
    if name == "metadata":
        put_metadata(span, mapping(value))
    elif name == "environment":
        span.environment = span.environment or text(value)
    else:
        _put(span, name, value, nested=False)


def _put(span: Span, name: str, value: Any, *, nested: bool) -> None:
    plain = name.replace("_", "").replace(".", "").replace("-", "").lower()
    if not nested and plain in _SESSION:
        span.session_id = text(value) if plain == _SESSION[0] else span.session_id or text(value)
    elif not nested and plain in _USER:
        span.user_id = text(value) or span.user_id
    elif not nested and plain in ("tags", "labels"):
        span.tags = list(dict.fromkeys([*span.tags, *_tags(value)]))
    elif name in _PROMPTS:
        prompt = mapping(value)
        span.prompt_name = span.prompt_name or text(prompt.get("name"))
        span.prompt_version = span.prompt_version or text(prompt.get("version"))
    else:
        put_metadata(span, {name: value})


def _tags(value: Any) -> list[str]:
    """Return tags: a list, or what JavaScript makes of one where an attribute has to be a text."""
    if isinstance(value, str) and value[:1] != "[":
        return [tag for part in value.split(",") if (tag := part.strip())]
    return texts(value)
