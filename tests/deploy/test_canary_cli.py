"""`kansoku canary`: from a vendor's server through the collector to a verdict."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.conftest import Running
from support import cli
from support.vendor import Reply, Vendor

SUITE = """
import os
import openai
import kansoku
from kansoku.canary import Suite

kansoku.init(service_name="canary")
client = openai.OpenAI(base_url=os.environ["VENDOR"], api_key="k")

def ask(prompt, temperature):
    reply = client.chat.completions.create(
        model="m", temperature=temperature, messages=[{"role": "user", "content": prompt}]
    )
    return reply.choices[0].message.content

suite = Suite("guide", ask, {"capital": "What is the capital?", "bin": "紙は何曜日ですか?"}, repeats=4)
"""


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """Return a vendor's server."""
    found = Vendor()
    yield found
    found.close()


def say(vendor: Vendor, text: str, fingerprint: str) -> None:
    """Make the vendor answer everything with a text, from a model of its choice."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "system_fingerprint": fingerprint,
        "choices": [choice],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
    vendor.answer(Reply(json.dumps(body).encode()))


def test_a_silent_change_of_the_vendor_ends_the_report_with_1(tmp_path: Path, vendor: Vendor) -> None:
    """Two runs agree; then the vendor changes its model: the report says so, by which prompts and models."""
    (tmp_path / "guide_canaries.py").write_text(SUITE)
    with contextlib.closing(Running(tmp_path / "data")) as collector:
        collector.start()
        key = json.loads((collector.data / "secrets.json").read_text())["ingest"]
        asking = {
            "KANSOKU_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "KANSOKU_API_KEY": key,
            "VENDOR": vendor.url,
        }
        reading = {"KANSOKU_GATEWAY_PORT": str(collector.gateway_port), "KANSOKU_DATA": str(collector.data)}
        say(vendor, "Tokyo, on Mondays.", "fp_1")
        ask = ("canary", "run", "guide_canaries:suite")
        first = cli.as_process(*ask, "--every", "0.1s", "--times", "2", cwd=tmp_path, **asking)
        assert first.returncode == 0, first.stderr
        assert "guide/capital t=0: 4 answers, 1 distinct, agreement 100%" in first.stdout
        collector.settled()
        same = cli.in_process("canary", "report", "guide", **reading)
        assert same.returncode == 0, same.stdout + same.stderr
        assert "no change beyond chance" in same.stdout
        say(vendor, "The capital city is Kyoto.", "fp_2")
        assert cli.as_process(*ask, cwd=tmp_path, **asking).returncode == 0
        collector.settled()
        changed = cli.in_process("canary", "report", "guide", **reading)
        assert changed.returncode == 1, changed.stdout + changed.stderr
        assert "the answers changed" in changed.stdout
        assert "answered by m-1 fp_2; before: m-1 fp_1" in changed.stdout
        assert "bin at temperature 0" in changed.stdout


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "write MODULE:NAME"),
        ("no_such_module:suite", "No module named 'no_such_module'"),
        ("json:dumps", "is function, not a kansoku.canary.Suite"),
    ],
)
def test_a_wrong_place_is_told_in_a_sentence(tmp_path: Path, place: str, message: str) -> None:
    """No traceback: what was given and what was expected."""
    found = cli.in_process("canary", "run", place, cwd=tmp_path)
    assert found.returncode == 1
    assert message in found.stderr
    assert "Traceback" not in found.stderr
