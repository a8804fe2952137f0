"""Broken directories: a command says so in one sentence, and the doctor looks at everything else."""

from pathlib import Path

import pytest

from kansoku_cli import doctor
from kansoku_cli.__main__ import main
from kansoku_collector.keys import Keys
from kansoku_collector.settings import Settings


def refuse(monkeypatch, name):
    """Let nothing read or write the file of this name: tests run as root, whom no mode of a file stops."""

    def refused(path):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))

    for method in ("open", "read_text"):
        real = getattr(Path, method)
        monkeypatch.setattr(
            Path,
            method,
            lambda path, *args, _real=real, **named: refused(path) or _real(path, *args, **named),
        )


@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "create", "web", "--scope", "ingest"]])
def test_a_file_that_may_not_be_read_is_one_sentence(command, tmp_path, monkeypatch, capsys):
    """No stack trace: the file, and why not."""
    Keys.open(tmp_path).add("one", ["ingest"])
    refuse(monkeypatch, "keys.json")
    assert main([*command, "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"kansoku: {tmp_path}/keys.json: Permission denied\n"


def test_the_doctor_goes_on_behind_what_it_cannot_read(tmp_path, monkeypatch):
    """Keys that may not be read, or are no JSON, are findings; the store is looked at still."""
    Keys.open(tmp_path).add("one", ["ingest"])
    settings = Settings(data=tmp_path, port=1, gateway_port=1)

    def findings():
        return [found.sentence for found in doctor.examine(settings, lambda: None) if not found.well]

    (tmp_path / "keys.json").write_text("{bad")
    assert any("keys: " in sentence and "is not JSON" in sentence for sentence in findings())
    refuse(monkeypatch, "keys.json")
    assert any("keys.json cannot be read: Permission denied" in sentence for sentence in findings())
    everything = [found.sentence for found in doctor.examine(settings, lambda: None)]
    assert everything[-1].startswith("ClickHouse: ")


def test_the_doctor_says_that_a_directory_cannot_be_made(tmp_path):
    """Beneath a file no start makes a directory."""
    (tmp_path / "file").write_text("")
    settings = Settings(data=tmp_path / "file" / "data", port=1, gateway_port=1)
    (first, *_) = doctor.examine(settings, lambda: None)
    assert (first.well, "cannot be made" in first.sentence) == (False, True)
