"""What senders chose, on the terminal of whoever runs the collector."""

from decimal import Decimal
from pathlib import Path

import pytest

from kansoku_cli import prices
from kansoku_cli.__main__ import main
from kansoku_collector import aside
from kansoku_collector.store.read.ledger import Priced

# Up a line and over it, into the clipboard, and the rest of the line from right to left.
HOSTILE = "gpt\x1b[1A\x1b[2K\x1b]52;c;cm0=\x07\x9b2J\u202e\r\nall is well"


def harmless(said: str) -> None:
    """Assert that a terminal prints all of it and obeys nothing."""
    assert "gpt" in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(said)
    assert "\nall is well" not in said


def test_a_model_cannot_write_over_the_prices(capsys: pytest.CaptureFixture[str]) -> None:
    """Else a name could hide that calls have no price."""
    usd = Decimal(1)
    prices._print_priced([Priced(HOSTILE, HOSTILE, "unpriced", "", 3, usd, usd, usd, 0)])
    harmless(capsys.readouterr().out)


def test_a_reason_cannot_write_over_the_list_of_the_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine's words about a row quote what it holds."""
    (tmp_path / "journal").mkdir()
    aside.put_aside(tmp_path / "journal", "1-a", b"", [HOSTILE])
    assert main(["journal", "list", "--data", str(tmp_path)]) == 0
    harmless(capsys.readouterr().out)
