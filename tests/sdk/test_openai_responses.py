"""The responses endpoint: prompts, conversations, tools of vendor and caller, unfinished streams."""

import json
from typing import Any

import openai
import pytest
from support.vendor import Vendor, sse

MESSAGE = {
    "type": "message",
    "id": "m",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "On Tuesday.", "annotations": []}],
}


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Return a client of the server on loopback."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def response(*items: Any, **fields: Any) -> dict[str, Any]:
    """Return the body of a response."""
    usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    body = {"id": "resp_1", "object": "response", "model": "gpt-5", "status": "completed", "usage": usage}
    return {
        **body,
        "output": list(items),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **fields,
    }


def test_a_stored_prompt_and_the_conversation_are_named(client: Any, vendor: Vendor, spans: Any) -> None:
    """Prompt, version and variables, the conversation and the response before this one."""
    vendor.answer(response(MESSAGE, conversation={"id": "conv_1"}, service_tier="flex"))
    client.responses.create(
        prompt={"id": "pmpt_1", "version": "3", "variables": {"ward": "south"}},
        previous_response_id="resp_0", input="When?", service_tier="auto", truncation="auto", store=True,
        include=["message.output_text.logprobs"], max_tool_calls=4,
    )  # fmt: skip
    found = spans.attributes()
    assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("pmpt_1", "3")
    assert found["gen_ai.prompt.variable.ward"] == "south"
    assert found["gen_ai.conversation.id"] == "conv_1"
    assert found["gen_ai.request.previous_response.id"] == "resp_0"
    assert (found["openai.request.service_tier"], found["openai.response.service_tier"]) == ("auto", "flex")
    assert found["gen_ai.request.include"] == '["message.output_text.logprobs"]'
    assert (found["gen_ai.request.max_tool_calls"], found["gen_ai.request.store"]) == (4, True)
    assert found["gen_ai.response.model"] == "gpt-5"


def test_tools_that_the_vendor_ran_are_parts_and_are_counted(client: Any, vendor: Vendor, spans: Any) -> None:
    """Searches, code and MCP calls are told with what they were asked, apart from the caller's own tools."""
    search = {
        "type": "web_search_call",
        "id": "ws",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    files = {
        "type": "file_search_call",
        "id": "fs",
        "status": "completed",
        "queries": ["rules"],
        "results": None,
    }
    code = {
        "type": "code_interpreter_call", "id": "ci", "status": "completed", "container_id": "c",
        "code": "1+1",
        "outputs": [{"type": "image", "url": "data:image/png;base64,AAAA"}, {"type": "logs", "logs": "2"}],
    }  # fmt: skip
    mcp = {
        "type": "mcp_call",
        "id": "mcp",
        "server_label": "city",
        "name": "find",
        "arguments": "{}",
        "output": "x",
    }
    vendor.answer(response(search, search, files, code, mcp, MESSAGE))
    client.responses.create(model="gpt-5", input="x")
    found = spans.attributes()
    assert {key: value for key, value in found.items() if key.endswith(".requests")} == {
        "kansoku.usage.web_search.requests": 2,
        "kansoku.usage.file_search.requests": 1,
        "kansoku.usage.code_interpreter.requests": 1,
        "kansoku.usage.mcp.requests": 1,
    }
    parts = spans.messages()[0]["parts"]
    assert [(part["type"], part.get("name")) for part in parts] == [
        ("server_tool_call", "web_search_call"),
        ("server_tool_call", "web_search_call"),
        ("server_tool_call", "file_search_call"),
        ("server_tool_call", "code_interpreter_call"),
        ("server_tool_call", "find"),
        ("text", None),
    ]
    assert parts[3]["outputs"] == [
        {"type": "image", "url": {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}},
        {"type": "logs", "logs": "2"},
    ]
    assert found["gen_ai.response.finish_reasons"] == ("stop",)


def test_tools_that_the_caller_runs_are_tool_calls(client: Any, vendor: Vendor, spans: Any) -> None:
    """A computer, a shell, a patch and a custom tool wait for the caller as a function does."""
    vendor.answer(
        response(
            {"type": "computer_call", "id": "i", "call_id": "c1", "status": "completed",
             "pending_safety_checks": [], "action": {"type": "click", "button": "left", "x": 1, "y": 2}},
            {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "select 1"},
            {"type": "apply_patch_call", "id": "p", "call_id": "c3", "status": "completed",
             "operation": {"type": "delete_file", "path": "a.txt"}},
        )
    )  # fmt: skip
    client.responses.create(model="gpt-5", input="x")
    calls = [(part["id"], part["name"], part["arguments"]) for part in spans.messages()[0]["parts"]]
    assert calls == [
        ("c1", "computer", {"type": "click", "button": "left", "x": 1, "y": 2}),
        ("c2", "sql", "select 1"),
        ("c3", "apply_patch", {"type": "delete_file", "path": "a.txt"}),
    ]
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert not [key for key in found if key.endswith(".requests")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("written", ["0312345678", "[1, 2]", "select 1"])
def test_the_input_of_a_custom_tool_stays_the_text_that_it_is(
    written: str, stream: bool, client: Any, vendor: Vendor, spans: Any
) -> None:
    """A telephone number is no number, and brackets are no list: this tool takes free text."""
    call = {"type": "custom_tool_call", "call_id": "c", "name": "dial", "input": written}
    whole = response(call)
    done = ("response.completed", {"type": "response.completed", "response": whole, "sequence_number": 0})
    vendor.answer(sse(done) if stream else whole)
    result = client.responses.create(model="gpt-5", input="x", stream=stream)
    if stream:
        list(result)
    assert spans.messages()[0]["parts"] == [
        {"type": "tool_call", "id": "c", "name": "dial", "arguments": written}
    ]


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ("length",)),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ("content_filter",)),
        ({"status": "failed"}, ("failed",)),
        ({"status": "queued", "usage": None, "output": []}, ("queued",)),
    ],
)
def test_the_status_of_a_response_is_its_finish_reason(
    client: Any, vendor: Vendor, spans: Any, fields: Any, finish: Any
) -> None:
    """Cut, filtered, failed, or in the background not begun."""
    vendor.answer(response(MESSAGE, **fields))
    client.responses.create(model="gpt-5", input="x", background=True)
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == finish
    assert ("gen_ai.usage.input_tokens" in found) is (fields.get("usage", 0) is not None)


def test_the_certainty_of_a_response_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Log probabilities are inside the parts of its messages."""
    tokens = [{"token": "On", "logprob": -1.0, "bytes": [], "top_logprobs": []}]
    text = {"type": "output_text", "text": "On", "annotations": [], "logprobs": tokens}
    vendor.answer(response({**MESSAGE, "content": [text]}))
    client.responses.create(model="gpt-5", input="x", top_logprobs=1)
    assert spans.attributes()["kansoku.response.logprob.mean"] == -1.0


def test_a_stream_that_ends_half_way_is_told_as_far_as_it_came(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Whole items, and the pieces of those that were under way: reasoning, text, arguments."""
    begun = response(status="in_progress", usage=None)
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "find", "arguments": ""}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Let me "},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "see."},
        {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE},
        {"type": "response.output_text.delta", "output_index": 2, "delta": "Or on "},
        {"type": "response.output_item.added", "output_index": 3, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": '{"ward":'},
    ]
    vendor.answer(sse(*((event["type"], event) for event in events), done=False))
    list(client.responses.create(model="gpt-5", input="x", stream=True))
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "Let me see."},
        {"type": "text", "content": "On Tuesday."},
        {"type": "text", "content": "Or on "},
        {"type": "tool_call", "id": "c", "name": "find", "arguments": '{"ward":'},
    ]
    found = spans.attributes()
    assert (found["gen_ai.response.id"], found["gen_ai.response.model"]) == ("resp_1", "gpt-5")
    assert found["kansoku.usage.estimated"] is True


def test_code_and_commands_of_a_stream_that_ends_half_way_are_told(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """A tool's code as far as it came, and the commands of a shell, each by itself."""
    code = {"type": "code_interpreter_call", "id": "ci", "status": "in_progress", "container_id": "c"}
    shell = {"type": "shell_call", "id": "sh", "call_id": "c-1", "status": "in_progress"}
    place = {"output_index": 1}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**code, "code": ""}},
        {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "print("},
        {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "1)"},
        {"type": "response.output_item.added", **place, "item": {**shell, "action": {"commands": []}}},
        {"type": "response.shell_call_command.delta", **place, "command_index": 0, "delta": "ls"},
        {"type": "response.shell_call_command.delta", **place, "command_index": 1, "delta": "wc "},
        {"type": "response.shell_call_command.delta", **place, "command_index": 1, "delta": "-l"},
    ]
    vendor.answer(sse(*((event["type"], event) for event in events), done=False))
    list(client.responses.create(model="gpt-5", input="x", stream=True))
    ran, asked = spans.messages()[0]["parts"]
    assert (ran["type"], ran["code"]) == ("server_tool_call", "print(1)")
    assert asked == {
        "type": "tool_call",
        "id": "c-1",
        "name": "shell",
        "arguments": {"commands": ["ls", "wc -l"]},
    }


@pytest.mark.parametrize("body", [{}, {"output": None, "status": 5}, {"output": ["x", None, {"type": 7}]}])
def test_a_response_of_any_shape_ends_its_span(client: Any, vendor: Vendor, spans: Any, body: Any) -> None:
    """Nothing that a server sends makes us fail: the fixture checks that nothing was swallowed."""
    vendor.answer(body)
    client.responses.create(model="gpt-5", input="x")
    assert spans.attributes()["gen_ai.request.model"] == "gpt-5"


def test_what_the_last_event_leaves_out_is_taken_from_those_before(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Some servers end a stream with the usage alone, its items not repeated."""
    call = {
        "type": "function_call",
        "id": "f",
        "call_id": "c",
        "name": "find",
        "arguments": '{"ward": "北区"}',
    }
    events = [
        {"type": "response.created", "response": response(status="in_progress", usage=None)},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        {"type": "response.output_item.done", "output_index": 1, "item": call},
        {"type": "response.completed", "response": response()},
    ]
    vendor.answer(sse(*((event["type"], event) for event in events), done=False))
    list(client.responses.create(model="gpt-5", input="いつ", stream=True))
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 9
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert spans.messages()[0]["parts"] == [
        {"type": "text", "content": "On Tuesday."},
        {"type": "tool_call", "id": "c", "name": "find", "arguments": {"ward": "北区"}},
    ]


def test_the_streaming_helpers_are_traced_once(client: Any, vendor: Vendor, spans: Any) -> None:
    """`responses.stream` and `chat.completions.stream` come down to the calls that are traced."""
    done = {"type": "response.completed", "sequence_number": 9, "response": response(MESSAGE)}
    created = {"type": "response.created", "sequence_number": 0, "response": response(status="in_progress")}
    vendor.answer(sse(("response.created", created), ("response.completed", done), done=False))
    with client.responses.stream(model="gpt-5", input="x") as stream:
        assert stream.get_final_response().id == "resp_1"
    choice = {"index": 0, "delta": {"content": "Hi", "role": "assistant"}, "finish_reason": "stop"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    vendor.answer(sse(chunk))
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as helper:
        assert helper.get_final_completion().choices[0].message.content == "Hi"
    told = [json.loads(span.attributes["gen_ai.output.messages"])[0]["parts"] for span in spans.all()]
    assert told == [[{"type": "text", "content": "On Tuesday."}], [{"type": "text", "content": "Hi"}]]


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (
            {
                "type": "tool_search_call",
                "call_id": "s1",
                "execution": "client",
                "arguments": {"queries": ["x"]},
            },
            {"type": "tool_call", "id": "s1", "name": "tool_search", "arguments": {"queries": ["x"]}},
        ),
        (
            {"type": "tool_search_call", "id": "ts", "execution": "server", "arguments": {"queries": ["x"]}},
            {
                "type": "server_tool_call",
                "id": "ts",
                "name": "tool_search_call",
                "arguments": {"queries": ["x"]},
            },
        ),
        (
            {"type": "shell_call_output", "id": "o1", "call_id": "c1", "output": [{"stdout": "4"}]},
            {"type": "server_tool_call_response", "id": "c1", "response": [{"stdout": "4"}]},
        ),
        (
            {"type": "program_output", "id": "o2", "call_id": "c2", "result": "4", "status": "completed"},
            {"type": "server_tool_call_response", "id": "c2", "response": "4"},
        ),
        ({"type": "compaction", "id": "cmp", "encrypted_content": "..."}, {"type": "compaction"}),
        (
            {"type": "image_generation_call", "id": "ig", "result": "QUJD", "revised_prompt": "A red bin."},
            {
                "type": "blob",
                "modality": "image",
                "mime_type": "image/png",
                "size": 3,
                "revised_prompt": "A red bin.",
            },
        ),
        (
            {"type": "mcp_call", "id": "mc", "name": "t", "server_label": "s", "arguments": '{"a": 1}'},
            {
                "type": "server_tool_call",
                "id": "mc",
                "name": "t",
                "server_label": "s",
                "arguments": {"a": 1},
            },
        ),
        (
            {"type": "image_generation_call", "id": "ig", "status": "failed", "error": {"message": "no"}},
            {
                "type": "server_tool_call",
                "id": "ig",
                "name": "image_generation_call",
                "error": {"message": "no"},
            },
        ),
    ],
)
def test_what_the_server_did_is_told_as_what_it_is(
    client: Any, vendor: Vendor, spans: Any, item: dict[str, Any], part: dict[str, Any]
) -> None:
    """A search that the caller has to make is a tool call; a result or a compaction is no call at all."""
    vendor.answer({"id": "r", "object": "response", "model": "m", "status": "completed", "output": [item]})
    client.responses.create(model="m", input="x")
    assert spans.messages()[0]["parts"] == [part]


def test_what_a_request_refers_to_is_told_as_that(client: Any, vendor: Vendor, spans: Any) -> None:
    """An item that it names, or a wish to compact, is no call; an image of before is not an empty one."""
    vendor.answer(response(MESSAGE))
    asked: Any = [
        {"type": "item_reference", "id": "rs_1"},
        {"type": "image_generation_call", "id": "ig_1"},
        {"type": "compaction_trigger"},
        {"role": "user", "content": "When?"},
    ]
    client.responses.create(model="gpt-5", input=asked)
    kinds = [part["type"] for m in spans.messages("gen_ai.input.messages") for part in m["parts"]]
    assert kinds == ["item_reference", "server_tool_call", "compaction_trigger", "text"]


def test_what_a_search_for_tools_found_is_its_result(client: Any, vendor: Vendor, spans: Any) -> None:
    """The program sends the tools that its search found in a field of their own; the model may call them."""
    vendor.answer(response(MESSAGE))
    tool = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    call = {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"query": "x"}}
    result = {"type": "tool_search_output", "call_id": "s", "execution": "client", "tools": [tool]}
    client.responses.create(model="gpt-5", input=[call, result])
    (part,) = spans.messages("gen_ai.input.messages")[1]["parts"]
    assert part == {"type": "tool_call_response", "id": "s", "response": [tool]}


def test_a_tool_tells_its_server_its_group_and_its_grammar(client: Any, vendor: Vendor, spans: Any) -> None:
    """What a function tells by its parameters, others tell otherwise."""
    grammar = {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}
    find = {"type": "function", "name": "find", "parameters": {"type": "object"}, "strict": True}
    tools: Any = [
        {
            "type": "mcp",
            "server_label": "city",
            "server_url": "https://city.test",
            "require_approval": "never",
        },
        {"type": "namespace", "name": "bins", "description": "d", "tools": [find]},
        {"type": "custom", "name": "number", "format": grammar},
    ]
    vendor.answer(response(MESSAGE))
    client.responses.create(model="gpt-5", input="x", tools=tools)
    find.pop("strict")
    assert json.loads(spans.attributes()["gen_ai.tool.definitions"]) == [
        {"type": "mcp", "server": "city"},
        {"type": "namespace", "name": "bins", "description": "d", "tools": [find]},
        {"type": "custom", "name": "number", "format": grammar},
    ]


def test_a_users_verdict_on_a_tool_is_the_users(client: Any, vendor: Vendor, spans: Any) -> None:
    """It says on what, and which."""
    vendor.answer(response(MESSAGE))
    verdict: Any = {"type": "mcp_approval_response", "approval_request_id": "ma", "approve": False}
    client.responses.create(model="gpt-5", input=[verdict])
    assert spans.messages("gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "mcp_approval_response", "id": "ma", "approve": False}]}
    ]


def test_compacting_a_conversation_is_a_call(client: Any, vendor: Vendor, spans: Any) -> None:
    """It is billed like one."""
    usage = {"input_tokens": 90, "output_tokens": 40, "total_tokens": 130}
    item = {"type": "compaction", "id": "cmp", "encrypted_content": "..."}
    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "いつ"}]}
    vendor.answer({"id": "resp_2", "object": "response.compaction", "output": [asked, item], "usage": usage})
    client.responses.compact(model="gpt-5", input="いつ")
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 90
    assert spans.messages()[0]["parts"] == [
        {"type": "compaction"}
    ]  # what it keeps of the questions is no answer


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_of_the_beta_is_read_as_any_other(
    stream: bool, client: Any, vendor: Vendor, spans: Any
) -> None:
    """What is in the beta has the same shapes, and costs the same tokens."""
    whole = response(MESSAGE)
    done = ("response.completed", {"type": "response.completed", "response": whole, "sequence_number": 0})
    vendor.answer(sse(done) if stream else whole)
    result = client.beta.responses.create(model="gpt-5", input="いつ", stream=stream)
    if stream:
        list(result)
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (9, 4)
    assert (found["gen_ai.response.id"], found["gen_ai.response.model"]) == ("resp_1", "gpt-5")
    assert spans.messages()[0]["parts"][0]["content"] == "On Tuesday."
