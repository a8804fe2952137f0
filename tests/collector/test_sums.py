"""An agent's own count of tokens is billed once, where no call beneath it has one."""

import dataclasses

import pytest
from tests.collector.test_dialect_logfire import row

from kansoku_collector.model import Span
from kansoku_collector.relate.relatives import complete
from kansoku_collector.relate.repeats import Repeats
from kansoku_collector.relate.sums import Sums

AGNO = "opentelemetry.instrumentation.agno"
CREWAI = "opentelemetry.instrumentation.crewai.instrumentation"
OPENAI = "opentelemetry.instrumentation.openai.v1"
SECOND = 10**9


def agent(span_id="agent", scope=AGNO, **fields):
    """Return an agent that counted a hundred tokens and ten."""
    base = {"trace_id": "t", "operation": "invoke_agent", "request_model": "gpt-5-mini", "start": SECOND}
    counts = {"usage_source": "reported", "input_fresh": 100, "output_visible": 10}
    return Span(span_id=span_id, scope_name=scope, duration_ns=9 * SECOND, **(base | counts | fields))


def call(span_id="call", parent="agent", **fields):
    """Return a counted call of a client."""
    base = {"trace_id": "t", "operation": "chat", "billed": True, "request_model": "gpt-5-mini"}
    counts = {"usage_source": "reported", "input_fresh": 100, "output_visible": 10, "start": 2 * SECOND}
    return Span(span_id=span_id, parent_span_id=parent, scope_name=OPENAI, **(base | counts | fields))


def step(span_id, parent="", operation="chain", **fields):
    """Return a step without any counts."""
    return Span(trace_id="t", span_id=span_id, parent_span_id=parent, operation=operation, **fields)


def billed(*batches):
    """Return the ids that the ledger counts, of batches that arrive one after another."""
    sums, repeats = Sums(), Repeats()
    for batch in batches:
        for stage in (sums.subtract, complete, repeats.mark, sums.bill):
            stage(batch)
    return [span.span_id for batch in batches for span in batch if span.billed]


def test_an_agent_of_agnos_without_calls_beneath_it_is_billed():
    """OpenLLMetry writes no span of a call; how much was cached is unknown, so the cost is an estimate."""
    given = {
        "gen_ai.system": "agno",
        "traceloop.span.kind": "agent",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 207,
        "gen_ai.usage.output_tokens": 27,
    }
    span = row(given, name="weather.agent", scope=AGNO)
    assert billed([span]) == [span.span_id]
    assert (span.operation, span.provider, span.usage_source) == ("invoke_agent", "openai", "estimated")
    assert (span.input_fresh, span.output_visible) == (207, 27)


@pytest.mark.parametrize(
    "batches",
    [
        [[call(parent="tool"), step("tool", "agent", "execute_tool"), agent()]],
        [[agent(), call(parent="tool"), step("tool", "agent", "execute_tool")]],
        [[call(parent="tool")], [step("tool", "agent", "execute_tool")], [agent()]],
        [[call(parent="tool"), step("tool", "agent", "execute_tool")], [agent()]],
        [[call(parent="", trace_id="u")], [agent()]],
        [[call(parent="", trace_id="u", request_model="", response_model="gpt-5-mini"), agent()]],
    ],
)
def test_calls_that_are_counted_win(batches):
    """Together, before, a batch apart, or, as streams are, in a trace of their own."""
    assert billed(*batches) == ["call"]


@pytest.mark.parametrize(
    "other",
    [
        call(parent="", trace_id="u", start=0),  # before it
        call(parent="", trace_id="u", request_model="gpt-5"),
        call(parent="", trace_id="u", service="another"),
        call(parent="sibling", request_model="gpt-5"),
        call(usage_source="none", input_fresh=0, output_visible=0),
        call(operation="embeddings"),
    ],
)
def test_other_calls_and_those_without_counts_leave_the_agent_its_bill(other):
    """What is of another agent, service, model, time or kind is in no sum; without counts nothing is told."""
    first, second = agent(), agent("sibling", request_model="gpt-5")
    second.usage_source = "none"
    assert billed([other, first, second]) == ["call", "agent"]


def test_a_call_that_comes_after_its_agent_was_billed_is_not_billed():
    """Its tokens are in the sum, and rows are never changed."""
    late = call(parent="tool")
    assert billed([agent()], [late, step("tool", "agent", "execute_tool")]) == ["agent"]
    uncounted = call(usage_source="none", input_fresh=0, output_visible=0)
    assert billed([agent()], [uncounted]) == ["agent", "call"]


def test_an_agent_inside_of_another_has_a_sum_of_its_own():
    """Neither framework counts an inner agent's tokens with the outer one's."""
    assert billed([agent("inner", parent_span_id="agent"), agent()]) == ["inner", "agent"]


def test_agents_of_others_are_not_billed():
    """Their calls have spans."""
    assert billed([agent(scope="opentelemetry.instrumentation.langchain")]) == []
    assert billed([agent(usage_source="none")]) == []


def crew(span_id, end, given, answered, **fields):
    """Return a run of an agent of CrewAI's."""
    found = agent(span_id, CREWAI, input_fresh=given, output_visible=answered, **fields)
    found.duration_ns, found.attributes = end * SECOND, {"gen_ai.agent.id": "forecaster"}
    return found


def counts(*spans):
    """Return source and counts of each."""
    return [(span.usage_source, span.input_fresh, span.output_visible) for span in spans]


def test_a_run_of_an_agent_of_crewais_is_billed_without_the_runs_before():
    """The agent counts all that it ever used; what is written again is the same."""
    runs = [crew("second", 5, 526, 166), crew("first", 3, 261, 81)]
    third, again = crew("third", 9, 600, 170), crew("third", 9, 600, 170)
    assert billed(runs, [third], [again]) == ["second", "first", "third", "third"]
    own = [("estimated", 265, 85), ("estimated", 261, 81), ("estimated", 74, 4), ("estimated", 74, 4)]
    assert counts(*runs, third, again) == own
    assert third.attributes["gen_ai.usage.input_tokens"] == "600"


def test_a_run_of_crewais_that_comes_late_or_again_has_nothing_of_its_own():
    """A retry inside of a run tells what the run tells; a run that comes late was billed with the next."""
    outer, inner, late = crew("outer", 5, 261, 81), crew("inner", 4, 261, 81), crew("late", 1, 90, 9)
    assert billed([outer, inner], [late]) == ["inner"]
    assert counts(outer, late) == [("none", 0, 0), ("none", 0, 0)]


def test_the_only_call_of_a_run_of_crewais_takes_its_own_share():
    """What the agent used before is not this call's."""
    run, only = crew("second", 5, 526, 166), call(parent="second", usage_source="none")
    only.scope_name, only.input_fresh, only.output_visible = CREWAI, 0, 0
    assert billed([crew("first", 3, 261, 81)], [run, only]) == ["first", "call"]
    assert counts(only, run) == [("reported", 265, 85), ("none", 0, 0)]


def module(span_id, parent="", start=1):
    """Return a module of DSPy's under MLflow that noted what its calls used."""
    usage = {"mlflow.chat.tokenUsage": '{"input_tokens": 211, "output_tokens": 31, "total_tokens": 242}'}
    fields = {"dialect": "mlflow", "scope_name": "mlflow.tracing.provider", "start": start}
    return step(span_id, parent, attributes=usage, **fields)


def lm(span_id, parent="step", model="openai/gpt-5-mini"):
    """Return a call of DSPy's, which MLflow does not count."""
    bare = call(
        span_id, parent, usage_source="none", request_model=model, provider="openai", dialect="mlflow"
    )
    bare.input_fresh = bare.output_visible = 0
    return bare


@pytest.mark.parametrize("apart", [False, True])
def test_several_calls_of_dspys_are_billed_as_their_sum(apart):
    """The module around all of them has it; the model is known where they have one."""
    calls, top = [lm("a"), lm("b"), step("step", "top")], module("top")
    found = billed(calls, [top]) if apart else billed([*calls, top])
    assert found == ["a", "b", "top"]
    assert counts(top, calls[0]) == [("estimated", 211, 31), ("none", 0, 0)]
    assert (top.provider, top.request_model) == ("openai", "openai/gpt-5-mini")


def test_a_sum_of_mlflows_is_billed_once_and_under_one_model():
    """An inner one is part of the outer one; of two models, or of none, nobody knows the shares."""
    calls = [lm("a"), lm("b")]
    assert billed([*calls, module("step", "top", 2), module("top")]) == ["a", "b", "top"]
    calls = [lm("a"), lm("b")]
    assert billed([*calls, module("step", "top", 2)], [module("top")]) == ["a", "b", "step"]
    assert billed([lm("a"), lm("b", model="gpt-5"), module("step")]) == ["a", "b"]
    assert billed([module("step")]) == []
    assert billed([lm(name, model=name) for name in "abc"], [module("step")]) == ["a", "b", "c"]
    assert billed([lm("a"), lm("b"), call("own", "b"), module("step")]) == ["a", "own"]


CODEX = {"operation": "chat", "dialect": "codex", "billed": True, "request_model": "gpt-5.4"}
CLAUDE = {"request_model": "claude-sonnet-4-5", "input_fresh": 900}
COMMAND = {"dialect": "claude_code", "request_model": "claude-haiku-4-5-20251001"}
SDK = "openinference.instrumentation.claude_agent_sdk"


def whole(**fields):
    """Return a turn of Codex, or another run that its client sums up."""
    return agent("run", **({"scope": "codex_cli_rs", "input_fresh": 900} | CODEX | fields))


def claude(span_id="run", **fields):
    """Return a run of Claude's Agent SDK."""
    return agent(span_id, scope=SDK, **(CLAUDE | fields))


@pytest.mark.parametrize(
    ("run", "inner"),
    [
        (whole(), {"request_model": "openai/gpt-5.4", "response_model": "gpt-5.4-2026-03-05"}),
        (claude(), COMMAND),
        (claude(request_model="sonnet"), {"request_model": "claude-sonnet-4-5-20250929"}),
        (whole(dialect="traceai", attributes={"claude_agent.span_kind": "conversation"}), COMMAND),
    ],
    ids=["gateway", "command", "alias", "conversation"],
)
@pytest.mark.parametrize("order", ["together", "before", "after"])
def test_a_run_that_its_client_sums_up_is_billed_once(run, inner, order):
    """Beside the spans of the program that made its calls, or of a gateway: by what came first."""
    run = dataclasses.replace(run, billed=run.operation == "chat")
    calls = [call(f"c{n}", "answer", **inner) for n in range(2)]
    around = [step("answer", "run"), run]
    if order == "together":
        assert billed([*calls, *around]) == ["c0", "c1"]
    elif order == "before":
        assert billed(calls, around) == ["c0", "c1"]
    else:
        assert billed(around, calls) == ["run"]


@pytest.mark.parametrize("run", [whole(), claude()], ids=["codex", "claude"])
@pytest.mark.parametrize("order", ["together", "before", "after"])
def test_a_tool_that_asks_another_model_leaves_a_run_its_bill(run, order):
    """Its call is not in the run's sum."""
    run = dataclasses.replace(run, billed=run.operation == "chat")
    other = call("other", "run", request_model="text-model-9")
    batches = {"together": [[other, run]], "before": [[other], [run]], "after": [[run], [other]]}
    assert sorted(billed(*batches[order])) == ["other", "run"]
    assert run.usage_source == ("reported" if run.dialect == "codex" else "estimated")  # no caches are told


def test_a_run_within_a_run_of_claudes_agent_sdk_has_a_sum_of_its_own():
    """What a subagent used is not in the sum of the agent that asked it."""
    assert sorted(billed([claude("inner", parent_span_id="run"), claude()])) == ["inner", "run"]
    assert sorted(billed([claude("inner", parent_span_id="run")], [claude()])) == ["inner", "run"]


def test_a_run_of_claudes_agent_sdk_is_billed_under_openinference():
    """Its agent alone tells tokens and model, with the caches in the input."""
    told = {
        "openinference.span.kind": "AGENT",
        "llm.system": "anthropic",
        "llm.model_name": "claude-sonnet-4-5-20250929",
        "llm.token_count.prompt": 160,
        "llm.token_count.completion": 5,
        "llm.token_count.total": 165,
        "llm.token_count.prompt_details.cache_read": 40,
        "llm.token_count.prompt_details.cache_write": 20,
        "input.value": "Hi?",
        "output.value": "Yo.",
    }
    span = row(told, name="ClaudeAgentSDK.query", scope=SDK)
    assert billed([span]) == [span.span_id]
    assert (span.operation, span.provider, span.request_model) == (
        "invoke_agent",
        "anthropic",
        "claude-sonnet-4-5-20250929",
    )
    assert (span.input_fresh, span.cache_read, span.cache_write_5m, span.output_visible) == (100, 40, 20, 5)
    assert (span.usage_source, span.input_text, span.output_text) == ("reported", "Hi?", "Yo.")
