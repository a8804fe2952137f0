"""GenAI events of logs: stored with a span, without one and without a time; everything else is named."""

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.collector.conftest import START_NS, put

from kansoku_collector.decode import logs

NOW_MS = START_NS // 10**6


def request_of(*records):
    """Return an export of log records, each given by its fields and attributes."""
    request = ExportLogsServiceRequest()
    part = request.resource_logs.add().scope_logs.add()
    for fields, attributes in records:
        record = part.log_records.add(**fields)
        for key, value in attributes.items():
            put(record.attributes.add(key=key).value, value)
    return request


def faults(request):
    """Return why each record is not stored."""
    return [(logs.fault(record, NOW_MS) or ("",))[0] for record in logs.records_of(request)]


def test_an_event_that_names_no_span_is_kept_under_an_id_of_its_own():
    """Content may be sent as events alone: two calls stay apart, the same record stays the same."""
    name = "gen_ai.client.inference.operation.details"
    request = request_of(
        ({"event_name": name, "time_unix_nano": START_NS}, {"gen_ai.request.model": "a"}),
        ({"event_name": name, "time_unix_nano": START_NS}, {"gen_ai.request.model": "b"}),
        ({"event_name": name, "time_unix_nano": START_NS}, {"gen_ai.response.id": "resp_1"}),
    )
    assert faults(request) == ["", "", ""]
    found = [(event.trace_id, event.span_id) for event in logs.read_events(request, NOW_MS)]
    assert [trace for trace, _ in found] == ["", "", ""]
    assert len({place for _, place in found}) == 3
    assert found[2] == ("", "resp_1")
    assert found == [(event.trace_id, event.span_id) for event in logs.read_events(request, NOW_MS + 5)]


def test_an_event_without_a_time_happened_when_it_came():
    """The observed time stands in for it, else the receipt: never 1970, where retention would remove it."""
    request = request_of(
        ({"event_name": "gen_ai.choice", "observed_time_unix_nano": START_NS - 5}, {}),
        ({"event_name": "gen_ai.choice"}, {}),
    )
    times = [event.event.time_ns for event in logs.read_events(request, NOW_MS)]
    assert times == [START_NS - 5, NOW_MS * 10**6]


def test_what_is_no_event_of_a_call_is_named():
    """Plain records, evaluations of nothing and times that cannot be are refused with their reasons."""
    request = request_of(
        ({}, {"event.name": "http.request"}),
        ({"event_name": "gen_ai.evaluation.result"}, {"gen_ai.response.id": "resp_1"}),
        ({"event_name": "gen_ai.choice", "time_unix_nano": 5}, {}),
        ({"event_name": "gen_ai.choice", "time_unix_nano": time.time_ns() + 9 * 86_400 * 10**9}, {}),
        ({}, {"event.name": "gen_ai.choice"}),
    )
    assert faults(request) == ["log_not_stored", "event_without_span", "absurd_time", "absurd_time", ""]


def test_content_that_was_taken_out_of_a_span_is_kept():
    """AWS's distribution sends it under the name of the span's scope, with messages for a body."""
    ids = {"trace_id": b"t" * 16, "span_id": b"s" * 8}
    request = request_of(
        ({"event_name": "strands.telemetry.tracer", "time_unix_nano": START_NS, **ids}, {}),
        ({"event_name": "strands.telemetry.tracer", "time_unix_nano": START_NS}, {}),
        ({"event_name": "app.request", "time_unix_nano": START_NS, **ids}, {}),
    )
    content, elsewhere, other = logs.records_of(request)
    for record in (content, elsewhere):
        put(record.body, {"input": {"messages": [{"role": "user", "content": "Hi?"}]}})
    put(other.body, {"input": "Hi?"})
    assert faults(request) == ["", "log_not_stored", "log_not_stored"]
