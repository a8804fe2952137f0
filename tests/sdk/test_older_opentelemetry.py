"""Programs whose frameworks hold OpenTelemetry at an older version can be traced too."""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
PROGRAM = """
import sys
import opentelemetry.sdk.trace
sys.modules["opentelemetry.sdk.trace._tracer_metrics"] = None  # newer than some; quick spans build on it
import kansoku
from kansoku import guard
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(spans))
kansoku.init(endpoint="http://127.0.0.1:42099", api_key="x", tracer_provider=provider)

@kansoku.observe
def answer():
    with kansoku.span("inside"):
        return 7

assert answer() == 7
inside, outside = spans.get_finished_spans()
assert (inside.name, inside.parent.span_id) == ("inside", outside.context.span_id)
assert kansoku.stats()["started"] == 2 and not guard.failures, guard.failures
kansoku.shutdown(timeout=0)
"""


def test_the_versions_that_frameworks_hold_are_enough() -> None:
    """Google's ADK 1.20 wants 1.37.0 and no other; Pydantic AI 1.0.18 imports what 1.39 still has."""
    declared = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    (wanted,) = [found for line in declared if (found := Requirement(line)).name == "opentelemetry-sdk"]
    assert list(wanted.specifier.filter(["1.30.0", "1.37.0", "1.39.1"])) == ["1.30.0", "1.37.0", "1.39.1"]


def test_spans_are_made_where_opentelemetry_is_older() -> None:
    """Without what newer versions have inside, spans are OpenTelemetry's own."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120)
