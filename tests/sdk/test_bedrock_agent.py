"""Agents of Amazon Bedrock: what they were asked, answered, left to the program, and used."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EventStreamError
from support import aws
from support.aws import connect, event, stream

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
ASKED = {"agentId": "AGENT12345", "agentAliasId": "ALIAS12345", "sessionId": "s-1"}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


def chunk(text: bytes, *references: Any) -> bytes:
    """Return an event with a piece of the answer."""
    told: dict[str, Any] = {"bytes": base64.b64encode(text).decode()}
    if references:
        told["attribution"] = {"citations": [{"retrievedReferences": list(references)}]}
    return event("chunk", told)


def asked(stage: str, model: str) -> bytes:
    """Return a trace of a model that is asked."""
    return event("trace", {"trace": {stage: {"modelInvocationInput": {"foundationModel": model}}}})


def answered(stage: str, sent: int, got: int, thought: str = "") -> bytes:
    """Return a trace of what a model answered."""
    output: dict[str, Any] = {"metadata": {"usage": {"inputTokens": sent, "outputTokens": got}}}
    if thought:
        output["reasoningContent"] = {"reasoningText": {"text": thought}}
    return event("trace", {"trace": {stage: {"modelInvocationOutput": output}}})


def invoke(vendor: Any, *events: bytes, **arguments: Any) -> list[Any]:
    """Ask an agent and read its answer."""
    vendor.answer(stream(*events))
    client = connect(vendor.url, "bedrock-agent-runtime")
    return list(client.invoke_agent(**ASKED, **arguments)["completion"])


def test_an_agent_is_a_call_with_its_answer_and_what_it_cites(vendor: Any, spans: Any) -> None:
    """The program gets every event; a character may be cut between two of them."""
    reference = {"content": {"text": "火"}, "location": {"type": "S3", "s3Location": {"uri": "s3://b/r.txt"}}}
    words = "火曜日です。".encode()
    assert len(invoke(vendor, chunk(words[:4]), chunk(words[4:], reference), inputText="いつ")) == 2
    found = spans.attributes()
    assert (found["gen_ai.operation.name"], found["gen_ai.provider.name"]) == ("chat", "aws.bedrock")
    assert (found["gen_ai.agent.id"], found["gen_ai.conversation.id"]) == ("AGENT12345", "s-1")
    assert "gen_ai.response.finish_reasons" not in found
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [{"type": "text", "content": "いつ"}]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です。"}]
    assert json.loads(found["gen_ai.retrieval.documents"])[0]["id"] == "s3://b/r.txt"
    assert not [key for key in found if key.startswith(("gen_ai.usage", "kansoku.cost"))]


def test_the_traces_of_an_agent_tell_what_its_models_used(vendor: Any, spans: Any) -> None:
    """All stages together; the thoughts are parts of their own."""
    invoke(
        vendor,
        asked("preProcessingTrace", HAIKU),
        answered("preProcessingTrace", 100, 10),
        asked("orchestrationTrace", f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"),
        answered("orchestrationTrace", 200, 30, "Hm."),
        chunk(b"Tuesday."),
        inputText="When?",
        enableTrace=True,
    )
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (300, 40)
    assert found["gen_ai.response.model"] == HAIKU
    assert found["kansoku.cost.usd"] > 0
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Tuesday."},
    ]


def test_several_models_of_one_agent_have_no_price_together(vendor: Any, spans: Any) -> None:
    """Their tokens are known, which of them was whose is not."""
    invoke(
        vendor,
        asked("routingClassifierTrace", HAIKU),
        answered("routingClassifierTrace", 5, 1),
        asked("orchestrationTrace", "amazon.nova-pro-v1:0"),
        answered("orchestrationTrace", 7, 2),
        chunk(b"Yes."),
        inputText="?",
    )
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (12, 3)
    assert not [key for key in found if key.startswith("kansoku.cost") or key == "gen_ai.response.model"]


def test_what_an_agent_leaves_to_the_program_are_tool_calls(vendor: Any, spans: Any) -> None:
    """Functions by name, operations of an API by their path; with all parameters."""
    function = {"actionGroup": "a", "function": "find"}
    parameters = [{"name": "ward", "type": "string", "value": "北"}]
    api = {"actionGroup": "b", "apiPath": "/notes", "httpMethod": "POST"}
    body = {"content": {"application/json": {"properties": [{"name": "text", "value": "火"}]}}}
    inputs = [
        {"functionInvocationInput": {**function, "parameters": parameters}},
        {"apiInvocationInput": {**api, "requestBody": body}},
    ]
    invoke(vendor, event("returnControl", {"invocationId": "i-1", "invocationInputs": inputs}), inputText="x")
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)
    first, second = spans.messages()[0]["parts"]
    assert first == {"type": "tool_call", "id": "i-1", "name": "find", "arguments": {"ward": "北"}}
    assert (second["name"], list(second["arguments"])) == ("/notes", ["body"])


def test_what_the_program_found_is_told_to_the_agent(vendor: Any, spans: Any) -> None:
    """The results of its calls come before the question, if there is one."""
    result = {"actionGroup": "a", "function": "find", "responseBody": {"TEXT": {"body": "火曜"}}}
    state = {"invocationId": "i-1", "returnControlInvocationResults": [{"functionResult": result}]}
    invoke(vendor, chunk(b"Tuesday."), sessionState=state)
    assert spans.messages("gen_ai.input.messages") == [
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "i-1", "name": "find", "response": "火曜"}],
        }
    ]


def test_an_inline_agent_names_its_model_and_instruction(vendor: Any, spans: Any) -> None:
    """It is described in the request itself."""
    vendor.answer(stream(answered("orchestrationTrace", 9, 2), chunk(b"Yes.")))
    result = connect(vendor.url, "bedrock-agent-runtime").invoke_inline_agent(
        sessionId="s-1",
        foundationModel=HAIKU,
        instruction="Answer questions about rubbish, briefly and politely.",
        inputText="?",
    )
    assert len(list(result["completion"])) == 2
    found = spans.attributes()
    assert found["gen_ai.request.model"] == HAIKU
    assert "politely" in found["gen_ai.system_instructions"]
    assert found["kansoku.cost.usd"] > 0


def test_a_guardrail_that_steps_in_filters_the_answer(vendor: Any, spans: Any) -> None:
    """The trace says so, the words alone would not."""
    invoke(
        vendor, event("trace", {"trace": {"guardrailTrace": {"action": "INTERVENED"}}}), chunk(b"No."),
        inputText="x",
    )  # fmt: skip
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("content_filter",)


def test_an_agent_that_fails_midway_is_a_failed_call_with_what_came(vendor: Any, spans: Any) -> None:
    """The error is in the stream, and reaches the program."""
    with pytest.raises(EventStreamError):
        invoke(
            vendor,
            chunk(b"Tues"),
            event("throttlingException", {"message": "slow down"}, "exception"),
            inputText="When?",
        )
    assert spans.attributes()["error.type"]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "Tues"}]


def test_without_content_an_agent_has_its_numbers_alone(vendor: Any, start: Any) -> None:
    """Neither question nor answer nor thoughts."""
    spans = start(capture_content=False)
    invoke(vendor, answered("orchestrationTrace", 9, 2, "secret"), chunk(b"secret"), inputText="secret")
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 9
    assert "secret" not in str(spans.attributes())


def test_files_that_an_agent_made_are_told_by_size(vendor: Any, spans: Any) -> None:
    """Its code draws and writes; nothing of it is copied."""
    drawn = {"name": "days.png", "type": "image/png", "bytes": base64.b64encode(b"PNG!").decode()}
    invoke(vendor, chunk(b"Here."), event("files", {"files": [drawn]}), inputText="Draw.")
    assert spans.messages()[0]["parts"] == [
        {"type": "text", "content": "Here."},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 4, "name": "days.png"},
    ]
