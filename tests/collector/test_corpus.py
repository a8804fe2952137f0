"""Recorded exports of real instrumentation, posted to a running collector and compared with the truth."""

import importlib.util
import json
import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
LOCAL = ROOT / "tests/data/otlp"
SHARED = ROOT.parent / "shared/corpus"
CANONICAL = runpy.run_path(str(ROOT / "benches/otlp_adapter.py"))["canonical"]
DIALECTS = (
    "openinference-python",
    "otel-genai-latest-python",
    "otel-genai-legacy-python",
    "openllmetry-python",
    "openllmetry-legacy-python",
    "openlit-python",
    "logfire-python",
    "pydantic-ai-python",
    "pydantic-evals-python",
    "ai-sdk-js",
    "ai-sdk-legacy-js",
    "laminar-python",
    "anthropic-sdk-python",
)
CONTENT = {"content-type", "content-encoding"}


def cases(folder):
    """Return the case directories of this issue's dialects under `folder`."""
    return sorted(path.parent for dialect in DIALECTS for path in folder.glob(f"{dialect}/*/meta.json"))


def read(path, name):
    """Return one of a case's JSON files."""
    return json.loads((path / name).read_text())


def post(collector, path):
    """Send the exports of a case as their client did, log records first.

    A record that comes half a second or more after its span becomes a row beneath it instead of joining it; a
    busy machine must not decide which of the two is tested here.
    """
    for export in sorted(read(path, "meta.json")["requests"], key=lambda sent: sent["signal"] != "logs"):
        headers = {k: v for k, v in export["headers"].items() if k in CONTENT}
        status, body, _ = collector.call(
            "POST",
            f"/v1/{export['signal']}",
            (path / export["file"]).read_bytes(),
            collector.key("ingest") | headers,
        )
        assert status == 200, (path, export["file"], body)


def rows_of(collector, path):
    """Return the stored rows of a case in the checker's terms."""
    meta = read(path, "meta.json")
    return [
        row for trace_id in meta["trace_ids"] for row in CANONICAL(collector.get(f"/v1/traces/{trace_id}"))
    ]


def billed(rows):
    """Return the rows that the ledger counts."""
    return [row for row in rows if row["counts_usage"]]


@pytest.fixture(scope="module")
def posted(collector):
    """Return the collector with every case stored."""
    for path in {*cases(LOCAL), *cases(SHARED / "otlp")}:
        post(collector, path)
    collector.settled()
    return collector


@pytest.mark.parametrize("path", cases(LOCAL), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_recorded_call_is_recovered(posted, path):
    """Model, answer, usage and money-relevant counts of each call equal what the vendor's server recorded."""
    expected = read(path, "expected.json")
    rows = billed(rows_of(posted, path))
    calls = [call for call in expected["calls"] if call.get("represented", True)]
    assert len(rows) == len(calls)
    for key in ("input_tokens", "output_tokens"):
        if expected["totals"].get(f"{key}_scored"):
            assert sum(row[key] or 0 for row in rows) == expected["totals"][key]
    by_model = sorted(row["request_model"] for row in rows)
    assert by_model == sorted(call["request_model"] for call in calls)
    for call, row in zip(calls, rows, strict=False):
        if len(calls) == 1 and "traces" in call["found_in"].get("response_id", []):
            assert row["response_id"] == call["response_id"]
        if len(calls) == 1:
            assert (
                row["is_error"],
                [
                    t
                    for t in call["output_texts"]
                    if t and t not in row["output_messages"].replace('\\"', '"').replace("\\n", "\n")
                ],
            ) == (bool(call["error"]), [])


def test_an_image_leaves_its_hash_not_its_bytes(posted):
    """A base64 image in a message is described, nowhere stored."""
    trace_id = read(LOCAL / "openinference-python/oai-image", "meta.json")["trace_ids"][0]
    trace = json.dumps(posted.get(f"/v1/traces/{trace_id}"))
    assert "iVBORw0KGgo" not in trace
    part = json.loads(json.loads(trace)["spans"][0]["input_messages"])[0]["parts"][1]
    assert (part["type"], part["mime_type"], part["size"], len(part["sha256"])) == (
        "blob",
        "image/png",
        70,
        64,
    )


def test_scores_on_spans_become_feedback(posted):
    """An evaluator's score and a user's annotation arrive as feedback rows of the right source."""
    trace_id = read(LOCAL / "openinference-python/oai-chat-session-feedback", "meta.json")["trace_ids"][0]
    found = {row["name"]: row for row in posted.get(f"/v1/traces/{trace_id}")["feedback"]}
    assert (found["faithfulness"]["source"], found["faithfulness"]["value"]) == ("evaluator", 0.12)
    assert (found["user_feedback"]["source"], found["user_feedback"]["label"]) == ("user", "thumbs_up")


def test_content_on_logs_joins_its_span(posted):
    """Messages that were exported as a log event are on the span's own row, not beside it."""
    trace_id = read(LOCAL / "otel-genai-latest-python/gem-tools", "meta.json")["trace_ids"][0]
    spans = posted.get(f"/v1/traces/{trace_id}")["spans"]
    assert [span["finish_reasons"] for span in spans] == [["tool_calls"]]
    assert "velvet-yarrow75" in spans[0]["input_text"]


@pytest.mark.skipif(
    not (SHARED / "check_otlp.py").exists(), reason="the shared corpus is not beside this checkout"
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_field_of_every_case_is_right(posted, dialect):
    """The shared checker scores every canonical field and double counting; all of it must hold."""
    spec = importlib.util.spec_from_file_location("check_otlp", SHARED / "check_otlp.py")
    checker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checker)
    wrong = []
    for path in cases(SHARED / "otlp"):
        if path.parent.name == dialect:
            results = checker.check_case(read(path, "expected.json"), rows_of(posted, path))
            wrong += [
                (path.name, scope, field, want, got)
                for scope, field, ok, scored, want, got in results
                if scored and not ok
            ]
    assert wrong == []
