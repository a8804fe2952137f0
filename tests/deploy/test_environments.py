"""What a service meets: users without a home, terminals that go away, settings that cannot be."""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from kansoku_cli import parts, up
from kansoku_collector.errors import StoreError
from kansoku_collector.settings import Settings
from kansoku_collector.store.connect import connect
from kansoku_dashboard.settings import DashboardSettings


@pytest.fixture
def homeless(monkeypatch):
    """Take the home directory away, as of a user whom a container invents."""

    def unknown(_path="~"):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.setattr(Path, "expanduser", lambda path: unknown(path) if str(path).startswith("~") else path)


@pytest.mark.parametrize("part", ["collect", "dashboard"])
def test_each_part_names_the_variables_that_set_nothing(part, monkeypatch, capsys):
    """A slip of the pen in a unit file or a container would otherwise pass for a setting."""
    stub = SimpleNamespace(serve=lambda _: 0, open_standard_streams=lambda: None)
    monkeypatch.setattr(parts, "_import", lambda *_: stub)
    monkeypatch.setattr(parts, "settings", lambda _: None)
    monkeypatch.setattr(parts, "dashboard_settings", lambda: None)
    monkeypatch.setenv("KANSOKU_RETENTON_DAYS", "3")
    assert getattr(parts, part)(SimpleNamespace(stop_with_parent=False)) == 0
    assert "did you mean KANSOKU_RETENTION_DAYS?" in capsys.readouterr().err


def test_a_user_without_a_home_names_the_data_directory(homeless, tmp_path):
    """With a directory that is named nothing asks for a home; without one, a sentence says what to do."""
    assert Settings(data=tmp_path).data == tmp_path
    with pytest.raises(ValidationError, match="no home directory; name another one"):
        Settings()


def test_the_dashboard_gets_a_home_where_there_is_none(homeless, monkeypatch):
    """Streamlit looks for its settings in the home directory, and would end without one."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    parts._have_home()
    assert Path(os.environ["HOME"]).is_dir()


def test_a_tilde_in_the_data_directory_is_the_home(monkeypatch, tmp_path):
    """Where no shell reads the variable (a unit file, a container) the tilde is no directory of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KANSOKU_DATA", "~/kansoku")
    assert Settings().data == tmp_path / "kansoku"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("log_level", "loud", "it is one of DEBUG, INFO"),
        ("feedback_origins", "app.example.com", "is no origin such as https://app.example.com"),
        ("feedback_origins", "https://a.example,https://b.example/path", "is no origin"),
    ],
)
def test_a_setting_that_could_not_work_is_refused_at_the_start(name, value, reason):
    """A level that does not exist ended in a stack trace; an origin without its scheme matched nothing."""
    with pytest.raises(ValidationError, match=reason):
        Settings(**{name: value})


def test_settings_that_work_are_taken():
    """Levels in any case, origins with ports and a slash at their end, and all of them."""
    assert Settings(log_level="debug").log_level == "DEBUG"
    origins = "https://a.example/, http://localhost:3000"
    assert Settings(feedback_origins=origins).feedback_origins == (
        "https://a.example",
        "http://localhost:3000",
    )
    assert Settings(feedback_origins="*").feedback_origins == ("*",)


def test_no_part_of_a_password_is_in_the_message_about_its_url():
    """A slash in a password makes its first half a port; the message says how to write it, not what it is."""
    with pytest.raises(StoreError) as caught:
        connect("http://default:sup3r/secret@127.0.0.1:8123/kansoku")
    assert "sup3r" not in str(caught.value)
    assert "%2F" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_ends_up_in_order_unless_nohup_says_otherwise(monkeypatch, ignored):
    """SIGHUP stops like SIGTERM; under `nohup` it stays ignored."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    family = up.Family()
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        up._on_signals(family)
        os.kill(os.getpid(), signal.SIGHUP)
        assert family.stopping is not ignored
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def test_the_dashboards_keys_lose_the_line_break_of_their_file(monkeypatch):
    """A mounted secret ends in one; HTTP cannot carry it."""
    monkeypatch.setenv("KANSOKU_API_KEY", "ksk_abc\n")
    monkeypatch.setenv("KANSOKU_ADMIN_KEY", "ksk_def\n")
    chosen = DashboardSettings()
    assert chosen.api_key.get_secret_value() == "ksk_abc"
    assert chosen.admin_key.get_secret_value() == "ksk_def"
