"""`kansoku alerts`: the test of a channel, and the ends of a replay, as their user sees them."""

import json
import sys

import pytest
from support import schemas

from kansoku_cli.__main__ import main
from kansoku_collector.store.connect import connect
from kansoku_collector.watch.trial import Trial

RULES = """channels:
  works: {{type: command, command: ['{python}', '-c', 'import sys; sys.exit(0 if sys.stdin.read() else 1)']}}
  secret: {{url: '${{HOOK_OF_THE_TEST}}'}}
rules:
  - {{name: dear, metric: cost_usd, comparison: above, threshold: $10, window: 1d}}
"""


@pytest.fixture
def rules(tmp_path):
    """Return a rules file with a channel that works and one with a secret address."""
    path = tmp_path / "rules.yaml"
    text = RULES.format(python=sys.executable).replace("['", '["').replace("']", '"]').replace("', '", '", "')
    path.write_text(text, encoding="utf-8")
    return path


def test_a_channel_is_tested_without_a_rule_firing(rules, monkeypatch, capsys):
    """One message, how it went, and an exit code; a wrong name lists the right ones."""
    monkeypatch.setenv("HOOK_OF_THE_TEST", "http://127.0.0.1:1/path-hush")
    assert main(["alerts", "test", "works", "--file", str(rules)]) == 0
    assert "accepted at the first attempt: exit code 0" in capsys.readouterr().out
    assert main(["alerts", "test", "wrong", "--file", str(rules)]) == 1
    assert "expected one of: works, secret" in capsys.readouterr().err


def test_the_test_message_links_to_the_dashboard_of_the_file(tmp_path):
    """Not to this machine, where whoever reads the channel has none."""
    sent, path = tmp_path / "sent.json", tmp_path / "rules.yaml"
    copy = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    command = json.dumps([sys.executable, "-c", copy, str(sent)])
    path.write_text(
        f"dashboard_url: https://kansoku.example.jp/\nchannels:\n  c: {{type: command, command: {command}}}\n"
    )
    assert main(["alerts", "test", "c", "--file", str(path)]) == 0
    assert json.loads(sent.read_text())["link"] == "https://kansoku.example.jp"
    sent.unlink()
    assert Trial(path).send("c")["delivered"]
    assert json.loads(sent.read_text())["link"] == "https://kansoku.example.jp"


def test_a_failing_channel_is_an_exit_code_and_shows_no_secret(rules, monkeypatch, capsys):
    """Four attempts, the host, the reason; not the path."""
    monkeypatch.setenv("HOOK_OF_THE_TEST", "http://127.0.0.1:1/path-hush")
    monkeypatch.setattr("kansoku_collector.watch.notify.PAUSES_SECONDS", (0.0, 0.0, 0.0))
    assert main(["alerts", "test", "secret", "--file", str(rules)]) == 1
    said = capsys.readouterr()
    assert "secret (127.0.0.1): FAILED after 4 attempts: ConnectError" in said.out
    assert "hush" not in said.out + said.err


@pytest.mark.parametrize(("extra", "code"), [([], 0), (["--fail-on-silent-rules"], 1)])
def test_a_replay_ends_with_what_was_asked_for(rules, tmp_path, monkeypatch, capsys, engine_url, extra, code):
    """An empty store pages nobody; a rule that never fires fails only where that is asked for."""
    monkeypatch.setenv("HOOK_OF_THE_TEST", "http://127.0.0.1:1/x")
    schemas.create(connect(engine_url, database="alerts_cli"), engine_url)
    monkeypatch.setenv("KANSOKU_CLICKHOUSE_READ_URL", f"{engine_url}")
    monkeypatch.setattr(
        "kansoku_collector.store.connect.connect", lambda url: connect(url, database="alerts_cli")
    )
    assert main(["alerts", "replay", str(rules), "--since", "2d", "--step", "60", *extra]) == code
    said = capsys.readouterr().out
    assert "pages per week: 0.00" in said
    assert "never fired: dear" in said
