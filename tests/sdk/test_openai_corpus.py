"""Recorded exchanges of the real API, replayed through the real client and compared with their spans."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "http" / "openai"
CASES = sorted(path.name.removesuffix(".expected.json") for path in CORPUS.glob("*.expected.json"))

pytestmark = pytest.mark.skipif(not CASES, reason="the recorded exchanges are not on this machine")

RESPONSE_WORDS = {"completed": {"stop", "tool_calls"}, "incomplete": {"length", "content_filter"}}


def replay(case: str, model: Callable[..., Any]) -> dict[str, Any]:
    """Make the recorded call; return what was expected of it."""
    recorded = json.loads((CORPUS / f"{case}.json").read_text("utf-8"))
    expected: dict[str, Any] = json.loads((CORPUS / f"{case}.expected.json").read_text("utf-8"))
    response = recorded["response"]
    client = model(response.get("body_sse") or response["body"], response["status"]).client()
    create = {
        "chat": client.chat.completions.create,
        "responses": client.responses.create,
        "embeddings": client.embeddings.create,
        "completions": client.completions.create,
    }[expected["api"]]
    if expected["error"] is not None:
        with pytest.raises(openai.APIStatusError):
            create(**recorded["request"]["body"])
        return expected
    result = create(**recorded["request"]["body"])
    if expected["stream"]:
        for _ in result:
            pass
    return expected


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_call_is_told_as_it_was(case: str, model: Any, spans: Any) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, fingerprint and parameters match."""
    expected = replay(case, model)
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == expected["operation"]
    assert found["gen_ai.provider.name"] == expected["provider"]
    assert found["gen_ai.request.model"] == expected["request"]["model"]
    assert found.get("gen_ai.request.stream", False) == (expected["stream"] and expected["error"] is None)
    check_request(expected["request"], found)
    if expected["error"] is not None:
        assert found["http.response.status_code"] == expected["error"]["status"]
        assert found["error.type"]
        return
    check_response(expected["response"], found)


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_usage_is_exact_and_unknown_is_not_zero(case: str, model: Any, spans: Any) -> None:
    """Token counts are the vendor's own; where it sent none, the span has none, and no cost either."""
    usage = replay(case, model)["usage"]
    found = spans.attributes()
    if usage is None:
        assert not [key for key in found if key.startswith(("gen_ai.usage", "kansoku.cost"))]
        return
    assert found["gen_ai.usage.input_tokens"] == usage["input_tokens"]
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
        user = [m for m in messages if m["role"] == "user"]
        assert expected["last_user_text"] in texts(user[-1])
    if expected["system"]:
        said = "".join(t for m in messages if m["role"] in ("system", "developer") for t in texts(m))
        instructions = "".join(
            p["content"] for p in json.loads(found.get("gen_ai.system_instructions", "[]"))
        )
        assert expected["system"] in said + instructions


def check_response(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Compare the answer."""
    assert found.get("gen_ai.response.model") == expected["model"]
    assert found.get("gen_ai.response.id") == expected["id"]
    assert found.get("openai.response.system_fingerprint") == (expected["system_fingerprint"] or None)
    reasons = list(found.get("gen_ai.response.finish_reasons", ()))
    words = [word for word in expected["finish_reasons"] if word]  # a server may end a stream without a word
    assert len(reasons) == len(words)
    assert all(
        reason in RESPONSE_WORDS.get(word, {word}) for reason, word in zip(reasons, words, strict=True)
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
    names = {"n": "choice.count", "stop": "stop_sequences", "max_completion_tokens": "max_tokens"}
    return found.get(f"gen_ai.request.{names.get(name, name)}")


def comparable(value: Any) -> Any:
    """Return lists and tuples alike."""
    return list(value) if isinstance(value, list | tuple) else value


def texts(message: dict[str, Any]) -> list[str]:
    """Return the texts of a message."""
    return [part["content"] for part in message["parts"] if part["type"] == "text"]
