"""The examples run, and leave the traces that they promise."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.vendor import Asked, Reply, Vendor, sse

import kansoku

EXAMPLES = Path(__file__).parents[2] / "examples"
HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-4o-mini-2024-07-18"}
USAGE = {"prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, vendor: Vendor, start: Any) -> Any:
    """Give a function that imports an example, whose clients talk to the fake vendor, and its spans."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("CELERY_BROKER", "memory://")
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> Any:
        spans = start()
        monkeypatch.setattr(kansoku, "init", lambda **_: None)  # the fixture has started the SDK
        sys.modules.pop(name, None)
        return importlib.import_module(name), spans

    return load


def said(text: str | None, tool_calls: Any = None) -> dict[str, Any]:
    """Return a chat completion."""
    message = {"role": "assistant", "content": text, "tool_calls": tool_calls}
    finish = "tool_calls" if tool_calls else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def tree(spans: Any) -> list[tuple[str, str | None]]:
    """Return (name, name of the parent) of every span, in order of their start."""
    names = {span.context.span_id: span.name for span in spans.all()}
    ordered = sorted(spans.all(), key=lambda span: span.start_time)
    return [(s.name, names.get(s.parent.span_id) if s.parent else None) for s in ordered]


def test_the_agent_uses_its_tools(example: Any, vendor: Vendor) -> None:
    """The trace is an agent with two model calls, a tool that worked and one that failed."""
    module, spans = example("agent")
    calls = [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "calculate", "arguments": '{"expression": "1840*0.125"}'},
        },
        {
            "id": "c2",
            "type": "function",
            "function": {"name": "calculate", "arguments": '{"expression": "x"}'},
        },
    ]
    vendor.answer(said(None, calls), said("It is 230."))
    assert module.answer("What is 12.5 % of 1,840?") == "It is 230."
    assert tree(spans) == [
        ("helper", None),
        ("chat gpt-4o-mini", "helper"),
        ("calculate", "helper"),
        ("calculate", "helper"),
        ("chat gpt-4o-mini", "helper"),
    ]
    told = [message["content"] for message in vendor.asked[1].json()["messages"] if message["role"] == "tool"]
    assert told == ["230.0", "ValueError: only numbers and + - * /"]


def test_the_rag_chain_retrieves_and_answers(example: Any, vendor: Vendor) -> None:
    """The trace has the retrieval with its documents, one billed model call, and the guardrail."""
    module, spans = example("rag_langchain")

    def reply(asked: Asked) -> Reply:
        if not asked.path.endswith("/embeddings"):
            return Reply(json.dumps(said("傘は粗大ごみです。")).encode())
        texts = asked.json()["input"]
        rows = [{"index": n, "embedding": [float("傘" in t), 1.0]} for n, t in enumerate(texts)]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        return Reply(json.dumps({"data": rows, "model": "text-embedding-3-small", "usage": usage}).encode())

    vendor.respond = reply
    text, trace_id = module.answer("傘は何ごみですか", module.build())
    assert text == "傘は粗大ごみです。"
    found = [span for span in spans.all() if f"{span.context.trace_id:032x}" == trace_id]
    operations = [dict(span.attributes).get("gen_ai.operation.name") for span in found]
    assert operations.count("chat") == 1
    [retrieval] = [dict(s.attributes) for s in found if dict(s.attributes).get("kansoku.kind") == "retrieval"]
    documents = json.loads(retrieval["gen_ai.retrieval.documents"])
    assert documents[0]["id"] == "umbrella"
    assert ("says something", "guide") in tree(spans)


def test_the_chat_service_streams_inside_one_trace(example: Any, vendor: Vendor) -> None:
    """A request with a streamed answer is one trace with session and user; the page gets its id."""
    testclient = pytest.importorskip("fastapi.testclient")
    module, spans = example("chat_fastapi")
    delta = {**HEAD, "object": "chat.completion.chunk"}
    vendor.answer(
        sse(
            {**delta, "choices": [{"index": 0, "delta": {"content": "火曜日"}}]},
            {**delta, "choices": [{"index": 0, "delta": {"content": "です"}, "finish_reason": "stop"}]},
            {**delta, "choices": [], "usage": USAGE},
        )
    )
    with testclient.TestClient(module.app) as client:
        assert "<title>Chat</title>" in client.get("/").text
        answer = client.post(
            "/chat", json={"text": "収集日は？", "session_id": "s-1"}, headers={"x-user": "u-1"}
        )
        liked = client.post("/feedback", json={"trace_id": answer.headers["x-trace-id"], "like": True})
    assert (answer.text, liked.status_code) == ("火曜日です", 202)
    assert tree(spans) == [("POST /chat", None), ("chat gpt-4o-mini", "POST /chat")]
    [call] = [dict(s.attributes) for s in spans.all() if s.name.startswith("chat")]
    assert (call["session.id"], call["user.id"]) == ("s-1", "u-1")
    assert call["gen_ai.usage.output_tokens"] == 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_task_goes_on_in_the_callers_trace(example: Any, vendor: Vendor) -> None:
    """A Celery task is a child of the span that sent it, with its session."""
    testing = pytest.importorskip("celery.contrib.testing.worker")
    module, spans = example("tasks_celery")
    vendor.answer(said("A summary."))
    module.app.conf.update(result_backend="cache+memory://")
    # Else the worker takes over the root logger, and no later test sees what is logged.
    setup_logging = pytest.importorskip("celery.signals").setup_logging
    leave_alone = setup_logging.connect(lambda **_: None, weak=False)
    try:
        with testing.start_worker(module.app, pool="solo", perform_ping_check=False, shutdown_timeout=60):
            with kansoku.context(session_id="batch-1"), kansoku.chain("nightly"):
                sent = module.summarise.delay("A text.")
            assert sent.get(timeout=60) == "A summary."
    finally:
        setup_logging.disconnect(leave_alone)
    assert tree(spans) == [
        ("nightly", None),
        ("tasks_celery.summarise", "nightly"),
        ("chat gpt-4o-mini", "tasks_celery.summarise"),
    ]
    assert {dict(span.attributes).get("session.id") for span in spans.all()} == {"batch-1"}
