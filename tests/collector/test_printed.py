"""Values as Python prints them are read, and what only looks like one costs nothing but itself."""

import subprocess
import sys

import pytest

from kansoku_collector.normalise.printed import read_printed, tool_message

HOSTILE = (
    "[" * 65_000,
    "{" * 190,
    "{'a':" * 199 + "1" + "}" * 199,
    "[" + "-" * 65_000 + "1]",
    "[" + "1+" * 32_000 + "1]",
    "[a" + ".b" * 32_000 + "]",
    "A(a=" * 16_000,
    "[" + "9" * 64_000 + "]",
    "[\x00]",
    "['\ud800']",
    "[__import__('os')]",
    "[1 if 1 else 2]",
)


@pytest.mark.parametrize("printed", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_what_cannot_be_read_is_left(printed: str) -> None:
    """However deep it is, it ends neither the process nor its batch, and nothing of it is executed."""
    assert isinstance(read_printed(printed), dict | list | None)
    assert tool_message(f"content={printed}") is None


def test_objects_become_their_fields() -> None:
    """The fields of a printed object are read, also of one inside another."""
    assert read_printed("Call(id='c', given=[Part(text='収集日')], n=2)") == {
        "id": "c",
        "given": [{"text": "収集日"}],
        "n": 2,
    }


def test_words_with_a_faulty_escape_leave_no_warning() -> None:
    """A prompt's letters do not get into the log by way of the parser."""
    code = r"""from kansoku_collector.normalise.printed import read_printed; print(read_printed("['\\d']"))"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout.strip(), ran.stderr) == (r"['\\d']", "")
