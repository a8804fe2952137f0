"""Weave's names around those of other conventions."""

from tests.collector.conftest import call
from tests.collector.test_normalise import row


def test_weave_s_own_names_join_a_call_of_the_conventions():
    """The thread is the session and the attributes are metadata; the call is read as anywhere."""
    span = row(call(weave__span__kind="llm", wandb__thread_id="t-1", wandb__attributes='{"tenant":"acme"}'))
    assert (span.dialect, span.operation, span.billed) == ("weave", "chat", True)
    assert (span.session_id, span.metadata, span.request_model) == ("t-1", {"tenant": "acme"}, "gpt-4o-mini")


def test_the_kind_decides_where_nothing_else_does():
    """Weave's kind names the operation; a tool's input and output are its arguments and result."""
    tool = row({"weave.span.kind": "tool", "weave.input": '{"city":"Oslo"}', "weave.output": "sunny"})
    assert (tool.operation, tool.tool_arguments, tool.tool_result) == (
        "execute_tool",
        '{"city":"Oslo"}',
        "sunny",
    )
    found = row({"weave.span.kind": "retriever", "weave.input": "何?"})
    assert (found.operation, found.retrieval_query, found.input_text) == ("retrieval", "何?", "何?")
    assert not row({"weave.span.kind": "agent"}).billed


def test_openinference_beneath_weave_keeps_its_reader():
    """A span with OpenInference's kind is read by its rules."""
    span = row({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "wandb.thread_id": "t-1"})
    assert (span.dialect, span.operation, span.request_model) == ("weave", "chat", "gpt-4o-mini")
    assert span.session_id == "t-1"


def test_spans_of_weaves_own_client_are_its_own():
    """Under the OpenAI Agents SDK turns and guardrails have no operation; calls have the usual names."""
    scope = "weave.openai_agents"
    turn = row({"weave.openai_agents.turn.number": 1, "gen_ai.conversation.id": "g1"}, scope=scope)
    assert (turn.dialect, turn.operation, turn.session_id) == ("weave", "chain", "g1")
    assert row({"weave.openai_agents.guardrail.name": "safe"}, scope=scope).operation == "guardrail"
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}
    assert (row(call, scope=scope).operation, row(call, scope="weave.conversation").dialect) == (
        "chat",
        "weave",
    )
