"""Which attributes are content: in every dialect that was recorded, nothing that was said is left."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

import kansoku
from kansoku.privacy import capture

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "otlp"
# The recorded texts are full of words like saffron-yarrow38 that appear nowhere else.
WORD = re.compile(r"[a-z]+-[a-z]+[0-9]{2}")
SAID = ("system_text", "input_messages", "last_user_text", "output_texts", "tool_calls", "reasoning_text")


def cases() -> list[Any]:
    """Return the recorded exports as parameters; a skipped one where there are none."""
    found = sorted(path.parent for path in CORPUS.glob("*/*/expected.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason="the recorded exports are not here"))]
    return [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in found]


def python(value: AnyValue) -> Any:
    """Return a protobuf value as the attribute that it was."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return tuple(python(item) for item in value.array_value.values)
    return getattr(value, which) if which else None


def spans(case: Path) -> Iterator[Any]:
    """Yield the spans of a recorded export."""
    for request in json.loads((case / "meta.json").read_text("utf-8"))["requests"]:
        if request["signal"] != "traces":
            continue
        body = (case / request["file"]).read_bytes()
        encoding = {k.lower(): v for k, v in request["headers"].items()}.get("content-encoding")
        if encoding == "gzip" or body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        elif encoding == "deflate":
            body = zlib.decompress(body)
        export = ExportTraceServiceRequest()
        if request["file"].endswith(".json"):
            json_format.ParseDict(_base64_ids(json.loads(body)), export, ignore_unknown_fields=True)
        else:
            export.ParseFromString(body)
        for resource in export.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def _base64_ids(body: Any) -> Any:
    """Drop the ids, which OTLP/JSON writes in hex and protobuf's JSON in base64."""
    if isinstance(body, dict):
        return {k: _base64_ids(v) for k, v in body.items() if k not in ("traceId", "spanId", "parentSpanId")}
    return [_base64_ids(item) for item in body] if isinstance(body, list) else body


def said_words(case: Path) -> set[str]:
    """Return the telling words of what was said to models and by them."""
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    told = [call[field] for call in expected["calls"] for field in SAID if call.get(field)]
    return set(WORD.findall(json.dumps(told, ensure_ascii=False)))


@pytest.mark.parametrize("level", [capture.METADATA, capture.OFF])
@pytest.mark.parametrize("case", cases())
def test_nothing_that_was_said_is_left_in_any_dialect(case: Path, level: str) -> None:
    """No word of a prompt, an answer or a tool call is in what is kept of a span."""
    words = said_words(case)
    for span in spans(case):
        for holder in (span, *span.events):
            attributes = {item.key: python(item.value) for item in holder.attributes}
            for key, value in capture.reduce(attributes, level).items():
                assert not words & set(WORD.findall(str(value))), (key, value)


def test_the_outline_keeps_roles_types_names_and_lengths() -> None:
    """Messages say who spoke, of what kind each part is, how long, and which tool was called."""
    messages = [
        {"role": "user", "name": "Taro", "parts": [{"type": "text", "content": "秘密です"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call_1", "name": "pay", "arguments": {"to": "Taro"}}],
            "finish_reason": "tool_calls",
        },
        {"role": "user", "content": "old shape"},
    ]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.usage.input_tokens": 7,
        "kansoku.input.value": '{"name":"Taro"}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "秘密です",
        "llm.invocation_parameters": '{"temperature":0.5,"model":"m","system":"秘密"}',
        "gen_ai.system_instructions": "not JSON",
        "user.id": "u-1",
    }
    found = capture.reduce(attributes, capture.METADATA)
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "user", "name_chars": 4, "parts": [{"type": "text", "content_chars": 4}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call_1", "name": "pay", "arguments_chars": 13}],
            "finish_reason": "tool_calls",
        },
        {"role": "user", "content_chars": 9},
    ]
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 7,
        "kansoku.input.value_chars": 15,
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content_chars": 4,
        "llm.invocation_parameters": '{"temperature":0.5,"model":"m"}',
        "gen_ai.system_instructions_chars": 8,
        "user.id": "u-1",
    }


def test_off_keeps_no_content_at_all() -> None:
    """At `off` not even lengths and roles are left; model, usage and user are."""
    attributes = {
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": "[]",
        "gen_ai.prompt.0.role": "user",
        "input.value": "x",
        "user.id": "u",
    }
    assert capture.reduce(attributes, capture.OFF) == {"gen_ai.request.model": "m", "user.id": "u"}


def test_an_error_keeps_its_type_and_its_places_without_its_words() -> None:
    """Messages of exceptions often quote the prompt: type and stack frames stay, text goes."""
    stack = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 3, in ask\n'
        '    raise ValueError("秘密")\nValueError: 秘密\n'
    )
    event = {"exception.type": "ValueError", "exception.message": "秘密", "exception.stacktrace": stack}
    assert capture.reduce(event, capture.OFF) == {
        "exception.type": "ValueError",
        "exception.stacktrace": '  File "/app/a.py", line 3, in ask',
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("full", "off", "off"),
        ("off", "full", "off"),
        ("metadata", "off", "off"),
        ("metadata", None, "metadata"),
        ("full", "nonsense", "off"),
    ],
)
def test_the_level_that_keeps_less_wins(one: str, other: Any, expected: str) -> None:
    """A context can lower the level of the settings and never raise it."""
    assert capture.stricter(one, other) == expected


def _sent(recorder: Any) -> list[Any]:
    found = []
    for body in recorder.bodies("/v1/traces"):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def test_a_context_keeps_the_content_of_its_calls_here(start: Callable[..., Any], recorder: Any) -> None:
    """Inside `context(capture_content="off")` spans are sent without content; others as they are."""
    start(endpoint=recorder.url)
    with kansoku.context(capture_content="off"), kansoku.span("secret", input={"q": "秘密"}):
        pass
    with kansoku.context(capture_content="metadata"), kansoku.span("sized", input={"q": "秘密"}):
        pass
    with kansoku.span("open", input={"q": "公開"}):
        pass
    assert kansoku.flush(60)
    found = {span.name: {a.key: python(a.value) for a in span.attributes} for span in _sent(recorder)}
    assert found == {
        "secret": {"kansoku.kind": "function", "kansoku.capture_content": "off"},
        "sized": {
            "kansoku.kind": "function",
            "kansoku.capture_content": "metadata",
            "kansoku.input.value_chars": 10,
        },
        "open": {"kansoku.kind": "function", "kansoku.input.value": '{"q":"公開"}'},
    }


def test_the_setting_metadata_reaches_spans_of_other_instrumentors(
    start: Callable[..., Any], recorder: Any
) -> None:
    """A span of somebody else's tracer on the same provider is reduced as ours are."""
    from kansoku.spans import provider

    start(endpoint=recorder.url, capture_content="metadata")
    theirs = provider.current()
    assert theirs is not None
    with theirs.get_tracer("openinference.instrumentation.openai").start_as_current_span("chat") as span:
        span.set_attribute("input.value", "秘密")
        span.add_event("gen_ai.user.message", {"content": "秘密"})
    assert kansoku.flush(60)
    (sent,) = _sent(recorder)
    assert {a.key: python(a.value) for a in sent.attributes} == {
        "input.value_chars": 2,
        "kansoku.capture_content": "metadata",
    }
    assert {a.key: python(a.value) for a in sent.events[0].attributes} == {"content_chars": 2}


PARAMETERS = {
    "gen_ai.request.model": "m",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.voice": "alloy",
    "gen_ai.request.response_format": '{"type":"json_schema","json_schema":{"schema":{"enum":["太郎"]}}}',
    "gen_ai.request.include": '["file_search_call.results"]',
    "gen_ai.request.stop_sequences": ("太郎:",),
    "gen_ai.request.metadata": '{"customer":"Taro","count":3}',
    "gen_ai.request.question": "who is Taro?",
}


@pytest.mark.parametrize("level", [capture.METADATA, capture.OFF])
def test_of_a_requests_parameters_settings_are_left_and_no_text(level: str) -> None:
    """Numbers and words of known settings stay; schemas, labels, stop sequences and sentences go."""
    found = capture.reduce(PARAMETERS, level)
    assert {name: value for name, value in found.items() if not name.endswith("_chars")} == {
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.voice": "alloy",
        "gen_ai.request.response_format": '{"type":"json_schema"}',
        "gen_ai.request.include": '["file_search_call.results"]',
    }


@pytest.mark.parametrize(
    "name", ["kansoku.guardrail.reason", "db.query.text", "db.statement", "genkit:input", "genkit:output"]
)
def test_what_quotes_content_is_content(name: str) -> None:
    """A guardrail's reason, a statement with its values and Genkit's input leave nothing but a length."""
    assert capture.reduce({name: "about Taro"}, capture.OFF) == {}
    assert capture.reduce({name: "about Taro"}, capture.METADATA) == {f"{name}_chars": 10}


def test_a_requests_labels_are_masked(start: Callable[..., Any], recorder: Any) -> None:
    """What a program sends along to its vendor may hold an address or a key; the name of the model stays."""
    start(endpoint=recorder.url, mask="all")
    told = {"gen_ai.request.metadata": '{"by":"taro@example.jp"}', "gen_ai.request.model": "taro@example.jp"}
    with kansoku.span("x", attributes=told):
        pass
    assert kansoku.flush(60)
    (body,) = recorder.bodies("/v1/traces")
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    found = {item.key: python(item.value) for item in sent.attributes}
    assert found["gen_ai.request.metadata"] == '{"by":"[email]"}'
    assert found["gen_ai.request.model"] == "taro@example.jp"


@pytest.mark.parametrize("level", [False, "none", "OFF", "of", "nothing"])
def test_less_content_is_asked_for_by_any_word(start: Callable[..., Any], recorder: Any, level: Any) -> None:
    """A switch, a synonym and a slip of the pen keep a part's content back; they had let all of it out."""
    start(endpoint=recorder.url)
    with kansoku.context(capture_content=level), kansoku.span("x", input="saffron-yarrow38"):
        pass
    assert kansoku.flush(60)
    assert b"saffron" not in b"".join(recorder.bodies("/v1/traces"))
