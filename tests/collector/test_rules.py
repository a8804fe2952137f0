"""A rules file: every problem at its line, quantities with units, secrets from the environment only."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kansoku_collector.errors import RulesError
from kansoku_collector.store.read.evidence import Evidence, Move, Stretch, write_evidence
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.watch.found_sentences import tell_found
from kansoku_collector.watch.quantities import duration, show, threshold
from kansoku_collector.watch.rules import check_rules, read_file, read_rules
from kansoku_collector.watch.sentences import tell

EXAMPLE = Path(__file__).parents[2] / "deploy/kansoku_cli/alerts.example.yaml"

GOOD = """channels:
  on-call:
    url: ${HOOK}
    headers: {Authorization: "Bearer ${TOKEN}"}
    secret: ${SECRET}
dashboard_url: https://kansoku.example.jp/
rules:
  - name: slow
    metric: latency_p95
    comparison: above
    threshold: 800ms
    window: 15m
    scope: {environment: production, prompt_version: 1.10}
    for: 2
    notify: on-call
"""
KNOWN = {"HOOK": "https://hooks.example.jp/hush", "TOKEN": "quiet", "SECRET": "still"}


def problems(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    """Return the problems of a file, without its name."""
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError) as caught:
        read_rules(path, KNOWN if environment is None else environment)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_a_good_file_gives_rules_with_their_channels(tmp_path: Path) -> None:
    """Text stays text (version 1.10), quantities become numbers, references become values."""
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD, encoding="utf-8")
    (rule,) = read_rules(path, KNOWN)
    assert (rule.limit, rule.window, rule.sustained, rule.enough) == (0.8, timedelta(minutes=15), 2, 20)
    assert rule.slice().prompt_version == "1.10"
    assert rule.channels[0].url.get_secret_value() == KNOWN["HOOK"]
    assert rule.dashboard_url == "https://kansoku.example.jp"
    assert not any(value in repr(rule) for value in KNOWN.values())


def test_the_example_is_valid_and_read_aloud() -> None:
    """The file that the demo uses passes its own check, one sentence a rule."""
    said = check_rules(EXAMPLE)
    assert len(said) == len(read_rules(EXAMPLE)) + 1  # the detector is read aloud as well
    assert (
        said[0]
        == "daily cost: ticket when Cost over 1 day above $10.00; tells nobody, shown on the dashboard."
    )


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    """Each mistake has its own line, what was found, and what was expected."""
    text = """rules:
  - name: a
    metric: latncy_p95
    comparison: above
    threshold: 5s
    window: 90s
  - name: b
    metric: error_rate
    comparision: above
    threshold: 5%
    window: 15m
  - name: c
    metric: error_rate
    comparison: above
    threshold: $5
    window: 15m
    notify: nobody
  - metric: error_rate
    comparison: sideways
    threshold: 5%
    window: 15m
    for: often
channel: {}
"""
    assert problems(tmp_path, text) == [
        "3: rule 'a': metric: 'latncy_p95' is no metric; did you mean 'latency_p95'?",
        "6: rule 'a': window: '90s' cannot be a window (expected whole minutes, 1m to 31d)",
        "9: rule 'b': unknown field 'comparision' (did you mean 'comparison'?)",
        "15: rule 'c': threshold '$5' is not a share such as 2% or 0.02",
        "18: rule 4: name is missing",
        "19: rule 4: comparison: Input should be 'above' or 'below' (found 'sideways')",
        "22: rule 4: for: Input should be a valid integer, unable to parse string as an integer"
        " (found 'often')",
        "23: unknown key 'channel' (expected rules, channels, dashboard_url, time_zone, detector)",
    ]


RULE = "rules:\n  - {name: a, metric: requests, comparison: below, threshold: 1, window: 15m%s}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: found no mapping (expected the keys rules and channels)"),
        ("rules: []", "1: found no rules (expected a list under the key rules)"),
        ("rules:\n  - name: [\n", "3: no valid YAML"),
        ("rules:\n  - plain", "2: rule 1: Input should be a valid dictionary"),
        (RULE % ", notify: x", "2: rule 'a': no channel 'x' (expected one of: none is defined)"),
        (RULE % ", name: b", "2: 'name' is given twice (first at line 2)"),
        (
            RULE % "" + "  - {name: a, metric: calls, comparison: above, threshold: 1, window: 1h}",
            "3: rule 'a' has",
        ),
        (RULE % ", group_by: model", "requests is of requests, which have no model or provider"),
        (RULE % ", group_by: models", "'models' is no dimension; did you mean 'model'?"),
        (RULE % ", interval_aware: true", "requests has no interval"),
        (RULE % ", scope: {env: x}", "unknown field 'scope.env' (expected one of: environment, service,"),
        ("rules:\n  - {name: a, metric: no_data, window: 15m, threshold: 5}", "no_data takes no threshold"),
        ("rules:\n  - {name: a, metric: calls, window: 15m, threshold: 5}", "calls needs a comparison"),
        ("channels: {c: {url: 'ftp://x'}}\n" + RULE % "", "1: channel 'c': url is no http or https address"),
        ("channels: {c: {url: '${NO}'}}\n" + RULE % "", "the environment has no NO"),
        ("channels: {c: {url: 'http://x', secret: hush}}\n" + RULE % "", "secret stands in the file"),
        (
            "channels: {c: {url: 'http://x', headers: {X-Api-Key: hush}}}\n" + RULE % "",
            "header X-Api-Key stands in the file",
        ),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, expected: str) -> None:
    """One sentence says what is wrong and where; a secret is never repeated in it."""
    found = problems(tmp_path, text)
    assert any(expected in line for line in found), found
    assert not any("hush" in line for line in found)


def test_a_missing_file_is_a_rules_error(tmp_path: Path) -> None:
    """No stack trace for a wrong path."""
    with pytest.raises(RulesError, match=r"nowhere\.yaml:1: cannot be read"):
        read_rules(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5s", "seconds", 5),
        ("800 ms", "seconds", 0.8),
        ("2m", "seconds", 120),
        ("2%", "share", 0.02),
        ("0.02", "share", 0.02),
        ("$10", "usd", 10),
        ("0.5", "usd", 0.5),
        ("1,000", "count", 1000),
        ("10k", "count", 10_000),
    ],
)
def test_a_threshold_is_read_in_the_unit_of_its_metric(text: str, unit: str, value: float) -> None:
    """Numbers with and without their unit."""
    assert threshold(text, unit) == pytest.approx(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "unit"), [("5", "seconds"), ("2", "share"), ("5s", "usd"), ("-1", "count")])
def test_a_threshold_of_another_unit_is_refused(text: str, unit: str) -> None:
    """A bare 5 may be seconds or milliseconds, a bare 2 may be two percent: neither is guessed."""
    with pytest.raises(ValueError, match="is not"):
        threshold(text, unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "unit"),
    [("0,1", "share"), ("$1,50", "usd"), ("2,5s", "seconds"), ("1,5x", "times"), ("0,500", "usd")],
)
def test_a_decimal_comma_is_refused(text: str, unit: str) -> None:
    """Read as one of thousands it would be a limit ten times as high and more: a rule that never fires."""
    with pytest.raises(ValueError, match="is not"):
        threshold(text, unit)  # type: ignore[arg-type]


def test_aliases_that_never_end_or_stand_for_billions_are_refused(tmp_path: Path) -> None:
    """The first ended the reader, the second kept it busy for hours."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules: &all [*all]\n")
    with pytest.raises(RulesError, match=r"rules\.yaml:1: an alias"):
        read_rules(path)
    ten_of_the_one_before = (f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    path.write_text("a0: &a0 x\n" + "".join(ten_of_the_one_before))
    with pytest.raises(RulesError, match="more than 100000 parts"):
        read_rules(path)


def test_a_rules_file_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    """As an editor of Windows writes it."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules: []", encoding="utf-16")
    with pytest.raises(RulesError, match=r"rules\.yaml:1: is not UTF-8, save it as that"):
        read_rules(path)


@pytest.mark.parametrize("text", ["15", "0m", "32d", "fast", "$1m", "1.5m"])
def test_a_window_is_whole_minutes(text: str) -> None:
    """The rollups have nothing finer."""
    with pytest.raises(ValueError, match=r"duration|window"):
        duration(text)


def test_values_are_written_in_their_unit() -> None:
    """Small money keeps its digits; long silences are hours."""
    assert [show(0.00123, "usd"), show(12, "usd"), show(0.5, "share"), show(0.25, "seconds")] == [
        "$0.00123", "$12.00", "50%", "250 ms",
    ]  # fmt: skip
    assert [show(8040, "seconds"), show(300, "seconds"), show(1234, "count")] == [
        "2 h 14 min",
        "5 min",
        "1,234",
    ]


def test_messages_tell_times_on_the_clock_of_the_file(tmp_path: Path) -> None:
    """Who is woken at night should not have to add nine hours; without a zone it is UTC, and says so."""
    noon = datetime(2026, 11, 10, 15, 30, tzinfo=UTC)
    incident = Incident("i", "a", "requests", "page", noon, noon, 0.0, 0.0, 1.0, "below", 3,
                        timedelta(minutes=15))  # fmt: skip
    ended = replace(incident, resolved=noon + timedelta(hours=1))
    said = {}
    for zone in ("", "time_zone: Asia/Tokyo\n"):
        path = tmp_path / "rules.yaml"
        path.write_text(zone + RULE % "")
        (rule,) = read_rules(path)
        said[zone] = [*tell(rule, incident), *tell(rule, ended)]
    utc, tokyo = said.values()
    assert ["2026-11-10 15:30 UTC" in text for text in utc[:2]] == [True, True]
    assert ["2026-11-11 00:30 JST" in text for text in tokyo[:2]] == [True, True]
    assert ["2026-11-11 01:30 JST" in text for text in tokyo[2:]] == [True, True]
    assert read_file(path).detector.time_zone == "Asia/Tokyo"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["JST+9", "Asia/Tokio", "../etc/passwd", "9"])
def test_a_zone_that_does_not_exist_is_named(tmp_path: Path, name: str) -> None:
    """A slip would otherwise be told in UTC, nine hours off."""
    (told,) = problems(tmp_path, f"time_zone: {name}\n{RULE % ''}")
    assert told.startswith(f"1: time_zone: '{name}' is no time zone")


def test_a_change_without_a_rule_is_told_on_that_clock_too() -> None:
    """Its beginning has an interval, which may lie on another day than in UTC."""
    began = datetime(2026, 11, 10, 14, 30, tzinfo=UTC)
    near = (began - timedelta(hours=1), began + timedelta(hours=1))
    move = Move("calls", "Calls", "呼び出し", "count", "", "", "ratio", 10, 20, 2, 1.5, 2.5, "",
                began, *near, began, 900.0, 700.0)  # fmt: skip
    stretch = Stretch(*near)
    found = write_evidence(Evidence(began, *near, stretch, stretch, (move,)))
    incident = Incident("i", "detector", "calls", "ticket", began, began, 0.0, 0.0, 0.0, "above", 3,
                        timedelta(hours=1), evidence=found)  # fmt: skip
    english, japanese = tell_found(incident, zone="Asia/Tokyo")
    assert "since about 2026-11-10 23:30 JST (between 22:30 and 11-11 00:30)" in english
    assert "2026-11-10 23:30 JST 頃から、22:30 と 11-11 00:30 の間に開始" in japanese
