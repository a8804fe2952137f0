"""Names of a length that screens can carry: they are listed, grouped by and kept longest of all."""

import hashlib
from collections.abc import Callable
from operator import attrgetter

from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span

LONGEST_NAME = 1000  # characters; one of megabytes would travel to every reader of a screen, for years
_MARK = 16  # hex digits that tell two names apart which begin alike
# Not those by which a call is known again, such as the id of its answer.
_NAMES = (
    "name", "service", "environment", "release", "scope_name", "scope_version", "operation", "provider",
    "request_model", "response_model", "session_id", "user_id", "prompt_name", "prompt_version",
    "experiment", "tool_name", "error_type",
)  # fmt: skip
_read = attrgetter(*_NAMES)


def short_names(metrics: Metrics) -> Callable[[Span], None]:
    """Return the stage that cuts the names of a row, and counts each in `kansoku_cut_total`."""

    def cut(span: Span) -> None:
        values = _read(span)
        if max(map(len, values)) > LONGEST_NAME:
            for name, value in zip(_NAMES, values, strict=True):
                if len(value) > LONGEST_NAME:
                    setattr(span, name, short_name(value))
                    metrics.cut.labels("traces", "long_name").inc()
        if span.tags:
            span.tags = [short_name(tag) for tag in span.tags]

    return cut


def short_name(value: str) -> str:
    """Return a name as it is, or its beginning with a mark of all of it: equal names stay equal."""
    if len(value) <= LONGEST_NAME:
        return value
    mark = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:_MARK]
    return f"{value[: LONGEST_NAME - _MARK - 1]}…{mark}"
