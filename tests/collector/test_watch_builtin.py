"""The entry `detector` of a rules file: on without a word, off by one, and wrong with a line."""

from pathlib import Path

import pytest

from kansoku_collector.errors import RulesError
from kansoku_collector.watch.cases import Cases, tagged
from kansoku_collector.watch.detect import Finding, Moment
from kansoku_collector.watch.rules import check_rules, read_file

CHANNELS = "channels:\n  one: {url: 'http://127.0.0.1:1/a'}\n  two: {url: 'http://127.0.0.1:1/b'}\n"
PLACE = ("guide", "production")


def written(directory: Path, text: str) -> Path:
    """Return a rules file."""
    path = directory / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_channels_alone_are_a_file_and_the_detector_tells_them_all(tmp_path: Path) -> None:
    """No rule at all: the detector is on, pages, and tells every channel."""
    found = read_file(written(tmp_path, CHANNELS))
    assert found.rules == []
    assert found.detector is not None
    assert [channel.name for channel in found.detector.channels] == ["one", "two"]
    assert (found.detector.severity, found.detector.false_alarm_days) == ("page", 30)


def test_the_detector_is_what_its_entry_says(tmp_path: Path) -> None:
    """Severity, channels, sensitivity, clock and silence of a signal are read."""
    entry = "detector: {severity: ticket, notify: two, false_alarm_days: 90, utc_offset: 9, ignore: cost}\n"
    found = read_file(written(tmp_path, CHANNELS + entry)).detector
    assert found is not None
    assert [channel.name for channel in found.channels] == ["two"]
    assert (found.severity, found.false_alarm_days, found.utc_offset, found.ignore) == (
        "ticket",
        90,
        9,
        ("cost",),
    )
    (said,) = check_rules(tmp_path / "rules.yaml")
    assert "one false alarm in 90 days" in said
    assert "not watched: cost" in said


@pytest.mark.parametrize("word", ["off", "no", "false"])
def test_the_detector_can_be_off(tmp_path: Path, word: str) -> None:
    """One word in the file is enough."""
    path = written(tmp_path, f"{CHANNELS}detector: {word}\n")
    assert read_file(path).detector is None
    assert check_rules(path) == ["detector: off."]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("detector: {sensitivity: high}", "4: detector: unknown field 'sensitivity'"),
        ("detector: {notify: nobody}", "4: detector: no channel 'nobody' (expected one of: one, two)"),
        ("detector: {ignore: [happiness]}", "'happiness' is no signal"),
        ("detector: {utc_offset: Tokyo}", "'Tokyo' is no offset in whole hours"),
        ("detector: loud", "detector is 'loud' (expected on, off or its fields)"),
        (
            "rules: [{name: detector, metric: no_data, window: 1h}]",
            "a rule cannot be called 'detector': that is the built-in one",
        ),
    ],
)
def test_a_wrong_entry_is_told_with_its_line(tmp_path: Path, entry: str, reason: str) -> None:
    """What was found, and what was expected."""
    with pytest.raises(RulesError) as error:
        read_file(written(tmp_path, CHANNELS + entry + "\n"))
    assert reason in str(error.value)


def finding(signal: str, hour: int, before: float, after: float, seen: int = 0) -> Finding:
    """Return a change of a level."""
    moved = after - before
    change = Moment(hour, hour, hour)
    return tagged(
        Finding(
            signal,
            "mean",
            seen or hour + 2,
            2000.0,
            1080.0,
            change,
            "difference",
            moved,
            moved,
            moved,
            before,
            after,
        ),
        PLACE,
    )


def new(signal: str, hour: int, value: str) -> Finding:
    """Return a value that was never seen."""
    change = Moment(hour, hour, hour)
    return tagged(Finding(signal, "value", hour, 9.0, 1.0, change, "new_value", 3, 3, 3, 0, 3, value), PLACE)


def test_a_new_prompt_alone_is_no_incident_and_explains_one() -> None:
    """It is told with the cost that rises with it; another model that answers is an incident by itself."""
    cases = Cases()
    assert cases.take([new("prompt", 100, "guide@v2")], 100, lambda *_: 0.0) == []
    ((event, case),) = cases.take([finding("cost", 100, 0.0, 1.0)], 102, lambda *_: 1.0)
    assert (event, case.news) == ("opened", ("prompt: guide@v2",))
    ((event, case),) = cases.take([new("answered", 200, "m → m-2")], 200, lambda *_: 0.0)
    assert (event, case.moved) == ("opened", ())
    assert cases.take([new("asked", 300, "n"), new("answered", 300, "n → n-1")], 300, lambda *_: 0.0) == []


def test_what_goes_on_is_the_same_incident_unless_something_new_explains_it() -> None:
    """Cost rises, and further: one incident; once more together with a new prompt: a second one."""
    cases = Cases()
    cases.take([finding("cost", 100, 0.0, 1.0)], 102, lambda *_: 1.0)
    ((event, case),) = cases.take([finding("cost", 150, 1.0, 2.0)], 152, lambda *_: 2.0)
    assert (event, len(case.findings)) == ("updated", 2)
    happened = cases.take(
        [new("prompt", 200, "guide@v3"), finding("cost", 200, 2.0, 3.0)], 202, lambda *_: 3.0
    )
    assert [event for event, _ in happened] == ["opened"]


def test_a_move_back_that_comes_with_another_model_is_a_new_incident() -> None:
    """The level is that of before by chance; the vendor has changed something all the same."""
    cases = Cases()
    cases.take([finding("cost", 100, 0.0, 1.0)], 102, lambda *_: 1.0)
    found = [new("answered", 150, "m → m-2"), finding("cost", 150, 1.0, 0.0)]
    assert [event for event, _ in cases.take(found, 152, lambda *_: 0.0)] == ["opened"]


def test_the_new_state_is_the_usual_one_after_two_weeks_and_states_are_restored() -> None:
    """It settles; and cases that were written down and read again go on as they would have."""
    cases = Cases()
    cases.take([finding("cost", 100, 0.0, 1.0)], 102, lambda *_: 1.0)
    again = Cases.restore(cases.state())
    for each in (cases, again):
        assert each.take([], 102 + 14 * 24 - 1, lambda *_: 1.0) == []
        ((event, case),) = each.take([], 102 + 14 * 24, lambda *_: 1.0)
        assert (event, case.reason, case.resolved) == ("resolved", "settled", 102 + 14 * 24)
    assert again.state() == cases.state()
