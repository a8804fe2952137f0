"""Haystack under OpenInference: messages and tools are printed as Python prints them.

What its spans leave out of an answer, the finish reason and the parts of usage, is in the metadata at the end
of the printed message; a tool's name, description and parameters are at the beginning of the printed tool.
"""

import re
from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.normalise.counts import vendor_counts
from kansoku_collector.normalise.frame import put_reasons, put_usage
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.values import dump

SCOPE = "openinference.instrumentation.haystack"
_METADATA = re.compile(r"_meta=(\{.*\})\)$", re.DOTALL)
_TOOL = re.compile(r"Tool\(name=('.*?'), description=(['\"].*?['\"]), parameters=(\{.*?\}), \w+=", re.DOTALL)
_LONGEST = 1 << 16  # characters that are looked through


def read_replies(response: dict[str, Any], span: Span) -> None:
    """Fill model, finish reasons and usage from the answers' metadata."""
    replies = response.get("replies")
    told = [_metadata(reply) for reply in replies] if isinstance(replies, list) else []
    reasons = [found["finish_reason"] for found in told if found.get("finish_reason")]
    if reasons and not span.finish_reasons:
        put_reasons(span, reasons, called="tool_call" in span.output_messages)
    for found in told[:1]:
        span.response_model = span.response_model or str(found.get("model") or "")
        counts = vendor_counts(found.get("usage"))
        if counts and counts["input_tokens"] == span.input_fresh:
            put_usage(span, counts)


def read_tools(request: dict[str, Any], span: Span) -> None:
    """Store what each printed tool says of itself."""
    printed = request.get("tools")
    if isinstance(printed, list) and printed and all(isinstance(item, str) for item in printed):
        tools = [_tool(item) for item in printed]
        span.tool_definitions = dump([tool for tool in tools if tool])


def _metadata(value: Any) -> dict[str, Any]:
    found = _METADATA.search(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    metadata = read_printed(found.group(1)) if found else None
    return metadata if isinstance(metadata, dict) else {}


def _tool(printed: str) -> dict[str, Any]:
    found = _TOOL.match(printed[:_LONGEST])
    name, description, parameters = (read_printed(part) for part in found.groups()) if found else (None,) * 3
    if not isinstance(name, str):
        return {}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}
