"""Steps that coding agents tell in log records: calls of models, tools and prompts.

Claude Code and Codex send records and metrics unless somebody switches their spans on. Then each record names
a span, and what it says is in spans; where it names none it is all that there is, and becomes a span itself.
Gemini CLI tells its answers in records that never name one; so did Qwen Code before it wrote spans of them,
and Cline and Cursor have nothing but records.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from kansoku import semconv as s
from kansoku_collector.decode.otlp import attributes
from kansoku_collector.model import Attributes, RawSpan
from kansoku_collector.values import count, text

SAID = "claude_code.assistant_response"  # the words of an answer, which the call itself leaves out
_REDACTED = "<REDACTED>"
_COUNTED = "input_token_count"  # Codex tells the end of an answer twice: once by its event, once with counts
_ERROR = "claude_code.api_error"
_PROMPTS = frozenset({"claude_code.user_prompt", "codex.user_prompt"})
# What a span of the same kind is called: Claude Code's own spans have these names.
_NAMES = {
    "claude_code.api_request": "claude_code.llm_request",
    _ERROR: "claude_code.llm_request",
    "claude_code.tool_result": "claude_code.tool",
    "claude_code.user_prompt": "claude_code.interaction",
    **dict.fromkeys(("codex.sse_event", "codex.api_request", "codex.websocket_request"), "codex.response"),
    "codex.tool_result": "codex.tool",
    "codex.user_prompt": "codex.prompt",
    "gemini_cli.api_response": "gemini_cli.response",
    **{name: name for name in ("qwen-code.api_response", "qwen-code.api_error", "qwen-code.tool_call")},
    **{name: name for name in ("cursor.api.request", "cursor.api.error")},
    **{name: name for name in ("cline.tokens", "cline.tool_used", "cline.error")},
}
_FAILURES = frozenset({_ERROR, "qwen-code.api_error", "cursor.api.error", "cline.error"})
_EVENT = "cursor.event.id"  # the same whenever Cursor sends a record again
# Two call a record in its body, and by words that others may use as well: an attribute tells whose it is.
_BODIES = {
    "api_request": ("cursor.api.request", _EVENT),
    "api_error": ("cursor.api.error", _EVENT),
    "task.tokens": ("cline.tokens", "tokensIn"),
    "task.tool_used": ("cline.tool_used", "ulid"),
    "sdk.error": ("cline.error", "providerKind"),  # of a request; other errors have no provider
}
_SESSIONS = ("session.id", "conversation.id", "cursor.conversation.id", "ulid")
_TURNS = ("prompt.id", "prompt_id", "cursor.request.id")
_STATUSES = ("status_code", "http.response.status_code", "error_status")
_ASKED = frozenset({"codex.api_request", "codex.websocket_request"})
_FAILED = "error.message"  # of a request that Codex got no answer to
_MESSAGES = ("error", _FAILED, "error_message")
_ANSWERS = "/responses"  # where models are asked; lists of models and the like may fail as well
_DURATION = "duration_ms"
_LONGEST_MS = 24 * 3600 * 1000


class Step(NamedTuple):
    """A record and what it belongs to, read as far as its name."""

    record: LogRecord
    name: str
    time_ns: int
    resource: Attributes
    scope_name: str
    scope_version: str


def is_step(record: LogRecord, name: str) -> bool:
    """Tell whether a record is a step that no span tells."""
    if name not in _NAMES or record.trace_id or record.span_id:
        return False
    if name in _ASKED:
        found = {pair.key: pair.value.string_value for pair in record.attributes}
        return _FAILED in found and found.get("endpoint", _ANSWERS).startswith(_ANSWERS)
    return name != "codex.sse_event" or any(pair.key == _COUNTED for pair in record.attributes)


def name_in_body(record: LogRecord) -> str:
    """Return the name of a step that its record's body tells, or "" where it tells none."""
    name, mark = _BODIES.get(record.body.string_value, ("", ""))
    return name if mark and any(pair.key == mark for pair in record.attributes) else ""


def answer_of(record: LogRecord) -> str:
    """Return the id of the request whose answer a record has the words of, or "" where it has none."""
    found = {pair.key: pair.value.string_value for pair in record.attributes}
    return found.get("request_id", "") if found.get("response", _REDACTED) != _REDACTED else ""


def spans_of(steps: Iterator[Step]) -> Iterator[RawSpan]:
    """Yield a span for each step; of Codex' calls the request before them tells when they began."""
    began: dict[str, int] = {}
    for step in steps:
        found = attributes(step.record.attributes)
        if step.name in _ASKED and _FAILED not in found:
            began[text(found.get("conversation.id"))] = step.time_ns - _duration(found)
        elif is_step(step.record, step.name):
            yield _span(step, found, began)


def _span(step: Step, found: Attributes, began: dict[str, int]) -> RawSpan:
    name = step.name
    session, turn = text(_first(found, _SESSIONS)), text(_first(found, _TURNS))
    own = text(found.get(_EVENT)).encode("utf-8", "replace")
    own = own or step.record.SerializeToString(deterministic=True)
    root = _hash(f"{session}\0{turn}".encode("utf-8", "replace"), 8)
    prompt, failed = name in _PROMPTS, name in _FAILURES or name in _ASKED
    if request := found.get("request_id"):
        found.setdefault(s.RESPONSE_ID, request)  # as in Claude Code's spans
    if failed:
        found.setdefault(s.ERROR_TYPE, text(_first(found, _STATUSES)))
    start = step.time_ns - _duration(found)
    if name == "codex.sse_event":
        start = min(start, began.pop(session, start))
    return RawSpan(
        trace_id=_hash(b"trace\0" + f"{session}\0{turn}".encode("utf-8", "replace") if session else own, 16),
        span_id=root if prompt and turn else _hash(own, 8),
        parent_span_id=root if "prompt.id" in found and not prompt else "",
        name=_NAMES[name],
        start_ns=max(0, start),
        end_ns=step.time_ns,
        status_code=2 if failed else 0,
        status_message=text(_first(found, _MESSAGES)) if failed else "",
        attributes=found,
        events=[],
        links=[],
        resource=step.resource,
        scope_name=step.scope_name,
        scope_version=step.scope_version,
    )


def _first(found: Attributes, names: tuple[str, ...]) -> Any:
    return next((value for name in names if (value := found.get(name))), None)


def _duration(found: Attributes) -> int:
    """Return how long a step took, in nanoseconds."""
    return min(count(found.get(_DURATION)) or 0, _LONGEST_MS) * 10**6


def _hash(content: bytes, size: int) -> str:
    return hashlib.blake2b(content, digest_size=size).hexdigest()
