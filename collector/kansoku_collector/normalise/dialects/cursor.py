"""Cursor's export of what a team used: log records of requests, with counts and without words.

It comes from its servers, of every surface. Caches are counted beside the input, and models have names of its
own: the version of a Claude goes before its family, and how hard it thinks comes last.
"""

import re

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import first, rename, text

_EVENT = "cursor.event.id"
_COUNTED = "cursor.api.request."
_NAMES = {
    "cursor.model.name": s.REQUEST_MODEL,
    f"{_COUNTED}input_tokens": s.INPUT_TOKENS,
    f"{_COUNTED}output_tokens": s.OUTPUT_TOKENS,
    f"{_COUNTED}cache_read_tokens": s.CACHE_READ_TOKENS,
    f"{_COUNTED}cache_creation_tokens": s.CACHE_WRITE_TOKENS,
}
_USERS = ("cursor.user.email", "cursor.user.account_id", "cursor.user.id")
# A faster answer has another price: its name stays as it is.
_CLAUDE = re.compile(r"claude-(\d[\d.]*)-([a-z]+)(?:-(?:low|medium|high|xhigh|max|thinking))*")
_EFFORT = re.compile(r"(?:-(?:minimal|low|medium|high|xhigh|thinking))+$")


def is_cursor(raw: RawSpan) -> bool:
    """Tell whether a span is a record of Cursor's, by the id that it gives each."""
    return _EVENT in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: a request is a call, and its model has the vendor's name as well."""
    left[s.OPERATION] = "chat"
    rename(left, _NAMES)
    include_caches(left)
    gen_ai.read(raw, left, span)
    span.dialect = "cursor"
    span.session_id = span.session_id or text(left.pop("cursor.conversation.id", None))
    span.user_id = span.user_id or text(first(dict(raw.resource), *_USERS))
    if (model := _vendors(span.request_model)) != span.request_model:
        span.response_model = model


def _vendors(model: str) -> str:
    if found := _CLAUDE.fullmatch(model):
        return f"claude-{found[2]}-{found[1].replace('.', '-')}"
    return _EFFORT.sub("", model)
