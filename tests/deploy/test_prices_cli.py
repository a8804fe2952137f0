"""`kansoku prices`: what a person sees, and what becomes of their file and their data."""

import contextlib
import os
import stat
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from collector.conftest import Running, call, free_port, request_of
from support import cli

from kansoku.errors import PricesError
from kansoku_cli.price_file import set_price


def run(*arguments: object, **environment: str) -> cli.Told:
    """Run `kansoku prices` with these arguments."""
    return cli.in_process("prices", *arguments, **environment)


def test_set_writes_an_entry_and_replaces_the_same_one(tmp_path: Path) -> None:
    """The same model and day are replaced, another day is added, remarks and other entries stay."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '# ours\n[[price]]\nmodel = "m"\n# agreed in May\ninput_per_million = 1\n\n'
        '# the big one\n[[price]]\nmodel = "big"\ninput_per_million = 9\n\n'
        '[[alias]]\nname = "a"\nmodel = "m"\n'
    )
    path.chmod(0o640)
    assert run("set", "m", "--input", "0.30", "--output", "1.2", "--file", path).returncode == 0
    assert run("set", "m", "--input", "0.4", "--from", "2026-11-01", "--file", path).returncode == 0
    assert path.read_text() == (
        '# ours\n[[price]]\n# agreed in May\nmodel = "m"\n'
        "input_per_million = 0.30\noutput_per_million = 1.2\n\n"
        '# the big one\n[[price]]\nmodel = "big"\ninput_per_million = 9\n\n'
        '[[alias]]\nname = "a"\nmodel = "m"\n\n'
        '[[price]]\nmodel = "m"\nfrom = 2026-11-01\ninput_per_million = 0.4\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["prices.toml"], "no temporary file is left"


def test_set_does_not_promise_prices_to_a_collector_with_another_file(tmp_path: Path) -> None:
    """It says whose calls get the price, and repricing stored ones takes the same file."""
    path = tmp_path / "prices.toml"
    said = run("set", "m", "--input", "1", "--from", "2026-11-01", "--file", path).stdout
    assert "KANSOKU_PRICES_FILE" in said
    assert f"reprice --since 2026-11-01 --file {path}" in said


def test_set_knows_every_kind_of_price(tmp_path: Path) -> None:
    """Tiers, lengths, hours and pieces are written as the file has them, exactly as they were typed."""
    path = tmp_path / "new" / "prices.toml"
    found = run(
        *("set", 'odd "name"', "--provider", "vllm", "--tier", "batch", "--above", "1000", "--input", "2"),
        *("--per-hour", "2.50", "--per-request", "0.0000001", "--cache-write-1h", "4", "--file", path),
    )
    assert found.returncode == 0, found.stderr
    assert tomllib.loads(path.read_text(), parse_float=Decimal)["price"] == [
        {"model": 'odd "name"', "provider": "vllm", "tier": "batch", "above": 1000, "input_per_million": 2,
         "cache_write_1h_per_million": 4, "per_request": Decimal("0.0000001"), "per_hour": Decimal("2.50")}
    ]  # fmt: skip


def test_a_file_that_is_wrong_is_not_touched(tmp_path: Path) -> None:
    """A mistake in the file, or an entry without a price, changes nothing and is one sentence."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "m"\ninput_per_milion = 1\n')
    found = run("set", "n", "--input", "1", "--file", path)
    assert found.returncode == 1
    assert "prices.toml:3: [[price]] number 1: unknown field 'input_per_milion'" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    path.write_text("")
    with pytest.raises(PricesError, match="'input_per_million' is missing"):
        set_price(path, {"model": "n"})
    assert path.read_text() == ""
    assert "--file" in run("set", "n", "--input", "1", "--data", tmp_path).stderr


def test_check_names_a_mistake_with_its_line_and_works_without_data(tmp_path: Path) -> None:
    """The file is read first; an install that has stored nothing yet is said, and not created."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "m"\ninput_per_million = -1\n')
    data = tmp_path / "data"
    port = {"KANSOKU_GATEWAY_PORT": str(free_port())}
    found = run("check", "--data", data, KANSOKU_PRICES_FILE=str(path), **port)
    assert (found.returncode, "prices.toml:3:" in found.stderr) == (1, True)
    found = run("check", "--data", data, **port)
    assert "no data yet" in found.stdout, found.stderr
    assert "genai-prices" in found.stdout
    assert not data.exists()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[tuple[Running, dict[str, str]]]:
    """Return a running collector, and the settings with which the command finds it."""
    file = tmp_path / "prices.toml"
    file.write_text("")
    running = Running(tmp_path / "data", {"KANSOKU_PRICES_FILE": str(file)})
    with contextlib.closing(running):
        running.start()
        yield running, {"KANSOKU_GATEWAY_PORT": str(running.gateway_port), "KANSOKU_PRICES_FILE": str(file)}


def test_history_is_priced_anew_while_the_collector_runs(
    collector: tuple[Running, dict[str, str]], tmp_path: Path
) -> None:
    """Unpriced, priced, corrected, reconciled: the whole way of a model that the list does not know."""
    running, environment = collector
    start = datetime.now(UTC) - timedelta(hours=1)
    own = {
        "gen_ai.request.model": "own-7b",
        "gen_ai.response.model": "own-7b",
        "gen_ai.provider.name": "acme",
    }
    attributes = call() | own
    trace = os.urandom(16)
    at = int(start.timestamp()) * 10**9
    request = request_of(
        {"trace_id": trace, "start": at, "attributes": attributes},
        {"start": at, "attributes": attributes | {"gen_ai.operation.name": "sing"}},
    )
    assert running.post("traces", request.SerializeToString())[0] == 200
    assert running.trace(trace.hex())["spans"][0]["cost_source"] == "unpriced"
    where = ("--data", running.data)
    checked = cli.as_process("prices", "check", *where, **environment)
    assert "lower bounds; without a price: acme/own-7b (1)" in checked.stdout, checked.stderr
    assert "acme/own-7b: 1 calls, unpriced\n" in checked.stdout
    assert "Not billed, with tokens under an operation that is not known: sing (1)" in checked.stdout
    elsewhere = environment | {"KANSOKU_GATEWAY_PORT": str(free_port())}
    lost = cli.as_process("prices", "check", *where, **elsewhere)
    assert "set KANSOKU_GATEWAY_PORT" in lost.stderr

    added = run("set", "own-7b", "--input", "3", "--output", "7", *where, **environment)
    assert "added" in added.stdout, added.stderr
    since = (start.date() - timedelta(days=1)).isoformat()
    dry = run("reprice", "--since", since, "--dry-run", *where, **environment)
    assert "1 of 1 calls would change, +0.003700 USD" in dry.stdout, dry.stderr
    done = run("reprice", "--since", since, *where, **environment)
    assert "1 of 1 calls changed, +0.003700 USD" in done.stdout, done.stderr
    assert (
        "0 of 1 calls changed, +0.000000 USD"
        in run("reprice", "--since", since, *where, **environment).stdout
    )

    (span,) = running.trace(trace.hex())["spans"]
    assert (Decimal(span["cost_usd"]), span["cost_source"]) == (Decimal("0.0037"), "computed")
    assert "computed by override/own-7b@2000-01-01, 1 corrected" in run("check", *where, **environment).stdout

    invoice = tmp_path / "invoice.csv"
    invoice.write_text(f"date,model,cost_usd\n{start.date()},own-7b,0.0037\n")
    agreed = run("reconcile", invoice, "--provider", "acme", *where, **environment)
    assert agreed.returncode == 0, agreed.stderr
    invoice.write_text(f"date,model,cost_usd\n{start.date()},own-7b,5\n{start.date()},other,1\n")
    differs = run("reconcile", invoice, "--provider", "acme", *where, **environment)
    assert differs.returncode == 1
    assert "no call of it is traced" in differs.stdout
    assert "+5.996300" in differs.stdout
