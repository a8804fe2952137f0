"""A server's description of a call is found across the requests in which the spans between came."""

import pytest
from tests.collector.test_repeats import billed, model_call

from kansoku_collector.model import Span
from kansoku_collector.relate.repeats import Repeats

COUNTS = {"provider": "", "input_fresh": 1200, "output_visible": 50}


def between(span_id, parent, operation="other"):
    """Return a span around a call: of an HTTP client, a server, a hook."""
    return Span(trace_id="t", span_id=span_id, parent_span_id=parent, operation=operation)


def told(operation="other"):
    """Return a client's call, its HTTP request, and what the server tells, which names no answer."""
    client = model_call("client", "", "kansoku.openai", response_id="chatcmpl-" + "1" * 32, **COUNTS)
    served = model_call("served", "http", "vllm.llm_engine", **COUNTS)
    return client, between("http", "client", operation), served


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_a_call_that_its_server_tells_too_is_billed_once(order):
    """The three spans may come in three requests; that of HTTP ends before the client's, and is not last."""
    spans = told()
    repeats = Repeats()
    for number in order:
        repeats.mark([spans[number]])
    assert len(billed(*spans)) == 1


@pytest.mark.parametrize("first", ["client", "served"])
def test_the_servers_request_comes_apart_from_the_clients(first):
    """A process sends its spans together; of the two descriptions the one that came first is billed."""
    client, http, served = told()
    batches = [[client, http], [served]] if first == "client" else [[served], [http, client]]
    repeats = Repeats()
    for batch in batches:
        repeats.mark(batch)
    assert billed(client, served) == [first]


def test_calls_of_an_agent_behind_a_request_are_calls_of_their_own():
    """What stands between is no mere request."""
    client, agent, served = told("invoke_agent")
    repeats = Repeats()
    repeats.mark([client, agent])
    repeats.mark([served])
    assert billed(client, served) == ["client", "served"]


def test_another_call_behind_a_request_is_billed():
    """A service that was asked may ask a model something else."""
    client, http, served = told()
    served.input_fresh = 1300
    repeats = Repeats()
    repeats.mark([client, http])
    repeats.mark([served])
    assert billed(client, served) == ["client", "served"]


def test_hooks_of_plugins_do_not_hide_the_call_around_them():
    """Bifrost's gateway has a span for each, one beneath the other."""
    client, http, served = told()
    hooks = [between(f"hook{n}", f"hook{n - 1}" if n else "http") for n in range(20)]
    served.parent_span_id = "hook19"
    repeats = Repeats()
    repeats.mark([*hooks, served])
    repeats.mark([client, http])
    assert billed(client, served) == ["served"]
