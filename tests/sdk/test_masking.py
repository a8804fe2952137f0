"""Masking of spans and feedback: before they leave the process, whoever made them, and still JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import kansoku
from kansoku import guard
from kansoku.privacy.filter import Filter
from kansoku.privacy.mask import Mask
from kansoku.privacy.recognisers import ALL, SECRETS, choose
from kansoku.spans import provider

KEY = "sk-ant-api03-abcDEF123456"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nabc+/==\n-----END PRIVATE KEY-----"


def sent(recorder: Any) -> list[Any]:
    """Return the spans that arrived."""
    found = []
    for body in recorder.bodies("/v1/traces"):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def values(attributes: Any) -> dict[str, Any]:
    """Return protobuf attributes as a dictionary."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


def test_secrets_are_masked_by_default_wherever_they_stand(start: Callable[..., Any], recorder: Any) -> None:
    """Name, arguments, metadata, events, error message and stack trace of a span are sent without the key."""
    start(endpoint=recorder.url)
    with (
        pytest.raises(ValueError, match=KEY),
        kansoku.context(metadata={"note": f"uses {KEY}", "db_password": "x"}),
        kansoku.span(f"call {KEY}", input={"text": f"鍵は{KEY}です", "pem": PEM}),
    ):
        raise ValueError(f"refused: {KEY}")
    assert kansoku.flush(60)
    body = b"".join(recorder.bodies("/v1/traces"))
    assert KEY.encode() not in body
    assert b"MIIEvQ" not in body
    (span,) = sent(recorder)
    found = values(span.attributes)
    assert span.name == "call [anthropic_api_key]"
    assert json.loads(found["kansoku.input.value"]) == {
        "text": "鍵は[anthropic_api_key]です",
        "pem": "[private_key]",
    }
    assert found["kansoku.metadata.note"] == "uses [anthropic_api_key]"
    assert found["kansoku.metadata.db_password"] == "[secret]"
    assert span.status.message == "refused: [anthropic_api_key]"
    event = values(span.events[0].attributes)
    assert event["exception.message"] == "refused: [anthropic_api_key]"
    assert "ValueError: refused: [anthropic_api_key]" in event["exception.stacktrace"]


def test_spans_of_other_instrumentors_are_masked_too(start: Callable[..., Any], recorder: Any) -> None:
    """What a foreign tracer of the same provider writes is masked when sent; its own copy is not touched."""
    spans = start(endpoint=recorder.url, mask="all")
    theirs = provider.current()
    assert theirs is not None
    with theirs.get_tracer("openinference.instrumentation.openai").start_as_current_span("chat") as span:
        span.set_attribute("llm.input_messages.0.message.content", "taro@example.jp")
        span.set_attribute("ai.prompt.tools", ('{"description":"ask taro@example.jp"}',))
        span.set_attribute("gen_ai.response.id", "4111111111111111")
    assert kansoku.flush(60)
    found = sent(recorder)[0].attributes
    assert values(found)["llm.input_messages.0.message.content"] == "[email]"
    assert values(found)["gen_ai.response.id"] == "4111111111111111"
    assert spans.attributes()["llm.input_messages.0.message.content"] == "taro@example.jp"


def test_nothing_is_masked_when_asked_so(start: Callable[..., Any], recorder: Any) -> None:
    """`mask="none"` sends content as it is."""
    start(endpoint=recorder.url, mask="none")
    with kansoku.span("x", input=KEY):
        pass
    assert kansoku.flush(60)
    assert json.loads(values(sent(recorder)[0].attributes)["kansoku.input.value"]) == KEY


def test_the_settings_name_recognisers(
    start: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KANSOKU_MASK is a list of groups and recognisers; what is not named stays."""
    monkeypatch.setenv("KANSOKU_MASK", "secrets, email")
    start(endpoint=recorder.url)
    with kansoku.span("x", input=f"taro@example.jp {KEY} 090-1234-5678"):
        pass
    assert kansoku.flush(60)
    shown = values(sent(recorder)[0].attributes)["kansoku.input.value"]
    assert json.loads(shown) == "[email] [anthropic_api_key] 090-1234-5678"


def test_a_name_that_is_none_masks_everything(caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt recogniser must not let data out: all are used, and the log says so."""
    guard._warned.discard("mask:emial")
    assert choose(["emial"]) == ALL
    assert "emial" in caplog.text


def test_a_function_sees_every_text_after_the_recognisers(start: Callable[..., Any], recorder: Any) -> None:
    """The function gets decoded strings, key already masked, and neither roles nor model names."""
    seen: list[str] = []

    def hide(text: str) -> str:
        seen.append(text)
        return text.replace("太郎", "[name]")

    start(endpoint=recorder.url, mask=hide)
    with kansoku.span("x", attributes={"gen_ai.request.model": "太郎"}) as span:
        span.set(
            "gen_ai.input.messages",
            json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"太郎\n{KEY}"}]}]),
        )
    assert kansoku.flush(60)
    found = values(sent(recorder)[0].attributes)
    assert json.loads(found["gen_ai.input.messages"])[0] == {
        "role": "user", "parts": [{"type": "text", "content": "[name]\n[anthropic_api_key]"}],
    }  # fmt: skip
    assert found["gen_ai.request.model"] == "太郎"
    assert seen == ["太郎\n[anthropic_api_key]"]


@pytest.mark.parametrize("answer", [None, 7, b"x"])
def test_a_function_that_fails_costs_the_content_and_not_the_metrics(
    start: Callable[..., Any], recorder: Any, answer: Any
) -> None:
    """A span that cannot be masked is sent with its numbers and its model, marked, and without any text."""

    def broken(text: str) -> Any:
        if answer is None:
            raise RuntimeError(text)
        return answer

    start(endpoint=recorder.url, mask=broken)
    with pytest.raises(ValueError, match="秘密"), kansoku.span("秘密の質問", input="秘密") as span:  # noqa: PT012
        span.set("gen_ai.usage.input_tokens", 5)
        span.set("gen_ai.request.model", "gpt-x")
        span.set("my.note", "秘密")
        raise ValueError("秘密")
    assert kansoku.flush(60)
    assert "秘密".encode() not in b"".join(recorder.bodies("/v1/traces"))
    (found,) = sent(recorder)
    assert values(found.attributes) == {
        "kansoku.kind": "function",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.request.model": "gpt-x",
        "error.type": "ValueError",
        "kansoku.masking.failed": True,
    }
    assert values(found.events[0].attributes)["exception.type"] == "ValueError"
    assert found.status.code == 2


def test_failures_are_counted() -> None:
    """The filter knows how many spans and items of feedback lost their content."""

    def broken(text: str) -> str:
        raise RuntimeError(text)

    chosen = Filter(Mask((), broken))
    assert chosen.feedback({"trace_id": "t", "comment": "秘密", "like": True}) == {
        "trace_id": "t",
        "like": True,
    }
    assert chosen.failed == 1


def test_feedback_is_masked(start: Callable[..., Any], recorder: Any) -> None:
    """Comment, correction and metadata of feedback go through the same mask."""
    start(endpoint=recorder.url, mask="all")
    kansoku.feedback(
        "a" * 32,
        comment="電話は090-1234-5678",
        correction=f"use {KEY}",
        metadata={"mail": "a@example.jp"},
        like=False,
    )
    assert kansoku.flush(60)
    (item,) = json.loads(recorder.bodies("/v1/feedback")[0])
    assert item["comment"] == "電話は[phone]"
    assert item["correction"] == "use [anthropic_api_key]"
    assert item["metadata"] == {"mail": "[email]"}
    assert item["like"] is False


def test_what_is_spooled_is_masked(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key reaches the disk when the collector is away."""
    import gzip

    monkeypatch.setenv("KANSOKU_SPOOL_DIR", str(tmp_path))
    start()
    with kansoku.span("x", input=KEY):
        pass
    kansoku.shutdown(timeout=5)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    plain = [gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in written]
    assert any(b"[anthropic_api_key]" in body for body in plain)
    assert not any(KEY.encode() in body for body in plain)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_stays_json_with_any_escapes(ascii_only: bool) -> None:
    """Secrets behind escapes and in JSON inside of JSON are found; the rest is as it was."""
    inner = json.dumps(
        {"card": "４１１１　１１１１　１１１１　１１１１", "say": '"quoted" \\ back'}, ensure_ascii=ascii_only
    )
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": f"見て:\n{PEM}\n\t以上"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "arguments": inner, "n": 1.5, "ok": True, "none": None}],
        },
    ]
    masked = json.loads(Mask(ALL).value(json.dumps(messages, ensure_ascii=ascii_only)))
    assert masked[0]["parts"][0]["content"] == "見て:\n[private_key]\n\t以上"
    part = masked[1]["parts"][0]
    assert json.loads(part.pop("arguments")) == {"card": "[credit_card]", "say": '"quoted" \\ back'}
    assert part == {"type": "tool_call", "n": 1.5, "ok": True, "none": None}


def test_numbers_fields_and_names_in_json_are_masked() -> None:
    """A card given as a JSON number, a value under `password` and an address as a key are content as well."""
    text = json.dumps(
        {
            "card": 4111111111111111,
            "count": 12,
            "user": {"password": "x", "a@example.jp": 1, "b@example.jp": 2},
        }
    )
    assert json.loads(Mask(ALL).value(text)) == {
        "card": "[credit_card]",
        "count": 12,
        "user": {"password": "[secret]", "[email]": 1, "[email]_": 2},
    }


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**8), 10**8)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.booleans())
def test_any_json_is_still_json_and_keeps_what_is_no_secret(value: Any, ascii_only: bool) -> None:
    """Whatever surrounds a key, the masked text parses, and only the key is gone."""
    text = json.dumps({"a": value, "b": f"x {KEY}"}, ensure_ascii=ascii_only)
    masked = json.loads(Mask(choose(["anthropic_api_key"])).value(text))
    assert masked == {"a": value, "b": "x [anthropic_api_key]"}


# Beginnings and middles of secrets, between which anything may stand.
PIECES = st.sampled_from(
    [
        *("Bearer ", "bearer  ", "ya29.", "SG.", "hooks.slack.com/services/", "postgres://", "u:p1@", "@"),
        *("password=", "api_key: ", "Authorization: Basic ", "sk-ant-", "-----BEGIN PRIVATE KEY-----", '"'),
        *(
            " は",
            ".",
            "/",
            "は",
            "：",
            " => ",
            "=",
            ": ",
            " \t:",
            "secret",
            "access_token",
            "pwd=",
            "?key=",
            "Cookie",
        ),
        *("a1b2c3d4e5f6", "session=a1b2c3d4e5f6a7b8", "Basic dXNlcjpwYXNz", " words of a text " * 20),
    ]
) | st.from_regex(r"[A-Za-z0-9._~+/=-]{1,30}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(st.text() | st.lists(PIECES, max_size=9).map("".join))
def test_the_quick_look_never_misses_what_the_close_look_finds(text: str) -> None:
    """Where the prefilter sees nothing, the recognisers find nothing."""
    for mask in (Mask(ALL), Mask(SECRETS)):  # what is personal has hints that most texts have
        assert mask.may_change(text) or mask.recognised(text) == text


NAMES = st.sampled_from(
    [
        "password",
        "dbPwd",
        "client_secret",
        "Authorization",
        "aws-credentials",
        "set-cookie",
        "api_key",
        "text",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=9) | st.integers()), st.booleans(), st.sampled_from([None, 3]))
def test_the_quick_look_never_misses_the_name_of_a_secret_in_json(
    fields: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    """However the JSON is written, and inside of JSON text too."""
    mask = Mask(SECRETS)
    value = {"said": "words of a text " * 20, "args": json.dumps(fields, indent=indent)}
    for found in (fields | {"said": value["said"]}, value):
        text = json.dumps(found, ensure_ascii=ascii_only, indent=indent, separators=(",", "  : "))
        assert mask.may_change(text) or Mask(SECRETS, lambda words: words).value(text) == text


def test_pseudonyms_are_stable_and_need_the_key() -> None:
    """With a key equal values are equal however they are written, others differ, and so do other keys."""
    mask = Mask(ALL, key=b"k1")
    one, same, other = (
        mask.text(text)
        for text in ("4111 1111 1111 1111", "４１１１-１１１１-１１１１-１１１１", "5555555555554444")
    )
    assert one == same != other
    assert one.startswith("[credit_card:")
    assert Mask(ALL, key=b"k2").text("4111111111111111") != one
    assert mask.text(one) == one


def test_lists_and_cut_json_are_masked() -> None:
    """Arrays of texts, and JSON that was cut off in the middle, are masked as text."""
    mask = Mask(ALL)
    assert mask.any(("a@example.jp", "x")) == ["[email]", "x"]
    assert mask.value('[{"role":"user","content":"a@example.jp and more… [cut: 99') == (
        '[{"role":"user","content":"[email] and more… [cut: 99'
    )


def test_a_key_on_a_command_line_does_not_leave_the_process(
    start: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What detectors write of a process is looked at once: its arguments and what is named a secret."""
    told = f"process.command_line=app --api-key={KEY},db.password=opaque,host.name=taro@example.jp"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", told)
    theirs = TracerProvider(resource=Resource.create())
    start(endpoint=recorder.url, tracer_provider=theirs, mask="all")
    for name in ("one", "two"):
        with theirs.get_tracer("x").start_as_current_span(name):
            pass
    assert kansoku.flush(60)
    (body,) = recorder.bodies("/v1/traces")
    described, *_ = ExportTraceServiceRequest.FromString(body).resource_spans
    found = values(described.resource.attributes)
    assert found["process.command_line"] == "app --api-key=[anthropic_api_key]"
    assert found["db.password"] == "[secret]"
    assert found["host.name"] == "taro@example.jp"
    assert theirs.resource.attributes["db.password"] == "opaque"
    assert len(described.scope_spans[0].spans) == 2
