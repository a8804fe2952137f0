"""What one span leaves out and another one says."""

import json

import pytest

from kansoku_collector.model import Span
from kansoku_collector.relate.relatives import complete

WORDS = {
    "inputs": [{"kwargs": {"id": "doc-1", "page_content": "9:00"}}, {"id": "doc-2", "page_content": "10:00"}]
}


def failed(**fields):
    """Return a failed call of Pydantic AI without content, and the agent around it."""
    base = {"trace_id": "t", "dialect": "pydantic_ai", "status": "error"}
    call = Span(span_id="call", parent_span_id="agent", operation="chat", **(base | fields))
    agent = Span(
        span_id="agent",
        operation="invoke_agent",
        system_instructions='[{"type":"text","content":"Be brief."}]',
        input_messages='[{"role":"user","parts":[]}]',
        input_text="Hours?",
        **base,
    )
    return call, agent


def test_a_failed_call_shows_what_its_agent_sent():
    """Which prompt failed is what one wants to know of a failed call."""
    call, agent = failed()
    complete([call, agent])
    assert (call.system_instructions, call.input_text) == (agent.system_instructions, "Hours?")


@pytest.mark.parametrize("fields", [{"status": "ok"}, {"dialect": "gen_ai"}, {"input_messages": "[1]"}])
def test_other_calls_keep_what_they_have(fields):
    """Only a failed call of this library without content of its own takes its agent's."""
    call, agent = failed(**fields)
    complete([call, agent])
    assert (call.system_instructions, call.input_messages) == ("", fields.get("input_messages", ""))


def retrieval(trace_id="t"):
    """Return a retrieval without ids, and the step that was given its documents."""
    documents = json.dumps([{"id": None, "content": "9:00"}, {"id": None, "content": "other"}])
    found = Span(trace_id="t", span_id="r", dialect="openllmetry", operation="retrieval", documents=documents)
    attributes = {"traceloop.entity.input": json.dumps(WORDS)}
    return found, Span(trace_id=trace_id, span_id="step", operation="chain", attributes=attributes)


def test_documents_get_the_ids_that_the_next_step_was_given():
    """LangChain's retriever loses the ids on its own span; the same words have them on the next."""
    found, step = retrieval()
    complete([found, step])
    assert [document["id"] for document in json.loads(found.documents)] == ["doc-1", None]


def test_another_trace_is_no_relative():
    """The same words in another trace say nothing."""
    found, step = retrieval("u")
    complete([found, step])
    assert [document["id"] for document in json.loads(found.documents)] == [None, None]


ANSWER = {
    "lc": 1,
    "kwargs": {
        "content": "Nine.",
        "response_metadata": {"id": "chatcmpl-1", "system_fingerprint": "fp_1", "finish_reason": "stop"},
    },
}


def answered(**fields):
    """Return a call whose span has no id, and the step after it with LangChain's own message."""
    base = {"trace_id": "t", "parent_span_id": "chain"}
    output = '[{"role":"assistant","parts":[{"type":"text","content":"Nine."}]}]'
    call = {"span_id": "call", "dialect": "langfuse", "operation": "chat", "output_messages": output}
    step = Span(
        span_id="parser",
        operation="chain",
        attributes={"traceloop.entity.input": json.dumps({"inputs": [ANSWER]})},
        **base,
    )
    return Span(**(base | call | {"output_text": "Nine."} | fields)), step


def test_an_answer_gets_the_identity_that_the_next_step_was_given():
    """LangChain's message has the vendor's id, fingerprint and end, which the call's own span leaves out."""
    call, step = answered(response_id="own")
    complete([call, step])
    assert (call.response_id, call.system_fingerprint, call.finish_reasons) == ("own", "fp_1", ["stop"])


def test_a_streams_model_and_reasoning_are_those_of_its_message():
    """The span repeats what was asked and has the sum alone; counts of another sum are not its own."""
    told = {"model_name": "gpt-5-mini-2025-08-07"}
    parts = {"completion_tokens_details": {"reasoning_tokens": 9}}
    told["token_usage"] = {"prompt_tokens": 100, "completion_tokens": 30, **parts}
    message = {**ANSWER, "kwargs": {**ANSWER["kwargs"], "response_metadata": told}}
    fields = {"request_model": "gpt-5-mini", "response_model": "gpt-5-mini", "usage_source": "reported"}
    for output, reasoning in ((30, 9), (31, 0)):
        call, step = answered(input_fresh=100, output_visible=output, **fields)
        step.attributes = {"traceloop.entity.input": json.dumps({"inputs": [message]})}
        complete([call, step])
        assert (call.response_model, call.reasoning) == ("gpt-5-mini-2025-08-07", reasoning)


@pytest.mark.parametrize("other", [{"output_text": "Ten."}, {"parent_span_id": "b"}, {"dialect": "genkit"}])
def test_the_message_of_another_answer_is_not_taken(other):
    """Only what says the same, in the step around a call or beside it."""
    call, step = answered(**other)
    complete([call, step])
    assert (call.response_id, call.finish_reasons) == ("", [])


def predicted(name="Predict.forward", operation="chat", calls=1, **fields):
    """Return a module of DSPy's under MLflow and the calls beneath it, which have no counts."""
    base = {"trace_id": "t", "dialect": "mlflow"}
    module = Span(span_id="m", name=name, operation=operation, billed=operation == "chat", **(base | fields))
    step = Span(span_id="a", parent_span_id="m", operation="chain", **base)
    inner = [
        Span(span_id=f"c{n}", parent_span_id="a", operation="chat", billed=True, name="LM.__call__", **base)
        for n in range(calls)
    ]
    return module, [module, step, *inner]


def test_a_module_of_dspys_gives_its_counts_to_the_one_call_beneath_it():
    """MLflow knows the tokens at the module alone, which calls itself a call where it predicts."""
    counted = {"usage_source": "reported", "input_fresh": 100, "output_visible": 7}
    module, trace = predicted(**counted)
    complete(trace)
    assert (module.operation, module.billed, module.usage_source, module.input_fresh) == (
        "chain",
        False,
        "none",
        0,
    )
    assert (trace[-1].usage_source, trace[-1].input_fresh, trace[-1].output_visible) == ("reported", 100, 7)
    usage = {"mlflow.chat.tokenUsage": '{"input_tokens": 100, "output_tokens": 7}'}
    module, trace = predicted("ChainOfThought.forward", "chain", attributes=usage)
    complete(trace)
    assert (trace[-1].input_fresh, trace[-1].output_visible) == (100, 7)


def test_counts_of_several_calls_stay_with_the_module_of_dspys():
    """A sum cannot be divided; a module that predicts without counts is a step, whatever is beneath it."""
    module, trace = predicted(calls=2, usage_source="reported", input_fresh=100)
    complete(trace)
    assert (module.operation, module.input_fresh, trace[-1].usage_source) == ("chat", 100, "none")
    module, trace = predicted(calls=2)
    complete(trace)
    assert (module.operation, module.billed, trace[-1].billed) == ("chain", False, True)
    module, trace = predicted(calls=0, usage_source="reported")
    complete(trace)
    assert module.operation == "chat"


def test_an_agent_of_crewais_gives_its_counts_to_its_only_call():
    """OpenLLMetry writes them on the agent's span alone where no client is instrumented."""
    scope = "opentelemetry.instrumentation.crewai.instrumentation"
    fields = {"trace_id": "t", "scope_name": scope}
    agent = Span(span_id="a", operation="invoke_agent", usage_source="reported", input_fresh=100, **fields)
    call = Span(span_id="c", parent_span_id="a", operation="chat", billed=True, **fields)
    complete([agent, call])
    assert (agent.usage_source, call.usage_source, call.input_fresh) == ("none", "reported", 100)
    agent = Span(span_id="a", operation="invoke_agent", usage_source="reported", input_fresh=100, **fields)
    calls = [
        Span(span_id=f"c{n}", parent_span_id="a", operation="chat", billed=True, **fields) for n in (1, 2)
    ]
    complete([agent, *calls])
    assert (agent.input_fresh, [call.usage_source for call in calls]) == (100, ["none", "none"])


@pytest.mark.parametrize(("call_id", "result"), [("call_1", '{"t":12}'), ("call_2", ""), ("", "")])
def test_a_tool_without_content_gets_what_the_calls_around_it_say(call_id, result):
    """Where content goes into events, those of the calls have arguments and result, by the same id."""
    asked = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
    given = {"type": "tool_call_response", "id": "call_1", "response": {"t": 12}}
    conversation = [{"role": "assistant", "parts": [asked]}, {"role": "tool", "parts": [given]}]
    tool = Span(trace_id="t", span_id="tool", operation="execute_tool", tool_call_id=call_id)
    call = Span(trace_id="t", span_id="c", operation="chat", input_messages=json.dumps(conversation))
    complete([tool, call])
    arguments = '{"city":"Oslo"}' if result else ""
    assert (tool.tool_arguments, tool.tool_result, tool.output_text) == (arguments, result, result)
