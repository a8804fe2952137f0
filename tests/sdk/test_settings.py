"""Settings: argument, else variable, else default; each of them documented."""

from pathlib import Path

import pytest

from kansoku.settings import Settings, read_settings

DOCS = Path(__file__).parents[2] / "docs" / "sdk" / "README.md"


def test_an_argument_wins_over_the_variable_and_it_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the three sources."""
    monkeypatch.setenv("KANSOKU_ENVIRONMENT", "staging")
    monkeypatch.setenv("KANSOKU_RELEASE", "1.0")
    found = read_settings({"environment": "production"})
    assert (found.environment, found.release, found.service_name) == ("production", "1.0", "")


@pytest.mark.parametrize("url", ["http://h:4318/", "http://h:4318/v1/traces", " http://h:4318 "])
def test_the_endpoint_may_be_written_in_several_ways(url: str) -> None:
    """A trailing slash, the path of the signal and spaces are taken off."""
    assert read_settings({"endpoint": url}).endpoint == "http://h:4318"


def test_clients_to_trace_are_a_list_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """KANSOKU_INSTRUMENT holds names separated by commas; empty means none."""
    monkeypatch.setenv("KANSOKU_INSTRUMENT", "openai, other")
    assert read_settings({}).instrument == ("openai", "other")
    monkeypatch.setenv("KANSOKU_INSTRUMENT", "")
    assert read_settings({}).instrument == ()


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (True, "full"), (False, "off"), ("TRUE", "full"), ("0", "off"), ("metadata", "metadata"),
        (" Full ", "full"), ("off", "off"), ("none", "off"), ("", "full"), ("perhaps", "off"),
    ],
)  # fmt: skip
def test_the_levels_of_capture(given: object, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch means full or off; a word means itself, or lets nothing out; everywhere alike."""
    assert read_settings({"capture_content": given}).capture_content == level
    monkeypatch.setenv("KANSOKU_CAPTURE_CONTENT", str(given))
    assert read_settings({}).capture_content == level


def test_a_mask_that_cannot_be_read_masks_everything(caplog: pytest.LogCaptureFixture) -> None:
    """What protects content does the most that it can when it is set wrongly, and the log says so."""
    assert read_settings({"mask": 5}).mask == ("all",)
    assert "KANSOKU_MASK cannot be used" in caplog.text
    assert "continuing with ('all',)" in caplog.text


def test_a_variable_that_cannot_work_is_told_and_the_others_hold(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program starts with the default of what is wrong; names of variables count whatever their case."""
    monkeypatch.setenv("KANSOKU_SAMPLE_RATE", "often")
    monkeypatch.setenv("kansoku_release", "1.0")
    monkeypatch.setenv("KANSOKU_OF_A_LATER_VERSION", "1")
    found = read_settings({"service_name": "guide"})
    assert (found.sample_rate, found.release, found.service_name) == (1.0, "1.0", "guide")
    assert "KANSOKU_SAMPLE_RATE cannot be used" in caplog.text


def test_a_key_read_from_a_file_loses_its_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted secret ends in one; HTTP cannot carry it, and nothing would arrive."""
    monkeypatch.setenv("KANSOKU_API_KEY", "ksk_abc\n")
    assert read_settings({}).api_key.get_secret_value() == "ksk_abc"
    assert read_settings({"api_key": " ksk_def\r\n"}).api_key.get_secret_value() == "ksk_def"


def test_an_empty_variable_names_no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file of settings has it: no spool, and none in the directory where the program runs."""
    for name in ("SPOOL_DIR", "PRICES_FILE"):
        monkeypatch.setenv(f"KANSOKU_{name}", "")
    assert (read_settings({}).spool_dir, read_settings({}).prices_file) == (None, None)


def test_the_key_is_not_shown() -> None:
    """Printing the settings does not print the key."""
    assert "ksk_" not in repr(read_settings({"api_key": "ksk_secret"}))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    """docs/sdk/README.md has a line for each variable, with its meaning."""
    line = next(
        x for x in DOCS.read_text("utf-8").splitlines() if f"`KANSOKU_{name.upper()}`" in x and x[0] == "|"
    )
    assert str(Settings.model_fields[name].description) in line
