"""Read spans back from a running collector in the shape that the corpus checker compares.

KANSOKU_URL=http://127.0.0.1:4318 KANSOKU_READ_KEY=ksk_... python check_otlp.py --adapter
benches/otlp_adapter.py ...
"""

import json
import os
import urllib.request
from typing import Any

_KINDS = {"execute_tool": "tool", "invoke_agent": "agent"}
_COPIED = (
    *(
        "trace_id",
        "span_id",
        "parent_span_id",
        "name",
        "provider",
        "request_model",
        "response_model",
        "response_id",
    ),
    *(
        "system_fingerprint",
        "input_messages",
        "output_messages",
        "finish_reasons",
        "tool_definitions",
        "streaming",
    ),
    *("error_type", "error_message", "session_id", "user_id", "tags", "metadata", "environment", "release"),
    *("prompt_name", "prompt_version", "documents", "tool_name", "tool_arguments", "tool_result"),
)


def read_rows(trace_ids: list[str]) -> list[dict[str, Any]]:
    """Return the stored spans of some traces with the checker's canonical keys."""
    return [row for trace_id in trace_ids for row in canonical(_trace(trace_id))]


def canonical(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of one trace as `GET /v1/traces/{id}` answers it."""
    scores = [{k: f[k] for k in ("name", "value", "label", "comment")} for f in trace["feedback"]]
    rows = [_row(span) for span in trace["spans"]]
    if rows:
        rows[0]["scores"] = scores
    return rows


def _row(span: dict[str, Any]) -> dict[str, Any]:
    known = span["usage_source"] != "none"
    row = {name: span[name] for name in _COPIED}
    row |= {name: json.loads(value) for name, value in span["parameters"].items()}
    row |= {
        "kind": _KINDS.get(span["operation"], span["operation"]),
        "system_text": json.loads(span["system_instructions"] or "null"),
        "input_tokens": span["input_tokens"] if known else None,
        "output_tokens": span["output_tokens"] if known else None,
        "cache_read_tokens": span["cache_read"],
        "cache_write_tokens": span["cache_write_5m"] + span["cache_write_1h"],
        "reasoning_tokens": span["reasoning"],
        "is_error": span["status"] == "error",
        "query": span["retrieval_query"],
        "cost_total": span["cost_usd"],
        "counts_usage": bool(span["billed"]),
    }
    return row


def _trace(trace_id: str) -> dict[str, Any]:
    base = os.environ.get("KANSOKU_URL", "http://127.0.0.1:4318")
    request = urllib.request.Request(f"{base}/v1/traces/{trace_id}")  # noqa: S310 - our own address
    if key := os.environ.get("KANSOKU_READ_KEY"):
        request.add_header("authorization", f"Bearer {key}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
