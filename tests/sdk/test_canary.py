"""Canaries: what is asked, what is sent, how agreement is measured and a change is told from chance."""

import itertools
import json
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from support.vendor import Asked, Reply, Vendor

import kansoku
from kansoku import semconv
from kansoku.canary import Probe, Suite
from kansoku.canary_meter import agreement, compare
from kansoku.errors import SettingsError

PROMPTS = {"capital": "What is the capital of Japan?", "colour": "赤い果物を一つ挙げてください。"}


@pytest.fixture
def client() -> Any:
    """Return a client of a vendor that is sure of itself at temperature 0 and wavers above."""
    vendor = Vendor()
    wavering = itertools.cycle(["Tokyo.", "It is Tokyo.", "Tokyo."])

    def respond(asked: Asked) -> Reply:
        said = "Tokyo." if asked.json()["temperature"] == 0 else next(wavering)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice]}
        return Reply(json.dumps(body).encode())

    vendor.respond = respond
    with openai.OpenAI(base_url=vendor.url, api_key="k") as found:
        yield found
    vendor.close()


def asker(client: Any) -> Callable[[str, float], str]:
    """Return the function that a user would write."""

    def ask(prompt: str, temperature: float) -> str:
        reply = client.chat.completions.create(
            model="m", temperature=temperature, messages=[{"role": "user", "content": prompt}]
        )
        return str(reply.choices[0].message.content)

    return ask


def test_a_run_asks_every_prompt_and_measures_agreement(spans: Any, client: Any) -> None:
    """Sure answers agree wholly, wavering ones by the chance that two are the same; every call is a span."""
    run = Suite("guide", asker(client), PROMPTS, repeats=3).run()
    found = run.agreements()
    assert found[Probe("capital", 0.0)].agreeing == 1.0
    assert found[Probe("capital", 1.0)].distinct == 2
    assert found[Probe("capital", 1.0)].agreeing == pytest.approx(1 / 3)
    names = [span.name for span in spans.all()]
    assert names.count("canary answer") == 12
    assert names.count("chat m") == 12
    assert names.count("canary capital") == 2


def test_every_span_of_a_run_says_that_it_is_a_canary(spans: Any, client: Any) -> None:
    """The experiment, the run as session and the tag are on calls too, so that they can be left out."""
    run = Suite("guide", asker(client), {"capital": "?"}, repeats=2, temperatures=(0,)).run()
    for span in spans.all():
        attributes = dict(span.attributes or {})
        assert attributes[semconv.EXPERIMENT] == "canary:guide"
        assert attributes[semconv.SESSION_ID] == run.run_id
        assert attributes[semconv.TAGS] == ("canary",)
    answer = next(span for span in spans.all() if span.name == "canary answer")
    assert dict(answer.attributes or {})[semconv.CANARY_PROMPT] == "capital"
    assert dict(answer.attributes or {})[semconv.OUTPUT_VALUE] == '"Tokyo."'


def test_agreement_is_sent_as_a_score_of_the_probe_s_trace(
    start: Callable[..., Any], recorder: Any, client: Any
) -> None:
    """Like any score: the dashboard and the alerts see it without knowing of canaries."""
    spans = start(endpoint=recorder.url)
    Suite("guide", asker(client), {"capital": "?"}, repeats=3, temperatures=(1.0,)).run()
    kansoku.flush()
    (body,) = recorder.bodies("/v1/feedback")
    sent = json.loads(body)
    rows = {row["name"]: row for row in (sent if isinstance(sent, list) else sent["feedback"])}
    probe = next(span for span in spans.all() if span.name == "canary capital")
    assert probe.context is not None
    assert rows["canary.agreement"]["trace_id"] == f"{probe.context.trace_id:032x}"
    assert rows["canary.agreement"]["score"] == pytest.approx(1 / 3)
    assert rows["canary.distinct"]["score"] == 2


def test_a_call_that_fails_does_not_end_the_run(spans: Any) -> None:
    """The other answers count; the failure is kept, and is an error on its span."""
    said = iter(["a", RuntimeError("the vendor is away"), "a"])

    def ask(prompt: str, temperature: float) -> str:
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    run = Suite("guide", ask, {"one": "?"}, repeats=3, temperatures=(0,)).run()
    probe = Probe("one", 0.0)
    assert run.answers[probe] == ["a", "a"]
    assert run.errors[probe] == ["RuntimeError: the vendor is away"]
    failed = [span for span in spans.all() if not span.status.is_ok and span.status.description]
    assert [span.name for span in failed] == ["canary answer"]


def _yes(prompt: str, temperature: float) -> str:
    return "yes"


def test_a_run_without_init_still_measures() -> None:
    """Nothing is traced, nothing is sent, nothing fails."""
    run = Suite("guide", _yes, {"one": "?"}).run()
    assert run.agreements()[Probe("one", 1.0)].agreeing == 1.0


def test_a_suite_that_cannot_work_is_refused() -> None:
    """One answer cannot agree with itself; no prompt is nothing to ask."""
    with pytest.raises(SettingsError, match="at least 2 repeats"):
        Suite("guide", _yes, {"one": "?"}, repeats=1)
    with pytest.raises(SettingsError, match="0 prompts"):
        Suite("guide", _yes, {})


def test_the_example_runs(spans: Any, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four prompts at two temperatures, five answers each."""
    monkeypatch.setenv("OPENAI_BASE_URL", str(client.base_url))
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setattr(kansoku, "init", lambda **_: None)  # the fixture has started the SDK
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "canaries.py"))
    found = example["suite"].run()
    example["client"].close()
    assert {len(answers) for answers in found.answers.values()} == {5}
    assert len(found.answers) == 8
    assert not any(found.errors.values())


def test_width_and_white_space_are_no_difference() -> None:
    """Full-width letters and line breaks are spelling, not another answer."""
    found = agreement(["ＡＩ は\n便利", "AI は 便利", "AI は 不便"])
    assert (found.answers, found.distinct) == (3, 2)
    assert found.agreeing == pytest.approx(1 / 3)
    assert found.likeness is not None
    assert 0.3 < found.likeness < 0.9
    assert agreement(["alone"]).agreeing is None


def answers(draw: random.Random, count: int, words: str, length: int = 12) -> list[str]:
    """Return answers that share a vocabulary."""
    return [" ".join(draw.choice(words.split()) for _ in range(length)) for _ in range(count)]


def test_the_comparison_keeps_its_false_alarms() -> None:
    """Of 100 pairs of runs without a change at most one of ten has p of 0.05, whatever the answers are."""
    draw = random.Random(4)
    low = 0
    for _ in range(100):
        before = {key: answers(draw, 10, "you may put paper in the blue bin on any day") for key in "ab"}
        now = {key: answers(draw, 5, "you may put paper in the blue bin on any day") for key in "ab"}
        found = compare(before, now, rounds=99, seed=draw.randrange(10**6))
        assert found is not None
        low += found.p_value <= 0.05
    assert low <= 10


@pytest.mark.parametrize("repeats", [3, 5])
def test_another_style_is_seen_with_few_answers(repeats: int) -> None:
    """Three prompts of three answers each are enough for another vocabulary, in Japanese too."""
    draw = random.Random(5)
    before = {key: answers(draw, 4 * repeats, "ごみ は 月曜日 に 出し ます 青い 箱 へ") for key in "abc"}
    now = {key: answers(draw, repeats, "廃棄物 を 火曜 朝 まで 所定 の 場所") for key in "abc"}
    found = compare(before, now)
    assert found is not None
    assert found.p_value <= 0.01
    assert found.shift > 0.5
    assert set(found.by_probe) == {"a", "b", "c"}


def test_one_new_answer_at_temperature_zero_is_a_change_and_the_same_is_none() -> None:
    """Sure answers leave no chance: the same again has p of 1, another everywhere is as low as p can be."""
    before = {"a": ["Tokyo."] * 20, "b": ["Yes."] * 20}
    same, other = {"a": ["Tokyo."] * 5, "b": ["Yes."] * 5}, {"a": ["Kyoto."] * 5, "b": ["Yes."] * 5}
    unchanged, changed = compare(before, same), compare(before, other)
    assert unchanged is not None
    assert changed is not None
    assert unchanged.p_value == 1.0
    assert changed.p_value <= 0.01
    assert changed.by_probe["a"] > 1 > changed.by_probe["b"] == 0
    assert compare(before, {"c": ["new"]}) is None
