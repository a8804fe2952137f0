"""Amazon Bedrock's invoke_model: the body is the program's own to read, and each family has its format."""

import gc
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from support import aws
from support.aws import connect
from support.vendor import Reply

from kansoku.instruments.bedrock_body import LARGEST, watch_body

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
ASK = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "いつ"}],
}
TOLD = {
    "id": "msg_1",
    "model": "claude-3-haiku-20240307",
    "content": [{"type": "text", "text": "火曜日です。"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 12, "output_tokens": 5},
}
RAW = json.dumps(TOLD).encode()
COUNTS = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "3"}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


def _whole(body: Any) -> bytes:
    return b"".join(iter(lambda: body.read(7), b""))


def _readinto(body: Any) -> bytes:
    found, buffer = b"", bytearray(50)
    while count := body.readinto(buffer):
        found += bytes(buffer[:count])
    return found


def _with(body: Any) -> bytes:
    with body as raw:
        found: bytes = raw.read()
    return found


WAYS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda body: body.read(),
    "read in pieces": _whole,
    "read its length": lambda body: body.read(len(RAW)),
    "iter_chunks": lambda body: b"".join(body.iter_chunks(10)),
    "iter_lines": lambda body: b"".join(body.iter_lines(16)),
    "iterate": b"".join,
    "readlines": lambda body: b"".join(body.readlines()),
    "readinto": _readinto,
    "with": _with,
    "text": lambda body: io.TextIOWrapper(body, "utf-8").read().encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_body_gives_the_same_bytes_however_it_is_read(way: str, vendor: Any, spans: Any) -> None:
    """The program reads what AWS sent, from botocore's own object; only then is the span complete."""
    vendor.answer(Reply(RAW))
    result = connect(vendor.url).invoke_model(modelId=CLAUDE, body=json.dumps(ASK))
    assert type(result["body"]) is StreamingBody
    assert spans.all() == []
    assert WAYS[way](result["body"]) == RAW
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 12
    assert found["gen_ai.response.id"] == "msg_1"
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です。"}]
    assert "kansoku.stream.closed_early" not in found


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["close", "drop"])
def test_a_body_that_nobody_reads_ends_its_span_with_the_headers_counts(
    way: str, vendor: Any, spans: Any
) -> None:
    """Closed or dropped unread, the call has AWS's token counts and says that it was left early."""
    vendor.answer(Reply(RAW, headers=COUNTS))
    result = connect(vendor.url).invoke_model(modelId=CLAUDE, body=json.dumps(ASK))
    if way == "close":
        result["body"].close()
    del result
    gc.collect()
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (7, 3)
    assert found["kansoku.stream.closed_early"] is True


def test_a_broken_body_raises_what_botocore_raises(spans: Any) -> None:
    """Too short a body is an IncompleteReadError, as without us; the call ends all the same."""
    ended: list[Any] = []
    body = StreamingBody(io.BytesIO(b"abc"), 10)
    watch_body(body, lambda *told: ended.append(told))
    with pytest.raises(IncompleteReadError):
        body.read()
    assert ended == [(b"abc", None, False)]
    assert spans.all() == []


def test_a_body_beyond_the_limit_is_passed_on_and_not_kept(vendor: Any, spans: Any) -> None:
    """A huge body reaches the program whole; the span has the counts of the headers."""
    huge = b"[" + b"1," * (LARGEST // 2) + b"1]"
    vendor.answer(Reply(huge, headers=COUNTS))
    result = connect(vendor.url).invoke_model(modelId=CLAUDE, body=json.dumps(ASK))
    assert sum(len(piece) for piece in result["body"].iter_chunks(1 << 20)) == len(huge)
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 7
    assert "gen_ai.output.messages" not in found


@pytest.mark.parametrize("answer", [b"", b"no json", b"[1]", b'{"content": null}', b'{"usage": null}'])
def test_an_answer_of_no_known_shape_harms_nobody(answer: bytes, vendor: Any, spans: Any) -> None:
    """What is no answer of the model is passed on as it is; the call is told without it."""
    vendor.answer(Reply(answer))
    result = connect(vendor.url).invoke_model(modelId=CLAUDE, body=b"also no json")
    assert result["body"].read() == answer
    assert "gen_ai.usage.input_tokens" not in spans.attributes()


def test_a_body_given_as_a_file_is_left_to_the_client(vendor: Any, spans: Any) -> None:
    """A file object is read by botocore alone, whole; the call is told by what AWS answers."""
    vendor.answer(Reply(RAW))
    result = connect(vendor.url).invoke_model(modelId=CLAUDE, body=io.BytesIO(json.dumps(ASK).encode()))
    assert json.loads(result["body"].read()) == TOLD
    assert vendor.asked[0].json() == ASK
    assert spans.attributes()["gen_ai.request.model"] == CLAUDE


def test_a_stubbed_client_works_as_before(vendor: Any, spans: Any) -> None:
    """Botocore's own Stubber stands in for AWS, and its body is followed like a real one."""
    client = connect(vendor.url)
    with Stubber(client) as stub:
        stub.add_response(
            "invoke_model",
            {"body": StreamingBody(io.BytesIO(RAW), len(RAW)), "contentType": "application/json"},
        )
        result = client.invoke_model(modelId=CLAUDE, body=json.dumps(ASK))
        assert result["body"].read() == RAW
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 5


def guarded(*actions: str) -> dict[str, Any]:
    """Return what a guardrail that stepped in adds to a body; its trace tells what was done."""
    found = [{"name": "phone", "action": action} for action in actions]
    trace = {"outputs": [{"g-1": {"sensitiveInformationPolicy": {"regexes": found}}}], "modelOutput": ["火"]}
    return {"amazon-bedrock-guardrailAction": "INTERVENED", "amazon-bedrock-trace": {"guardrail": trace}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("actions", "finish"),
    [
        (("ANONYMIZED",), "stop"),
        (("NONE", "ANONYMIZED"), "stop"),
        (("ANONYMIZED", "BLOCKED"), "content_filter"),
        (("BLOCKED",), "content_filter"),
        ((), "content_filter"),  # no trace was asked for
    ],
)
def test_an_answer_that_a_guardrail_only_masked_ended_as_the_model_says(
    actions: tuple[str, ...], finish: str, stream: bool, vendor: Any, spans: Any
) -> None:
    """Masking a number is stepping in as blocking is; the trace tells them apart."""
    model, body = "amazon.titan-text-express-v1", json.dumps({"inputText": "いつ"})
    if stream:
        last = {"outputText": "火", "completionReason": "FINISH", "index": 0}
        vendor.answer(aws.stream(aws.chunk(last), aws.chunk(guarded(*actions))))
        list(connect(vendor.url).invoke_model_with_response_stream(modelId=model, body=body)["body"])
    else:
        result = {"tokenCount": 2, "outputText": "火", "completionReason": "FINISH"}
        vendor.answer({"inputTextTokenCount": 4, "results": [result], **guarded(*actions)})
        connect(vendor.url).invoke_model(modelId=model, body=body)["body"].read()
    assert spans.attributes()["gen_ai.response.finish_reasons"] == (finish,)
    assert spans.messages()[0]["finish_reason"] == finish


def test_a_call_over_the_global_profile_costs_what_that_costs(vendor: Any, spans: Any) -> None:
    """The model answers with its own name, which is priced as one of a region: a tenth more."""
    vendor.answer({**TOLD, "model": "claude-haiku-4-5-20251001"})
    asked = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
    connect(vendor.url).invoke_model(modelId=asked, body=json.dumps(ASK))["body"].read()
    found = spans.attributes()
    assert found["kansoku.cost.usd"] == pytest.approx((12 * 1 + 5 * 5) / 1e6)
    assert "global." in found["kansoku.cost.price_id"]
