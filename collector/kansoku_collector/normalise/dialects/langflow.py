"""Langflow's own tracing: a flow and its components, with what they were given and returned as JSON.

It tells no tokens; calls of models are told by an instrumentation beside it.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.values import rename, text

_SCOPE = "langflow."
_METADATA = "metadata."


def is_langflow(raw: RawSpan) -> bool:
    """Tell whether Langflow's tracer for OTLP wrote a span, by its scope and the type of each."""
    return raw.scope_name.startswith(_SCOPE) and (
        "trace_type" in raw.attributes or "langflow.trace_type" in raw.attributes
    )


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` as a step of a flow; an exception is told in an event alone."""
    left[s.OPERATION] = "invoke_workflow"
    rename(left, {"inputs": s.INPUT_VALUE, "outputs": s.OUTPUT_VALUE})
    gen_ai.read(raw, left, span)
    span.dialect = "langflow"
    span.session_id = span.session_id or text(left.pop("langflow.session_id", None))
    span.user_id = span.user_id or text(left.pop("langflow.user_id", None))
    told = [name for name in left if name.startswith(_METADATA)]
    put_metadata(span, {name.removeprefix(_METADATA): left.pop(name) for name in told})
    if span.status == "unset" and any(event.name == "exception" for event in raw.events):
        span.status = "error"
