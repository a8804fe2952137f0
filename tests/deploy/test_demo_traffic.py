"""Citizens: believable, in two languages, with a rhythm, and the same for the same seed."""

import random
from collections import Counter
from itertools import chain

from kansoku_demo import guide, traffic
from kansoku_demo.opinion import judge, opinion
from kansoku_demo.scenario import DAY, Scenario
from kansoku_demo.traffic import Turn

MONDAY = 1_794_787_200 // 3600  # 2026-11-16, 0:00 UTC


def week() -> list[traffic.Session]:
    """Return the conversations of a week."""
    return list(chain.from_iterable(traffic.sessions(7, MONDAY + hour) for hour in range(168)))


def test_same_seed_gives_the_same_conversations_and_another_seed_others() -> None:
    """Traffic derives from the seed and the hour alone."""
    assert traffic.sessions(7, MONDAY + 3) == traffic.sessions(7, MONDAY + 3)
    assert traffic.sessions(7, MONDAY + 3) != traffic.sessions(8, MONDAY + 3)


def test_week_has_two_languages_short_conversations_and_a_rhythm_of_day_and_night() -> None:
    """About two thirds are Japanese, conversations have 1 to 6 turns, and nobody asks at night in Japan."""
    sessions = week()
    languages = Counter(s.language for s in sessions)
    assert 0.6 < languages["ja"] / len(sessions) < 0.7
    assert {len(s.turns) for s in sessions} <= {1, 2, 3, 4, 5, 6}
    assert all(len(s.pauses) == len(s.turns) - 1 for s in sessions)
    by_hour = Counter(int(s.start // 3600 + 9) % 24 for s in sessions)
    assert by_hour[19] + by_hour[20] > 8 * (by_hour[2] + by_hour[3])
    assert 1300 < len(sessions) < 1700


def test_sessions_have_names_of_their_own_and_citizens_come_back_in_their_language() -> None:
    """Session ids are unique; a citizen always speaks one language."""
    sessions = week()
    assert len({s.id for s in sessions}) == len(sessions)
    spoken: dict[str, set[str]] = {}
    for s in sessions:
        spoken.setdefault(s.user_id, set()).add(s.language)
    assert all(len(languages) == 1 for languages in spoken.values())
    assert 250 < len(spoken) < len(sessions)


def test_templates_are_many_and_filled_completely() -> None:
    """There are 60 to 200 templates and no question keeps a brace."""
    assert 60 <= len(list(traffic.templates())) <= 200
    assert not [t.question for s in week() for t in s.turns if "{" in t.question]


def test_every_fact_that_a_citizen_looks_for_is_in_the_guide() -> None:
    """An entry holds its fact in one sentence, in both languages, and each template's entry exists."""
    names = {e.id for e in guide.entries("ja")}
    assert names == {e.id for e in guide.entries("en")}
    for language in ("ja", "en"):
        for entry in guide.entries(language):
            assert any(entry.fact in sentence for sentence in guide.sentences(entry.text)), entry.id
        assert {item["entry"] for item in guide.items(language).values()} <= names
    kinds = {"sort", "day", "day_unknown", "district_reply", "fee", "outside", "follow"}
    assert {kind for kind, _, _ in traffic.templates()} - kinds <= names


def test_collection_days_are_said_in_words() -> None:
    """Weekly and monthly days read naturally in both languages."""
    assert guide.say_days(["Mon", "Thu"], "ja") == "毎週月・木曜日"
    assert guide.say_days(["1Tue", "3Tue"], "ja") == "第1・第3火曜日"
    assert guide.say_days(["Wed"], "en") == "every Wednesday"
    assert guide.say_days(["1Tue", "3Tue"], "en") == "the first and third Tuesday of the month"


def test_tools_know_days_and_fees() -> None:
    """The two tools answer from the city's tables."""
    assert guide.collection_day("緑が丘", "空き缶", "ja")["days"] == "第2・第4火曜日"
    assert guide.collection_day("Midorigaoka", "futon", "en")["days"] == ""
    assert guide.bulky_waste_fee("sofa", "en")["fee_yen"] == 1500


def test_opinion_has_its_reason_in_the_answer() -> None:
    """What a citizen finds depends on what the answer says."""
    turn = Turn("乾電池は？", "両極にテープを貼り")
    assert judge(turn, "両極にテープを貼り、出してください。", fallback=False, language="ja") == "good"
    assert judge(turn, "燃やすごみです。", fallback=False, language="ja") == "wrong"
    assert judge(turn, "両極にテープを貼り" + "あ" * 300, fallback=False, language="ja") == "long"
    assert judge(turn, "環境課へお問い合わせください。", fallback=True, language="ja") == "fallback"
    assert judge(turn, "申し訳ありませんが、お答えできません。", fallback=False, language="ja") == "refused"
    assert judge(Turn("天気は？", outside=True), "晴れです。", fallback=False, language="ja") == "wrong"


def test_thumbs_follow_the_answer_and_corrections_hold_the_truth() -> None:
    """Wrong answers are disliked and corrected, good ones liked; most citizens say nothing."""
    turn = Turn("布団はいくら？", "500", truth="布団: 500円")
    said = {
        answer: [opinion(turn, answer, False, "ja", random.Random(n)) for n in range(1500)]
        for answer in ("500円です。", "300円です。")
    }
    liked = {answer: [o.like for o in found if o] for answer, found in said.items()}
    assert all(len(found) < 600 for found in liked.values())
    assert sum(liked["500円です。"]) / len(liked["500円です。"]) > 0.85
    assert sum(liked["300円です。"]) / len(liked["300円です。"]) < 0.15
    corrections = {o.correction for found in said.values() for o in found if o and o.correction}
    assert corrections == {"布団: 500円"}


def test_scenario_places_every_incident_before_its_end_and_squeezes_with_the_days() -> None:
    """The three incidents and the gap follow in order, whatever the length of the history."""
    for days in (14.0, 2.0):
        end = 1_795_000_000.0
        scenario = Scenario(end, days, 7)
        dear, cheap = scenario.dear_prompt
        times = [
            scenario.start,
            dear,
            cheap,
            scenario.test_started,
            *scenario.gap,
            scenario.model_changed,
            end,
        ]
        assert times == sorted(times)
        assert scenario.start == end - days * DAY
        versions = {scenario.prompt_version((dear + cheap) / 2, f"u-{n}") for n in range(50)}
        assert versions == {"v15"}
        tested = Counter(scenario.prompt_version(end, f"u-{n:04d}") for n in range(400))
        assert 150 < tested["v16"] < 250
        assert tested["v14"] == 400 - tested["v16"]
        assert not scenario.is_recorded(scenario.gap[0] + 1)
        assert scenario.is_recorded(scenario.gap[1])
