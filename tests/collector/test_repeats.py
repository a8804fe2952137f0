"""One call that two instrumentations describe is billed once."""

import pytest

from kansoku_collector.model import Span
from kansoku_collector.relate.repeats import Repeats

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


OUTER, INNER = "openinference.instrumentation.langchain", "openinference.instrumentation.openai"


def pair(**usage_of_outer):
    """Return a client's call and the framework's span around it."""
    inner = model_call("inner", "outer", INNER, provider="openai", input_fresh=7, output_visible=3)
    return inner, model_call("outer", "", OUTER, provider="openai", **usage_of_outer)


@pytest.mark.parametrize("order", [("inner", "outer"), ("outer", "inner")])
def test_the_call_around_another_one_may_come_in_another_batch(order):
    """Whichever comes later is the one that is not billed: rows are never changed."""
    repeats, inner, outer = Repeats(), *pair(input_fresh=7, output_visible=3)
    by_name = {"inner": inner, "outer": outer}
    for name in order:
        repeats.mark([by_name[name]])
    assert billed(inner, outer) == [order[0]]


@pytest.mark.parametrize("together", [True, False])
def test_a_wrapper_that_knows_no_usage_is_not_billed(together):
    """The usage is on the inner span alone; the outer one is the same call, told without it."""
    repeats, inner, outer = Repeats(), *pair(usage_source="none")
    for batch in [[inner, outer]] if together else [[inner], [outer]]:
        repeats.mark(batch)
    assert billed(inner, outer) == ["inner"]


def test_usage_that_comes_after_its_wrapper_is_billed():
    """Where the outer span came first without usage, the tokens still count."""
    repeats, inner, outer = Repeats(), *pair(usage_source="none")
    repeats.mark([outer])
    repeats.mark([inner])
    assert inner.billed


def test_a_failed_try_beneath_a_call_is_that_call():
    """A client's span without usage beneath a framework's with it is one call, which is billed once."""
    inner, outer = pair(input_fresh=7)
    inner.usage_source, inner.input_fresh, inner.output_visible = "none", 0, 0
    Repeats().mark([inner, outer])
    assert billed(inner, outer) == ["outer"]


def test_an_http_request_between_two_descriptions_changes_nothing():
    """A client's HTTP span stands between an instrumentor's call and the vendor's own span."""
    inner, outer = pair(input_fresh=7, output_visible=3)
    request = Span(span_id="http", trace_id="t", parent_span_id="outer", operation="other")
    inner.parent_span_id = "http"
    Repeats().mark([inner, request, outer])
    assert billed(inner, outer) == ["outer"]


def test_a_call_that_a_tool_makes_is_another_call():
    """An agent or a tool between two calls makes them two, even with the same usage."""
    inner, outer = pair(input_fresh=7, output_visible=3)
    tool = Span(span_id="tool", trace_id="t", parent_span_id="outer", operation="execute_tool")
    inner.parent_span_id = "tool"
    Repeats().mark([inner, tool, outer])
    assert billed(inner, outer) == ["inner", "outer"]


@pytest.mark.parametrize("together", [True, False])
def test_a_span_that_reports_the_sum_of_its_calls_is_a_container(together):
    """Two calls and a span around them with their sum are two calls."""
    calls = [
        model_call(name, "outer", INNER, input_fresh=n, output_visible=1) for name, n in (("a", 7), ("b", 9))
    ]
    outer = model_call("outer", scope=OUTER, input_fresh=16, output_visible=2)
    repeats = Repeats()
    for batch in [[*calls, outer]] if together else [[span] for span in (*calls, outer)]:
        repeats.mark(batch)
    assert billed(*calls, outer) == ["a", "b"]


def test_two_instrumentors_beside_each_other_report_one_answer():
    """Spans without a common parent are one call where id and time are the same and the reporter is not."""
    answer = "chatcmpl-AVmrzt5MNuzNfB2xpDpGxieSTYvQu"
    spans = [
        model_call(
            "a", scope="opentelemetry.instrumentation.openai.v1", response_id=answer, provider="openai"
        ),
        model_call("b", trace_id="u", scope=INNER, response_id=answer, provider="openai"),
    ]
    Repeats().mark(spans)
    assert len(billed(*spans)) == 1


def test_an_answer_that_a_cache_gives_again_is_not_the_same_call():
    """The same id an hour later, or from the same instrumentation, is another call."""
    answer, hour = "chatcmpl-AVmrzt5MNuzNfB2xpDpGxieSTYvQu", 3600 * 10**9
    spans = [
        model_call("a", scope=INNER, response_id=answer, provider="openai"),
        model_call("b", trace_id="u", scope=INNER, response_id=answer, provider="openai"),
        model_call("c", trace_id="v", scope=OUTER, response_id=answer, provider="openai", start=hour),
    ]
    Repeats().mark(spans)
    assert billed(*spans) == ["a", "b", "c"]


def test_a_callback_that_litellm_calls_twice_tells_one_call():
    """Of streams of the Responses API there were two traces with one id and start, and both were billed."""
    told = {"scope": "litellm", "response_id": "resp_" + "0" * 48, "provider": "openai", "input_fresh": 9}
    once, again = model_call("a", start=7, **told), model_call("b", trace_id="u", start=7, **told)
    later = model_call("c", trace_id="v", start=8, **told)  # out of LiteLLM's cache
    repeats = Repeats()
    repeats.mark([once])
    repeats.mark([again])
    repeats.mark([later])
    assert billed(once, again, later) == ["a", "c"]


def test_a_call_that_its_dialect_reports_elsewhere_takes_its_children_along():
    """Logfire announces a stream and reports it in a record of its own; the client's span is neither."""
    half = model_call("half", scope="logfire.anthropic", usage_source="none", billed=False)
    own = model_call("own", "half", SDK, input_fresh=5)
    record = model_call("record", scope="logfire.anthropic", input_fresh=5)
    Repeats().mark([half, own, record])
    assert billed(half, own, record) == ["record"]


def test_trying_a_batch_again_decides_the_same():
    """A batch that the store refused is marked anew, with the memory of the first time."""
    repeats = Repeats()
    for _ in range(2):
        inner, outer = pair(input_fresh=7, output_visible=3)
        alone = model_call("alone", trace_id="v", scope=INNER, response_id="msg_9")
        repeats.mark([inner, outer, alone])
        assert billed(inner, outer, alone) == ["outer", "alone"]


def test_an_answer_made_in_the_background_is_billed_once_however_often_it_is_fetched():
    """The process that asked for it knows no usage; each that fetches it tells it, at its own time."""
    repeats, fetched = Repeats(), {"kansoku.response.fetched": "true"}
    answer = {"scope": "kansoku", "response_id": "resp_" + "0" * 48, "provider": "openai"}
    asked = model_call("asked", **answer, usage_source="none")
    first, second, third = (
        model_call(
            name, **answer, trace_id=name, input_fresh=9, start=hour * 3_600 * 10**9, attributes=fetched
        )
        for hour, name in enumerate(("first", "second", "third"))
    )
    for batch in ([asked], [first, second], [third]):
        repeats.mark(batch)
    assert billed(first, second, third) == ["first"]
    assert asked.usage_source == "none"


def test_projects_do_not_know_of_each_other():
    """The same ids in two projects are two calls."""
    spans = [model_call(name, project=name, scope=name, response_id="msg_1") for name in ("a", "b")]
    Repeats().mark(spans)
    assert billed(*spans) == ["a", "b"]


def test_the_billed_description_takes_the_vendors_own_counts():
    """Instrumentors miscount streams and do not know a cache's lifetime; the vendor's span does."""
    own = model_call("own", scope=SDK, response_id="msg_1", input_fresh=5, cache_write_1h=9, output_visible=7)
    other = model_call(
        "other", trace_id="u", response_id="msg_1", input_fresh=5, cache_write_5m=9, output_visible=8
    )
    Repeats().mark([own, other])
    assert billed(own, other) == ["other"]
    assert (other.cache_write_5m, other.cache_write_1h, other.output_visible) == (0, 9, 7)


def test_the_billed_description_takes_over_how_a_sum_is_divided():
    """The AI SDK's own span has the sums, LangSmith's beneath it their parts; other sums are not believed."""
    outer = model_call("outer", scope="ai", input_fresh=100, output_visible=50)
    inner = model_call(
        "inner", "outer", "langsmith", input_fresh=70, cache_read=30, output_visible=40, reasoning=9
    )
    Repeats().mark([inner, outer])
    assert billed(inner, outer) == ["outer"]
    assert (outer.input_fresh, outer.cache_read) == (70, 30)
    assert (outer.output_visible, outer.reasoning) == (50, 0)
