"""Two descriptions of one call that share neither a parent nor an id are billed once."""

import json

import pytest

from kansoku_collector.model import Span
from kansoku_collector.relate.repeats import Repeats

OUTER, INNER = "openinference.instrumentation.langchain", "openinference.instrumentation.openai"
ANTHROPIC = "com.anthropic.sdk.python"
MS = 10**6
CALLS = json.dumps(
    [{"role": "assistant", "parts": [{"type": "tool_call", "name": "t", "arguments": {"a": 1}, "id": "c1"}]}]
)


def described(span_id, scope, start=0, end=100, **fields):
    """Return a billed row of a trace of its own; times are in ms."""
    base = {"operation": "chat", "billed": True, "request_model": "m", "input_text": "Hours?"}
    return Span(
        trace_id=span_id,
        span_id=span_id,
        scope_name=scope,
        start=start * MS,
        duration_ns=(end - start) * MS,
        **(base | fields),
    )


def counted(given=7, answered=3):
    """Return reported usage."""
    return {"usage_source": "reported", "input_fresh": given, "output_visible": answered}


def billed(*spans, together=True):
    """Return the ids that the ledger counts."""
    repeats = Repeats()
    for batch in [spans] if together else [[span] for span in spans]:
        repeats.mark(list(batch))
    return [span.span_id for span in spans if span.billed]


@pytest.mark.parametrize("together", [True, False])
def test_a_stream_that_a_framework_counts_a_token_more_of_is_one_call(together):
    """LangChain's JavaScript adds the first count of Claude's answer to the last; all else is the same."""
    words = {"output_text": "Nine.", "output_messages": "[]"}
    outer = described("outer", OUTER, **words, **counted(7, 4))
    inner = described("inner", INNER, 10, 90, **words, **counted(7, 3))
    assert len(billed(outer, inner, together=together)) == 1
    for other in (words | counted(8, 4), words | {"output_text": "Ten."} | counted(7, 4), counted(7, 4)):
        outer = described("outer", OUTER, **other)
        inner = described("inner", INNER, 10, 90, **words, **counted(7, 3))
        assert len(billed(outer, inner, together=together)) == 2


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "both",
    [
        counted(),
        {"output_text": "Nine.", "output_messages": "[]"},
        {"output_messages": CALLS},
        {"status": "error"},
    ],
    ids=["counts", "words", "tools", "failure"],
)
def test_a_framework_beside_its_client_is_one_call(both, together):
    """LangChain's callback is no parent of the client's span, and of a stream or a failure knows no id."""
    outer, inner = described("outer", OUTER, **both), described("inner", INNER, 10, 90, **both)
    assert len(billed(outer, inner, together=together)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"scope": OUTER},
        {"start": 200, "end": 300},
        {"input_text": "Where?"},
        {"request_model": "n"},
        {"response_id": "chatcmpl-of-another-answer"},
        {"input_fresh": 8},
        {"status": "error"},
        {"service": "billing"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_calls_that_differ_in_anything_are_two(other):
    """By one instrumentation, at another time, of another service, with other words, model, id or outcome."""
    one = described("one", OUTER, response_id="chatcmpl-of-the-first-answer", **counted())
    two = described("two", **({"scope": INNER, "start": 10, "end": 90} | counted() | other))
    assert billed(one, two) == ["one", "two"]


def test_each_description_is_used_once():
    """Two calls at once with the same words and counts are two, however they are described."""
    spans = [described(f"outer{n}", OUTER, **counted()) for n in range(2)]
    spans += [described(f"inner{n}", INNER, 10, 90, **counted()) for n in range(2)]
    assert len(billed(*spans)) == 2


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("both", [counted(), {"status": "error"}], ids=["counts", "failure"])
@pytest.mark.parametrize("calls", [1, 3])
def test_a_third_description_is_no_second_call(both, together, calls):
    """Two instrumentors of LangChain beside a traced client tell of a stream or a failure three times."""
    scopes = (OUTER, "opentelemetry.instrumentation.langchain", "kansoku")
    spans = [described(f"{scope}{n}", scope, **both) for scope in scopes for n in range(calls)]
    assert len(billed(*spans, together=together)) == calls


def test_many_calls_at_once_find_their_other_descriptions_in_any_order():
    """What has been told of by two is forgotten before what still waits."""
    outer = [described(f"outer{n}", OUTER, **counted()) for n in range(14)]
    inner = [described(f"inner{n}", INNER, 10, 90, **counted()) for n in range(14)]
    late = [described(f"late{n}", OUTER, **counted()) for n in range(4)]
    rest = [described(f"rest{n}", INNER, 10, 90, **counted()) for n in range(4)]
    assert len(billed(*outer, *inner[:8], *late, *inner[8:], *rest, together=False)) == 18


def test_the_description_that_knows_what_was_asked_is_billed():
    """Of a stream of Anthropic's, LangChain may know the answer's tokens alone; the client knows both."""
    chain = described("chain", OUTER, **counted(given=0))
    client = described("client", "kansoku", 10, 90, **counted())
    assert billed(chain, client) == ["client"]


def test_the_vendors_own_span_of_a_failed_call_is_not_another_call():
    """The Anthropic SDK's span of a refused request has neither an id nor content."""
    call = described("call", "opentelemetry.instrumentation.anthropic", status="error")
    own = described("own", ANTHROPIC, 10, 90, status="error", input_text="")
    assert billed(own, call) == ["call"]


@pytest.mark.parametrize("start", [5, 200])
def test_a_span_that_ends_when_the_stream_opens_is_the_call_of_the_stream(start):
    """MLflow ends it there, with the question and no answer; the vendor's own span has the rest."""
    opened = described("opened", "mlflow.tracing.provider", 0, 20, input_messages="[1]")
    own = described("own", ANTHROPIC, start, 300, input_text="", **counted())
    expected = (["own"], "Hours?") if start == 5 else (["opened", "own"], "")
    assert (billed(opened, own), own.input_text) == expected


@pytest.mark.parametrize("together", [True, False])
def test_langfuses_handler_and_its_wrapper_are_two_that_tell_of_one_call(together):
    """Of coroutines neither is the other's child, and both have the scope of the SDK."""
    handler = described("a", "langfuse-sdk", name="ChatOpenAI", output_text="Nine.", **counted())
    wrapper = described(
        "b", "langfuse-sdk", 10, 90, name="OpenAI-generation", output_text="Nine.", **counted()
    )
    again = described("c", "langfuse-sdk", 10, 90, name="ChatOpenAI", output_text="Nine.", **counted())
    assert len(billed(handler, wrapper, together=together)) == 1
    assert len(billed(handler, again, together=together)) == 2


def test_a_count_of_zero_contradicts_nothing():
    """Of a stream of Anthropic's, LangChain may know the answer's tokens alone; the vendor's counts stand."""
    call = described("call", OUTER, output_text="Nine.", **counted(given=0))
    own = described("own", ANTHROPIC, 10, 90, input_text="", response_id="msg_1", **counted())
    assert billed(own, call) == ["call"]
    assert (call.input_fresh, call.output_visible, call.response_id) == (7, 3, "msg_1")


def test_the_call_around_one_with_the_same_id_is_billed():
    """LiteLLM over OpenAI: both report the answer's id, and of the two exactly one is billed."""
    answer = {"response_id": "chatcmpl-0123456789abcdef", "output_messages": "[]", **counted()}
    inner = described("inner", INNER, 10, 90, **answer)
    outer = described("outer", "openinference.instrumentation.litellm", **answer)
    inner.trace_id, inner.parent_span_id = outer.trace_id, outer.span_id
    assert billed(inner, outer) == ["outer"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"input_fresh": 50, "cache_read": 30, "audio_in": 20}, (50, 30, 20)),
        ({"input_fresh": 60, "cache_read": 20, "audio_in": 20}, (70, 30, 0)),
    ],
    ids=["more of the same", "another division"],
)
def test_sounds_that_only_one_tells_are_not_billed_as_words(given, expected):
    """OpenLLMetry counts what was cached and no sounds, which cost forty times as much."""
    told = {"usage_source": "reported", "output_visible": 3, "output_messages": "[]"}
    told["response_id"] = "chatcmpl-0123456789abcdef"
    outer = described("outer", OUTER, input_fresh=70, cache_read=30, **told)
    inner = described("inner", INNER, 10, 90, **given, **told)
    inner.trace_id, inner.parent_span_id = outer.trace_id, outer.span_id
    assert billed(outer, inner) == ["outer"]
    assert (outer.input_fresh, outer.cache_read, outer.audio_in) == expected


def test_what_is_billed_takes_over_what_it_lacks():
    """The client knows the answer's id, model and end; what the framework says itself stays."""
    outer = described("outer", OUTER, output_text="Nine.", output_messages="[]", parameters={"seed": "1"})
    inner = described(
        "inner",
        INNER,
        10,
        90,
        request_model="m",
        response_model="m-1",
        response_id="chatcmpl-1",
        finish_reasons=["stop"],
        streaming=True,
        time_to_first_token=0.2,
        output_text="Nine.",
        output_messages="[]",
        parameters={"seed": "2", "n": "1"},
    )
    assert billed(outer, inner) == ["outer"]
    found = (outer.response_model, outer.response_id, outer.finish_reasons, outer.time_to_first_token)
    assert found == ("m-1", "chatcmpl-1", ["stop"], 0.2)
    assert (outer.streaming, outer.parameters) == (True, {"seed": "1", "n": "1"})


@pytest.mark.parametrize(
    ("start", "words", "counts", "expected"),
    [
        (60, "From nine.", {}, ["b"]),
        (60, "From nine.", counted(), ["a"]),
        (60, "From nine.", counted(given=8), ["a", "b"]),
        (60, "Closed.", {}, ["a", "b"]),
        (600, "From nine.", {}, ["a", "b"]),
    ],
    ids=["the same", "the same counts", "other counts", "other words", "later"],
)
def test_a_lazy_stream_that_says_all_is_told_before_its_call_begins(start, words, counts, expected):
    """LlamaIndex's span of a stream ends before the client opens it, whether it knows the counts or not."""
    lazy = described("a", OUTER, 0, 40, output_text="From nine.", **counts)
    opened = described("b", INNER, start, 900, output_text=words, **counted())
    assert billed(lazy, opened) == expected


CACHED = {
    "usage_source": "reported",
    "input_fresh": 7,
    "cache_read": 5,
    "cache_write_5m": 2,
    "output_visible": 3,
}


@pytest.mark.parametrize("together", [True, False])
def test_a_framework_that_leaves_caches_out_tells_the_same_call(together):
    """LangChain's ChatBedrock counts fresh tokens alone, the client all of them: both were billed."""
    outer = described("outer", OUTER, **counted(7, 3))
    inner = described("inner", "openinference.instrumentation.bedrock", 10, 90, **CACHED)
    first, then = (outer, inner) if together else (inner, outer)  # the client's span ends first
    assert billed(first, then, together=together) == ["inner"]
    for other in (counted(8, 3), counted(7, 4), counted(9, 3)):
        outer = described("outer", OUTER, **other)
        inner = described("inner", INNER, 10, 90, **CACHED)
        assert len(billed(outer, inner, together=together)) == 2


def test_a_model_of_bedrock_is_the_same_with_its_region_and_without():
    """OpenLLMetry's instrumentation of the client leaves the region of a profile out."""
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    for region, expected in (("us.", 1), ("global.", 1), ("my.", 2)):
        outer = described("outer", OUTER, request_model=region + model, **counted())
        inner = described("inner", INNER, 10, 90, request_model=model, **counted())
        assert len(billed(outer, inner)) == expected
