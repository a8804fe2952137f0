"""kill -9 under load; `make bench-kill` does the same two hundred times."""

import importlib.util
import sys
from pathlib import Path

from support import stores

BENCH = Path(__file__).resolve().parents[2] / "benches/kill.py"


def load(monkeypatch):
    """Return the bench as a module."""
    spec = importlib.util.spec_from_file_location("kansoku_bench_kill", BENCH)
    bench = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, bench)
    spec.loader.exec_module(bench)
    return bench


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(tmp_path, monkeypatch):
    """Killed twice while senders retry: spans, traces and both rollups hold exactly what was acknowledged."""
    bench = load(monkeypatch)
    stores.prepare(tmp_path / "data" / "clickhouse")
    found = bench.run(2, tmp_path / "data", seed=3)
    assert bench.failures(found) == []
    assert min(found["acknowledged"], found["retries"]) > 0
