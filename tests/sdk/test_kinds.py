"""The typed helpers: each kind as a decorator and as a span with fields of its own."""

import json
from typing import Any, Self, get_type_hints

import pytest
from opentelemetry import context as otel_context

import kansoku
from kansoku.calls.call_watch import watch_calls


def test_a_retrieval_says_what_was_asked_and_found(spans: Any) -> None:
    """Query, source, top_k and documents with scores are on the span of a search."""
    with kansoku.retrieval("search", query="収集日は？", top_k=3, source="city") as found:
        found.set_documents([{"id": 7, "score": 0.83, "content": "火曜日"}])
    assert spans.attributes() == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "収集日は？",
        "gen_ai.retrieval.top_k": 3,
        "gen_ai.data_source.id": "city",
        "gen_ai.retrieval.documents": '[{"id":"7","score":0.83,"content":"火曜日"}]',
    }


def test_a_tool_says_how_it_was_called_and_what_it_gave(spans: Any) -> None:
    """Name, call id, arguments and result are on the span of a tool."""
    with kansoku.tool("weather", call_id="call_1", arguments={"city": "大阪"}) as run:
        run.set_result({"degrees": 21})
    assert spans.attributes() == {
        "kansoku.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"city":"大阪"}',
        "gen_ai.tool.call.result": '{"degrees":21}',
    }


def test_a_call_of_ones_own_is_billed_like_any_other(spans: Any) -> None:
    """Messages, disjoint usage and the list price are on a generation that no instrument saw."""
    with kansoku.generation("ask", model="gpt-4o-mini", provider="openai") as call:
        call.set_messages("傘は何ごみですか", answer="粗大ごみです", finish_reason="stop")
        call.set_usage(1000, 200, cache_read=400, model="gpt-4o-mini-2024-07-18")
    found = spans.attributes()
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "傘は何ごみですか"}]}
    ]
    assert json.loads(found["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (1000, 200)
    assert found["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"
    assert found["kansoku.cost.usd"] == pytest.approx((600 * 0.15 + 400 * 0.075 + 200 * 0.6) / 1e6)


def test_a_model_without_a_price_costs_nothing_known(spans: Any) -> None:
    """Usage without a price is recorded, and no cost is made up."""
    with kansoku.embedding("embed", model="our-own", provider="local") as call:
        call.set_usage(12)
        call.set_vectors(3, 256)
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["gen_ai.usage.input_tokens"] == 12
    assert found["kansoku.embeddings.input.count"] == 3
    assert found["gen_ai.embeddings.dimension.count"] == 256
    assert "kansoku.cost.usd" not in found


def test_a_guardrail_says_its_verdict(spans: Any) -> None:
    """Verdict, reason and score are on the span of a check."""
    with kansoku.guardrail("no personal data") as check:
        check.set_verdict(False, reason="a phone number", score=0.9)
    assert spans.attributes() == {
        "kansoku.kind": "guardrail",
        "kansoku.guardrail.passed": False,
        "kansoku.guardrail.reason": "a phone number",
        "kansoku.guardrail.score": 0.9,
    }


def test_an_evaluation_gives_scores_as_events(spans: Any) -> None:
    """Each score is an event of the conventions, which the collector stores beside the users' feedback."""
    with kansoku.evaluation("judge") as judge:
        judge.set_score("faithful", 0.8, explanation="one claim has no source")
        judge.set_score("tone", label="polite")
    first, second = spans.one().events
    assert first.name == "gen_ai.evaluation.result"
    assert dict(first.attributes) == {
        "gen_ai.evaluation.name": "faithful",
        "gen_ai.evaluation.score.value": 0.8,
        "gen_ai.evaluation.explanation": "one claim has no source",
    }
    assert dict(second.attributes) == {
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.score.label": "polite",
    }


@pytest.mark.parametrize("kind", ["chain", "agent", "tool", "retrieval", "guardrail", "evaluation"])
def test_every_kind_decorates_a_function(kind: str, spans: Any) -> None:
    """A helper decorates bare and with a name; result and name of the function stay."""
    helper = getattr(kansoku, kind)

    @helper
    def plain(number: int) -> int:
        return number + 1

    @helper(name="other")
    def named(number: int) -> int:
        return number + 2

    assert (plain(1), named(1), plain.__name__) == (2, 3, "plain")
    names = [span.name for span in spans.all()]
    assert names == ["plain", "other"]
    assert {dict(span.attributes)["kansoku.kind"] for span in spans.all()} == {kind}


def test_without_content_a_helper_keeps_only_the_facts(start: Any) -> None:
    """Query, arguments, messages and explanations are content; names, counts and scores are not."""
    spans = start(capture_content=False)
    with kansoku.retrieval("search", query="secret", top_k=3) as found:
        found.set_documents([{"id": 1, "score": 0.5, "content": "secret"}])
    with kansoku.tool("weather", arguments={"city": "secret"}) as run:
        run.set_result("secret")
    with kansoku.generation("ask", model="m") as call:
        call.set_messages("secret", answer="secret")
    with kansoku.evaluation("judge") as judge:
        judge.set_score("faithful", 1.0, explanation="secret")
    seen = [(dict(s.attributes), [dict(e.attributes) for e in s.events]) for s in spans.all()]
    assert len(seen) == 4
    assert "secret" not in str(seen)


def test_before_init_every_helper_does_nothing() -> None:
    """A library may use the helpers in a program that never starts Kansoku."""
    with kansoku.retrieval("search", query="x") as found:
        found.set_documents([])
    with kansoku.generation("ask", model="m") as call:
        call.set_messages("x", answer="y")
        call.set_usage(1, 2)
    with kansoku.guardrail("g") as check:
        check.set_verdict(True)
    with kansoku.evaluation("e") as judge:
        judge.set_score("n", 1)
    assert found.trace_id == call.trace_id == ""


def test_a_generation_below_a_framework_is_noted(spans: Any) -> None:
    """A framework that watches for calls learns of one's own, and does not bill it again."""
    seen: list[str] = []
    token = otel_context.attach(watch_calls(otel_context.get_current(), seen))
    with kansoku.generation("ask", model="m"), kansoku.embedding("embed", model="e"):
        pass
    otel_context.detach(token)
    assert seen == ["chat", "embeddings"]


def test_what_with_gives_is_known_to_type_checkers() -> None:
    """`set_score` and `set_verdict` are there for whoever writes the examples of the docs with types."""
    given = get_type_hints(kansoku.span("x").__enter__)["return"]
    assert given is Self
