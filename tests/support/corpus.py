"""Recorded exchanges of real APIs: which there are, and whether a span tells one as it was.

They are read in place and are no part of this project; where they are absent the tests are skipped.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3] / "shared" / "corpus" / "http"
# The vendors' words for the end of an answer, and the finish reasons that they may stand for.
WORDS: dict[Any, set[str]] = {
    "completed": {"stop", "tool_calls"},
    "incomplete": {"length", "content_filter"},
    "end_turn": {"stop"},
    "stop_sequence": {"stop"},
    "endoftext": {"stop"},
    "function_call": {"tool_calls"},
    "model_context_window_exceeded": {"length"},
    "model_length": {"length"},
    "STOP_SEQUENCE": {"stop"},
    "COMPLETE": {"stop"},
    "FINISH": {"stop"},
    "FINISHED": {"stop"},
    "max_tokens": {"length"},
    "MAX_TOKENS": {"length"},
    "LENGTH": {"length"},
    "tool_use": {"tool_calls"},
    "TOOL_CALL": {"tool_calls"},
    "guardrail_intervened": {"content_filter"},
    "content_filtered": {"content_filter"},
    "CONTENT_FILTERED": {"content_filter"},
    "refusal": {"content_filter"},
    **dict.fromkeys(("STOP", 1), {"stop", "tool_calls"}),  # Gemini; a proxy may send the enum's numbers
    **dict.fromkeys(("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"), {"content_filter"}),
    **dict.fromkeys(("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "MODEL_ARMOR"), {"content_filter"}),
}


@dataclass
class Exchange:
    """One recorded exchange and what it should be read as."""

    vendor: str
    name: str
    request: dict[str, Any]
    response: dict[str, Any]
    expected: dict[str, Any]


def names(vendor: str, prefix: str = "") -> list[Any]:
    """Return a vendor's exchanges for `pytest.mark.parametrize`; a skipped one where there are none."""
    found = sorted(p.name.removesuffix(".expected.json") for p in (ROOT / vendor).glob("*.expected.json"))
    if not found:
        absent = "the recorded exchanges are not on this machine"
        return [pytest.param("none", marks=pytest.mark.skip(reason=absent))]
    return [name for name in found if name.startswith(prefix)]


def load(vendor: str, name: str) -> Exchange:
    """Read one exchange."""
    recorded = json.loads((ROOT / vendor / f"{name}.json").read_text("utf-8"))
    expected = json.loads((ROOT / vendor / f"{name}.expected.json").read_text("utf-8"))
    return Exchange(vendor, name, recorded["request"], recorded["response"], expected)


def check(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Compare everything that is expected with the attributes of the span."""
    assert found["gen_ai.operation.name"] == expected["operation"]
    assert found["gen_ai.provider.name"] == expected["provider"]
    assert found["gen_ai.request.model"] == expected["request"]["model"]
    assert found.get("gen_ai.request.stream", False) == expected["stream"]
    check_request(expected["request"], found)
    check_usage(expected["usage"], found)
    if expected["error"] is not None:
        assert found["http.response.status_code"] == expected["error"]["status"]
        assert found["error.type"]
    else:
        check_response(expected["response"], found)


def check_usage(usage: dict[str, Any] | None, found: dict[str, Any]) -> None:
    """Token counts are the vendor's own; where it sent none there is none, and no cost either."""
    if usage is None:
        assert not [key for key in found if key.startswith(("gen_ai.usage", "kansoku.cost"))]
        return
    assert found["gen_ai.usage.input_tokens"] == (usage["input_tokens"] or 0)
    assert found["gen_ai.usage.output_tokens"] == (usage["output_tokens"] or 0)
    assert found.get("gen_ai.usage.cache_read.input_tokens", 0) == (usage["cache_read_tokens"] or 0)
    assert found.get("gen_ai.usage.cache_write.input_tokens", 0) == (usage["cache_write_tokens"] or 0)
    assert found.get("gen_ai.usage.reasoning.output_tokens", 0) == (usage["reasoning_tokens"] or 0)


def check_request(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Compare the question: system text, last text of the user, tools and parameters."""
    tools = [t.get("name", t["type"]) for t in json.loads(found.get("gen_ai.tool.definitions", "[]"))]
    assert tools == expected["tools"]
    for name, value in expected["params"].items():
        assert comparable(parameter(name, found)) == comparable(value), name
    messages = json.loads(found.get("gen_ai.input.messages", "[]"))
    if expected["message_count"] is not None:
        assert len(messages) == expected["message_count"]
    if expected["last_user_text"] is not None:
        user = [m for m in messages if m["role"] == "user" and texts(m)]  # the last may be an image alone
        last = texts(user[-1])
        assert expected["last_user_text"] in (*last, "".join(last))
    if expected["system"]:
        said = "".join(t for m in messages if m["role"] in ("system", "developer") for t in texts(m))
        given = json.loads(found.get("gen_ai.system_instructions", "[]"))
        assert expected["system"] in said + "".join(part["content"] for part in given)


def check_response(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Compare the answer."""
    assert found.get("gen_ai.response.model") == expected["model"]
    assert found.get("gen_ai.response.id") == expected["id"]
    assert found.get("openai.response.system_fingerprint") == (expected["system_fingerprint"] or None)
    reasons = list(found.get("gen_ai.response.finish_reasons", ()))
    words = [word for word in expected["finish_reasons"] if word]  # a server may end a stream without a word
    assert len(reasons) == len(words)
    assert all(
        reason in WORDS.get(word, {word, str(word).lower()})
        for reason, word in zip(reasons, words, strict=True)
    )
    messages = json.loads(found.get("gen_ai.output.messages", "[]"))
    assert ["".join(texts(m)) for m in messages] == [text or "" for text in expected["texts"]]
    parts = [part for message in messages for part in message["parts"]]
    reasoning = "\n".join(part["content"] for part in parts if part["type"] == "reasoning")
    assert reasoning == (expected["reasoning_text"] or "")
    calls = [{k: p[k] for k in ("id", "name", "arguments")} for p in parts if p["type"] == "tool_call"]
    assert [c | {"arguments": c["arguments"] or {}} for c in calls] == [
        c | {"arguments": c["arguments"] or {}} for c in expected["tool_calls"]
    ]
    if "dimensions" in expected:
        assert found["gen_ai.embeddings.dimension.count"] == expected["dimensions"]
        assert found["kansoku.embeddings.input.count"] == expected["embedding_count"]


def parameter(name: str, found: dict[str, Any]) -> Any:
    """Return a parameter as the span has it."""
    known = {"n": "choice.count", "stop": "stop_sequences", "max_completion_tokens": "max_tokens"}
    known["reasoning_effort"] = "reasoning.level"
    return found.get(f"gen_ai.request.{known.get(name, name)}")


def comparable(value: Any) -> Any:
    """Return lists and tuples alike."""
    return list(value) if isinstance(value, list | tuple) else value


def texts(message: dict[str, Any]) -> list[str]:
    """Return the texts of a message."""
    return [part["content"] for part in message["parts"] if part["type"] == "text"]
