"""One call described by two spans is billed once.

Two cases that are certain: a model-call span directly beneath another one that reports the same usage (a
framework's instrumentation around a client's), and the Anthropic SDK's own span beside an instrumentor's
with the same response id. Only spans that arrive within a short time of each other can be compared; see
docs/collector.md.
"""

from collections import OrderedDict

from kansoku_collector.model import Span

ANTHROPIC_SDK = "com.anthropic.sdk."
_REMEMBERED = 50_000


class Repeats:
    """Recognises the second description of a call, within a batch and, for the Anthropic SDK, later."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], bool] = (
            OrderedDict()
        )  # (project, response id) -> by the SDK itself

    def mark(self, spans: list[Span]) -> None:
        """Clear `billed` of every span that repeats another one's call."""
        calls = [span for span in spans if span.billed]
        by_id = {(span.trace_id, span.span_id): span for span in calls}
        for span in calls:
            parent = by_id.get((span.trace_id, span.parent_span_id))
            if parent is not None and _same_call(span, parent):
                span.billed = False
        # The instrumentor's span first: it has the content.
        for span in sorted(
            (s for s in calls if s.response_id), key=lambda s: s.scope_name.startswith(ANTHROPIC_SDK)
        ):
            self._once(span)

    def _once(self, span: Span) -> None:
        own = span.scope_name.startswith(ANTHROPIC_SDK)
        if not own and span.provider != "anthropic" and not span.response_id.startswith("msg_"):
            return
        key = (span.project, span.response_id)
        other = self._seen.get(key)
        if other is not None and other is not own:
            span.billed = False
        elif span.billed:
            self._seen[key] = own
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def _same_call(span: Span, parent: Span) -> bool:
    if span.scope_name.startswith(ANTHROPIC_SDK):
        return True
    if span.response_id and span.response_id == parent.response_id:
        return True
    return span.usage_source != "none" and _tokens(span) == _tokens(parent)


def _tokens(span: Span) -> tuple[int, int]:
    given = (
        span.input_fresh
        + span.cache_read
        + span.cache_write_5m
        + span.cache_write_1h
        + span.audio_in
        + span.image
    )
    return given, span.output_visible + span.reasoning + span.audio_out
