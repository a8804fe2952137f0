"""BeeAI under OpenInference: each event of a call is a span of the call's own kind.

JavaScript's ends in the event and its number; the one of its success has the counts, and the answer as
BeeAI's messages, which are pieces where it was streamed.
"""

from kansoku_collector.model import RawSpan, Span
from kansoku_collector.normalise.frame import put_content
from kansoku_collector.normalise.messages import read_messages
from kansoku_collector.normalise.pieces import join_parts
from kansoku_collector.values import load

_PYTHON, JAVASCRIPT = "openinference.instrumentation.beeai", "@arizeai/openinference-instrumentation-beeai"
_EDGES = ("start-", "finish-")  # of a call whose success or error is another span


def is_event(raw: RawSpan) -> bool:
    """Tell whether a span is of something inside of a call, and not of the call."""
    if raw.scope_name == _PYTHON:
        return "metadata.path" in raw.attributes
    return raw.scope_name == JAVASCRIPT and raw.name.rpartition(".")[2].startswith(_EDGES)


def read_answer(value: object, span: Span) -> None:
    """Read the messages of an answer as one: the words beside them leave calls of tools out."""
    found = load(value)
    if not isinstance(found, list):
        return
    messages = read_messages(found, "assistant")
    if parts := join_parts(part for message in messages for part in message["parts"]):
        put_content(span, [], [], [{"role": "assistant", "parts": parts}])
