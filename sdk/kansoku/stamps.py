"""Who asked, and which prompt or experiment it was for: what every span inside of `context()` says."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context

from kansoku import semconv
from kansoku.guard import swallow
from kansoku.levels import level_of
from kansoku.spans.attached import attach, detach

_STAMPS = otel_context.create_key("kansoku-stamps")


@contextlib.contextmanager
def context(
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    prompt_name: str | None = None,
    prompt_version: str | int | None = None,
    experiment: str | None = None,
    capture_content: str | None = None,
) -> Iterator[None]:
    """Say for every span that starts inside who asked and which prompt or experiment it belongs to.

    Contexts nest: the inner value wins, tags and metadata add up. `capture_content` (full, metadata, off) can
    only record less than KANSOKU_CAPTURE_CONTENT allows; a word that is no level counts as off.
    """
    given = {
        semconv.SESSION_ID: session_id,
        semconv.USER_ID: user_id,
        semconv.PROMPT_NAME: prompt_name,
        semconv.PROMPT_VERSION: prompt_version,
        semconv.EXPERIMENT: experiment,
        semconv.CAPTURE_CONTENT: None if capture_content is None else level_of(capture_content),
        **{semconv.METADATA + str(key): value for key, value in (metadata or {}).items()},
    }
    token = None
    try:
        found = {**stamps(), **{key: str(value) for key, value in given.items() if value is not None}}
        if tags:
            listed = [tags] if isinstance(tags, str) else tags
            found[semconv.TAGS] = tuple(dict.fromkeys((*found.get(semconv.TAGS, ()), *map(str, listed))))
        token = attach(otel_context.set_value(_STAMPS, found))
    except Exception as error:  # noqa: BLE001 - the border
        swallow("trace.context", error)
    try:
        yield
    finally:
        if token is not None:
            detach(token)


def stamps(where: otel_context.Context | None = None) -> dict[str, Any]:
    """Return the attributes that `context()` asks for in an OpenTelemetry context (default: the current)."""
    found = (otel_context.get_current() if where is None else where).get(_STAMPS)
    return found if isinstance(found, dict) else {}
