"""History: spans lie in the past with plausible times, and every incident is in the numbers."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.ports import free_port

import kansoku
from kansoku.spans import clock
from kansoku_demo import conversation
from kansoku_demo.history import Historian, chunks
from kansoku_demo.opinion import Opinion
from kansoku_demo.opinion import judge as judge_answer
from kansoku_demo.scenario import Scenario
from kansoku_demo.state import State

END = 1_794_999_600.0  # 2026-11-18, 11:00 UTC, 20:00 in Japan
SCENARIO = Scenario(END, 14.0, 7)
NOON = int(END // 3600) - 8  # 12:00 in Japan


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """Start the SDK on a provider of its own and give what it exports."""
    found = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(found))
    nobody = f"http://127.0.0.1:{free_port()}"
    kansoku.init(endpoint=nobody, api_key="ksk_test", tracer_provider=provider)
    yield found
    kansoku.uninstrument()
    kansoku.shutdown(timeout=0)
    clock.use()


def seconds(span: ReadableSpan) -> float:
    """Return the duration of a span."""
    return (span.end_time - span.start_time) / 1e9


@pytest.fixture(scope="module")
def usual(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """Return the spans of three hours before anything happened."""
    return fill(exporter, 12.0)


def fill(exporter: InMemorySpanExporter, days_ago: float, hours: int = 3) -> list[ReadableSpan]:
    """Return the spans of some hours at noon so many days before the end."""
    historian = Historian(SCENARIO)
    exporter.clear()
    historian.fill([NOON - int(24 * days_ago) + hour for hour in range(hours)], END)
    return list(exporter.get_finished_spans())


def roots(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """Return the requests."""
    return [span for span in spans if span.parent is None]


def per_request(spans: list[ReadableSpan], attribute: str) -> float:
    """Return the mean sum of a number over the model's calls of a request."""
    calls = [s for s in spans if s.attributes.get("gen_ai.provider.name") == "openai"]
    return sum(s.attributes.get(attribute, 0) for s in calls) / len(roots(spans))


def test_spans_are_stamped_in_the_past_with_plausible_times(exporter: InMemorySpanExporter) -> None:
    """Requests take 0.2 to 15 seconds in their own hour; children lie inside their parents."""
    spans = fill(exporter, 12.0, hours=1)
    by_id = {span.context.span_id: span for span in spans}
    begin = (NOON - 24 * 12) * 3600e9
    assert len(roots(spans)) > 10
    for root in roots(spans):
        assert begin <= root.start_time < begin + 3600e9 + 600e9
        assert 0.2 < seconds(root) < 15
    for span in spans:
        if span.parent is not None:
            parent = by_id[span.parent.span_id]
            assert parent.start_time < span.start_time < span.end_time < parent.end_time
    assert 1.0 < median(map(seconds, roots(spans))) < 4.0


def test_streamed_answer_has_a_first_chunk_before_its_end(usual: list[ReadableSpan]) -> None:
    """Time to the first chunk is simulated too, and shorter than the call."""
    streamed = [s for s in usual if "gen_ai.response.time_to_first_chunk" in s.attributes]
    assert len(streamed) > 10
    for span in streamed:
        assert 0.15 < span.attributes["gen_ai.response.time_to_first_chunk"] < seconds(span)


def test_request_is_a_tree_of_agent_retrieval_tools_and_calls(usual: list[ReadableSpan]) -> None:
    """Every kind of span of the sample application is there, with who and which prompt on each."""
    spans = usual
    kinds = Counter(
        s.attributes.get("gen_ai.operation.name", s.attributes.get("kansoku.kind")) for s in spans
    )
    assert {"invoke_agent", "retrieval", "embeddings", "chat", "execute_tool", "evaluation"} <= set(kinds)
    assert {s.attributes.get("gen_ai.prompt.version") for s in spans} == {"v14"}
    assert all(s.attributes.get("session.id") and s.attributes.get("user.id") for s in spans)
    calls = [s.attributes for s in spans if "gen_ai.request.model" in s.attributes]
    assert {(c["gen_ai.provider.name"], c["gen_ai.request.model"]) for c in calls} == {
        ("openai", "gpt-5.6-luna"),
        ("openai", "text-embedding-3-small"),
        ("local", "qwen3-8b"),
    }
    assert 4.5 < len(spans) / len(roots(spans)) < 7


def test_local_judge_has_no_price_and_the_vendors_calls_have_one(usual: list[ReadableSpan]) -> None:
    """The model of one's own stays unpriced; every answered call to the vendor is priced."""
    spans = [s for s in usual if "gen_ai.response.model" in s.attributes]
    priced = {s.attributes["gen_ai.request.model"]: "kansoku.cost.usd" in s.attributes for s in spans}
    assert priced == {"gpt-5.6-luna": True, "text-embedding-3-small": True, "qwen3-8b": False}


def test_the_judges_grade_is_an_evaluators_and_no_users(usual: list[ReadableSpan]) -> None:
    """It is the score of its evaluation span, which the Quality screen keeps apart from what people say."""
    checks = [span for span in usual if span.name == "check_answer"]
    scores = [dict(event.attributes) for span in checks for event in span.events]
    assert checks
    assert {score["gen_ai.evaluation.name"] for score in scores} == {"grounded"}
    assert all(1 <= score["gen_ai.evaluation.score.value"] <= 5 for score in scores)


def test_dear_prompt_raises_the_cost_of_a_request_by_about_forty_percent(
    exporter: InMemorySpanExporter,
) -> None:
    """v15's examples are paid for on every call."""
    cheap = per_request(fill(exporter, 12.0, hours=6), "kansoku.cost.usd")
    dear = per_request(fill(exporter, 8.0, hours=6), "kansoku.cost.usd")
    assert 1.25 < dear / cheap < 1.6


def test_other_model_version_answers_longer_without_being_asked_for(exporter: InMemorySpanExporter) -> None:
    """The model asked for stays the same; the version that answers and its length change."""
    before, after = fill(exporter, 4.0, hours=5), fill(exporter, 1.0, hours=5)
    asked = {s.attributes.get("gen_ai.request.model") for s in before + after} - {None}
    assert asked == {"gpt-5.6-luna", "text-embedding-3-small", "qwen3-8b"}
    answered = [{s.attributes.get("gen_ai.response.model") for s in spans} for spans in (before, after)]
    assert "gpt-5.6-luna-2026-08-06" in answered[0] - answered[1]
    assert "gpt-5.6-luna-2026-11-14" in answered[1] - answered[0]
    name = "gen_ai.usage.output_tokens"
    assert per_request(after, name) > 1.4 * per_request(before, name)


def test_likes_fall_for_the_terse_prompt(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the A/B test the citizens of v16 miss facts in the answers and like them less."""
    shares: dict[str, list[bool]] = defaultdict(list)

    def note(turn: Any, answer: str, fallback: bool, language: str, dice: Any) -> Opinion | None:
        shares[version].append(judge_answer(turn, answer, fallback, language) == "good")
        return None

    monkeypatch.setattr(conversation, "opinion", note)
    for version in ("v14", "v16"):
        monkeypatch.setattr(Scenario, "prompt_version", lambda *_, v=version: v)
        fill(exporter, 4.0, hours=5)
    assert mean(shares["v16"]) < mean(shares["v14"]) - 0.1


def test_nothing_is_recorded_in_the_gap_and_nothing_after_the_end(exporter: InMemorySpanExporter) -> None:
    """The outage of telemetry is a hole, and no span is stamped later than now."""
    historian = Historian(SCENARIO)
    exporter.clear()
    gap_begin, gap_end = SCENARIO.gap
    hour = int(gap_begin // 3600)
    historian.fill([hour - 1, hour, hour + 1], END)
    starts = [s.start_time / 1e9 for s in roots(list(exporter.get_finished_spans()))]
    assert starts
    assert not [at for at in starts if gap_begin <= at < gap_end]
    exporter.clear()
    historian.fill([int(END // 3600) - 1], END - 1800)
    assert max(s.start_time for s in roots(list(exporter.get_finished_spans()))) < (END - 1800) * 1e9


def test_clock_is_the_systems_again_after_a_fill(exporter: InMemorySpanExporter) -> None:
    """Live traffic after history is stamped with real time."""
    fill(exporter, 12.0, hours=1)
    assert abs(clock.now() / 1e9 - END) > 86_400


def test_first_chunks_are_small_and_no_hour_is_lost() -> None:
    """Something is to be seen within seconds, and every hour is filled once."""
    hours = list(range(40))
    cut = chunks(hours)
    assert [hour for chunk in cut for hour in chunk] == hours
    assert len(cut[0]) == 1
    assert max(map(len, cut)) <= 6


def test_second_run_goes_on_with_the_first_ones_scenario(tmp_path: Path) -> None:
    """What was filled in stays filled in; only the hours since then are missing, newest first."""
    first = State.open(tmp_path, SCENARIO)
    hours = first.missing(END)
    assert len(hours) == 14 * 24 + 1
    assert hours == sorted(hours, reverse=True)
    first.add(hours[:-1])
    second = State.open(tmp_path, Scenario(END + 9 * 3600, 3.0, 99))
    assert second.scenario == SCENARIO
    assert second.missing(END) == hours[-1:]
    assert second.missing(END + 2 * 3600)[:2] == [hours[0] + 2, hours[0] + 1]
