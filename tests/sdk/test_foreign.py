"""Other people's instrumentors: found, started late, through our provider and our masking, and undone."""

import importlib
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.pages import run_page
from support.trees import ANSWER, tree
from support.vendor import Vendor

import kansoku
from kansoku import guard, instruments
from kansoku.instruments import foreign

REAL = "openinference-instrumentation-openai"
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry import trace

class {name}(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return ()

    def _instrument(self, **kwargs):
        if {broken}:
            raise RuntimeError("broken")
        import {library}
        tracer = kwargs["tracer_provider"].get_tracer("theirs")
        def run():
            kind = {{"openinference.span.kind": "LLM"}}
            with tracer.start_as_current_span("{name}", attributes=kind) as span:
                span.set_attribute("llm.token_count.prompt", 10)
                return {library}.inside()
        {library}.run = run

    def _uninstrument(self, **kwargs):
        import {library}
        {library}.run = {library}.original
"""
LIBRARY = "def inside(): return 7\ndef original(): return 0\nrun = original\n"


class Shelf:
    """A directory of made-up libraries and instrumentors that Python finds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entry: str, library: str, module: str = "theirs", *, broken: bool = False) -> None:
        """Put a library, an instrumentor for it and its entry point there."""
        (self.path / f"{library}.py").write_text(LIBRARY)
        text = INSTRUMENTOR.format(name=f"{module}_{entry}", library=library, broken=broken)
        (self.path / f"{module}_{entry}.py").write_text(text)
        info = self.path / f"{module}_{entry}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}-{entry}\nVersion: 1.0\n")
        found = f"{entry} = {module}_{entry}:{module}_{entry}"
        (info / "entry_points.txt").write_text(f"[{foreign.GROUP}]\n{found}\n")
        importlib.invalidate_caches()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Give a shelf; what was imported from it is forgotten."""
    monkeypatch.syspath_prepend(str(tmp_path))
    foreign.installed.cache_clear()
    before = set(sys.modules)
    guard._warned.clear()
    yield Shelf(tmp_path)
    foreign.stop()
    foreign.installed.cache_clear()
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def use(name: str) -> Any:
    """Import a library as the program would."""
    return importlib.import_module(name)


def test_a_known_instrumentor_starts_when_its_library_is_imported(
    shelf: Shelf, start: Callable[..., Any]
) -> None:
    """Nothing is asked for: the library is imported, and its spans arrive; uninstrument() undoes it."""
    shelf.add("smolagents", "smolagents")
    spans = start()
    assert "theirs_smolagents" not in sys.modules
    library = use("smolagents")
    assert library.run() == 7
    assert [span.name for span in spans.all()] == ["theirs_smolagents"]
    kansoku.uninstrument()
    assert library.run() == 0
    assert len(spans.all()) == 1


def test_a_library_that_is_loaded_already_counts(shelf: Shelf, start: Callable[..., Any]) -> None:
    """The order of import and init makes no difference, and a second init changes nothing."""
    shelf.add("smolagents", "smolagents")
    library = use("smolagents")
    start()
    spans = start()
    library.run()
    assert len(spans.all()) <= 1


def test_web_frameworks_and_databases_are_not_ours_to_start(shelf: Shelf, start: Callable[..., Any]) -> None:
    """An instrumentor that is not known is started by name only."""
    shelf.add("webthing", "webthing")
    start()
    assert use("webthing").run() == 0
    kansoku.uninstrument()
    start_named(start, "webthing")
    assert use("webthing").run() == 7


def start_named(start: Callable[..., Any], names: str) -> Any:
    """Start the SDK with KANSOKU_FOREIGN_INSTRUMENTORS set."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KANSOKU_FOREIGN_INSTRUMENTORS", names)
        return start()


def test_off_is_off(shelf: Shelf, start: Callable[..., Any]) -> None:
    """With `off` nothing is started, and nothing is looked for."""
    shelf.add("smolagents", "smolagents")
    start_named(start, "off")
    assert use("smolagents").run() == 0
    assert foreign.installed.cache_info().misses == 0


def test_of_several_instrumentors_one_is_started(shelf: Shelf, start: Callable[..., Any]) -> None:
    """Two packages for one library would trace everything twice."""
    shelf.add("smolagents", "smolagents")
    shelf.add("smolagents", "smolagents", "another")
    spans = start()
    use("smolagents").run()
    assert [span.name for span in spans.all()] == ["another_smolagents"]


def test_a_broken_instrumentor_harms_nobody(
    shelf: Shelf, start: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An instrumentor that raises is warned of once; the library works and the program goes on."""
    shelf.add("smolagents", "smolagents", broken=True)
    with caplog.at_level(logging.WARNING, "kansoku"):
        start()
        assert use("smolagents").run() == 0
        start()
    told = [record for record in caplog.records if "could not be started" in record.getMessage()]
    assert len(told) == 1
    assert "broken" in told[0].getMessage()


def test_a_name_that_is_not_installed_is_told(
    start: Callable[..., Any], caplog: pytest.LogCaptureFixture, shelf: Shelf
) -> None:
    """A misspelt name is a warning, not an error."""
    assert shelf.path.is_dir()
    with caplog.at_level(logging.WARNING, "kansoku"):
        start_named(start, "nothing-like-this")
    assert "nothing-like-this" in caplog.text


def test_a_call_of_ours_inside_is_the_one_that_is_billed(
    shelf: Shelf, start: Callable[..., Any], vendor: Vendor, recorder: Any
) -> None:
    """The other library's span of the same call is sent as a step without tokens."""
    shelf.add("smolagents", "smolagents")
    spans = start(endpoint=recorder.url)
    library = use("smolagents")
    library.inside = lambda: ask(vendor)
    library.run()
    assert tree(spans) == ["theirs_smolagents", "  chat gpt-4o-mini $10"]
    assert kansoku.flush(timeout=60)
    outer = sent(recorder)["theirs_smolagents"]
    assert outer == {"kansoku.kind": "chain", "gen_ai.operation.name": "invoke_workflow"}


def ask(vendor: Vendor, question: str = "When?") -> None:
    """Ask the vendor something."""
    vendor.answer(ANSWER)
    with openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])


def sent(recorder: Any) -> dict[str, dict[str, Any]]:
    """Return what arrived: the attributes of spans by name."""
    return {
        span.name: {a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in span.attributes}
        for body in recorder.bodies("/v1/traces")
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_a_real_instrumentor_is_masked_and_undone(
    start: Callable[..., Any], vendor: Vendor, recorder: Any, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    """OpenInference's instrumentor for openai, asked for by name, in place of ours."""
    assert shelf.path.is_dir()
    monkeypatch.setenv("KANSOKU_FOREIGN_INSTRUMENTORS", REAL)
    spans = start(endpoint=recorder.url, instrument=["others"])
    assert OpenAIInstrumentor().is_instrumented_by_opentelemetry
    ask(vendor, f"My key is {SECRET}")
    (span,) = spans.all()
    assert span.instrumentation_scope.name.startswith("openinference.")
    assert SECRET in str(dict(span.attributes))
    assert kansoku.flush(timeout=60)
    (found,) = sent(recorder).values()
    assert found["llm.token_count.prompt"] == 10
    assert "My key is [openai_api_key]" in found["llm.input_messages.0.message.content"]
    assert SECRET not in str(found)
    kansoku.uninstrument()
    assert not OpenAIInstrumentor().is_instrumented_by_opentelemetry
    ask(vendor)
    assert len(spans.all()) == 1


def test_what_the_program_has_started_is_left_alone(start: Callable[..., Any], shelf: Shelf) -> None:
    """An instrumentor that runs already is neither started again nor stopped."""
    assert shelf.path.is_dir()
    OpenAIInstrumentor().instrument()
    try:
        start_named(start, REAL)
        kansoku.uninstrument()
        assert OpenAIInstrumentor().is_instrumented_by_opentelemetry
    finally:
        OpenAIInstrumentor().uninstrument()


def test_nothing_is_traced_by_two() -> None:
    """No library that we have an instrument for is among those that others are started for."""
    ours = {client.module.split(".")[0] for client in instruments._CLIENTS.values()} - {"google", "sys"}
    assert not ours & set(foreign.KNOWN.values())
    assert not {name.replace("-", "_") for name in instruments._CLIENTS} & set(foreign.KNOWN)


def test_a_start_looks_for_nothing() -> None:
    """The entry points are not read before a library is imported that there might be an instrumentor for."""
    program = (
        "import sys, kansoku\n"
        "kansoku.init(endpoint='http://127.0.0.1:42099', api_key='x')\n"
        "from kansoku.instruments import foreign\n"
        "assert foreign.installed.cache_info().misses == 0\n"
        "assert 'opentelemetry.instrumentation' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.usefixtures("shelf")
def test_the_page_runs(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of the page starts."""
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")
    start()
    run_page("sdk/other-instrumentors.md")


def test_every_known_library_is_on_the_page() -> None:
    """The table of the page has every library, by the name that it is imported by."""
    page = (Path(__file__).parents[2] / "docs" / "sdk" / "other-instrumentors.md").read_text("utf-8")
    assert [name for name in foreign.KNOWN.values() if f"`{name}`" not in page] == []
