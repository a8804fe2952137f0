"""CozeLoop's names beside the conventions': what a span is, and its input and output as JSON.

Programs that send OpenTelemetry to it (Volcengine's and Tencent's kits, hand-written spans) use them; of a
call both sides are OpenAI's objects.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import text

_KIND = "cozeloop.span_type"
_GIVEN, _ANSWERED = "cozeloop.input", "cozeloop.output"
MARKS = (_KIND, _GIVEN, _ANSWERED)
_OPERATIONS = {
    **{"model": "chat", "llm": "chat", "tool": "execute_tool", "function": "execute_tool"},
    **{"retriever": "retrieval", "embedding": "embeddings", "agent": "invoke_agent", "prompt": "chain"},
    **dict.fromkeys(("graph", "chain", "workflow", "custom", "parser", "main", "entry"), "chain"),
}
_CALLS = frozenset({"chat", "generate_content", "text_completion"})


def restore(left: Attributes) -> None:
    """Give what CozeLoop names the names of the conventions, where they are not there as well."""
    kind = _OPERATIONS.get(text(left.pop(_KIND, None)).lower())
    if kind and not left.get(s.OPERATION):
        left[s.OPERATION] = kind
    operation = text(left.get(s.OPERATION)).lower()
    if operation == "execute_tool":
        names = s.TOOL_ARGUMENTS, s.TOOL_RESULT
        if "gen_ai.tool.input" in left or "gen_ai.tool.output" in left:
            names = s.INPUT_VALUE, s.OUTPUT_VALUE
    elif operation in _CALLS:
        names = "gen_ai.prompt", "gen_ai.completion"
    else:
        names = s.INPUT_VALUE, s.OUTPUT_VALUE
    for source, name in zip((_GIVEN, _ANSWERED), names, strict=True):
        if source in left:
            left.setdefault(name, left.pop(source))
