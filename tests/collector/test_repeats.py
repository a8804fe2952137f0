"""One call that two instrumentations describe is billed once."""

from kansoku_collector.model import Span
from kansoku_collector.normalise.repeats import Repeats

SDK = "com.anthropic.sdk.python"


def model_call(span_id, parent="", scope="openinference.instrumentation.anthropic", **fields):
    """Return a billed row."""
    base = {
        "trace_id": "t",
        "operation": "chat",
        "billed": True,
        "provider": "anthropic",
        "usage_source": "reported",
    }
    return Span(span_id=span_id, parent_span_id=parent, scope_name=scope, **(base | fields))


def billed(*spans):
    """Return the ids that the ledger counts."""
    return [span.span_id for span in spans if span.billed]


def test_the_vendors_own_span_beneath_an_instrumentors_is_not_billed():
    """The Anthropic SDK's span is a child of the call that it repeats."""
    spans = [model_call("own", "outer", SDK, input_fresh=5), model_call("outer", input_fresh=5)]
    Repeats().mark(spans)
    assert billed(*spans) == ["outer"]


def test_the_same_response_in_another_trace_is_billed_once():
    """Under some instrumentations the SDK's span is a trace of its own; the response id tells."""
    own, other = (
        model_call("own", scope=SDK, response_id="msg_1"),
        model_call("other", trace_id="u", response_id="msg_1"),
    )
    Repeats().mark([own, other])
    assert billed(own, other) == ["other"]


def test_the_second_description_may_come_later():
    """What was billed in one batch is not billed again in the next."""
    repeats, own, other = (
        Repeats(),
        model_call("own", scope=SDK, response_id="msg_1"),
        model_call("other", response_id="msg_1"),
    )
    repeats.mark([own])
    repeats.mark([other])
    assert billed(own, other) == ["own"]


def test_a_framework_around_a_client_is_one_call():
    """Two model-call spans, one beneath the other with the same usage, are one call."""
    spans = [
        model_call("inner", "outer", "a", input_fresh=7, output_visible=3),
        model_call("outer", scope="b", input_fresh=7, output_visible=3),
    ]
    Repeats().mark(spans)
    assert billed(*spans) == ["outer"]


def test_different_calls_stay_different():
    """Siblings with the same usage, and a nested call with another usage, are all billed."""
    spans = [
        model_call("a", "root", input_fresh=7),
        model_call("b", "root", input_fresh=7),
        model_call("c", "a", input_fresh=9),
    ]
    Repeats().mark(spans)
    assert billed(*spans) == ["a", "b", "c"]


def test_small_servers_reuse_ids():
    """Ollama numbers its answers up to a thousand: an id alone proves nothing for other vendors."""
    spans = [
        model_call("a", provider="ollama", response_id="chatcmpl-7"),
        model_call("b", scope=SDK, provider="ollama", response_id="chatcmpl-8"),
    ]
    Repeats().mark(spans)
    assert billed(*spans) == ["a", "b"]
