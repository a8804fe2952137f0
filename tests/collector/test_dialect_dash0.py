"""Spans of Dash0's plugin for coding agents, as its own tests expect them of Claude Code and Codex."""

from tests.collector.conftest import START_NS, request_of
from tests.collector.test_normalise import NOW_MS, buckets

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

SECOND = 10**9
ALL = {"gen_ai.harness.name": "codex", "gen_ai.conversation.id": "c-1", "user.name": "Aoi"}
MODEL = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.5"}
TURN = {
    **(ALL | MODEL | {"gen_ai.operation.name": "chat", "gen_ai.agent.name": "codex"}),
    **{"gen_ai.usage.input_tokens": 117_555, "gen_ai.usage.output_tokens": 1500},
    **{"gen_ai.usage.cache_read.input_tokens": 88_576},
}
TOOL = ALL | {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Agent"}
WORKER = {
    **(ALL | MODEL | {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "worker"}),
    **{"gen_ai.usage.input_tokens": 34_332, "gen_ai.usage.output_tokens": 215},
    **{"gen_ai.usage.cache_read.input_tokens": 31_360},
}
CLAUDE = {
    **(ALL | {"gen_ai.harness.name": "claude-code", "gen_ai.operation.name": "chat"}),
    **{"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-opus-5"},
    **{"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 40},
    **{"gen_ai.usage.cache_read.input_tokens": 9000, "gen_ai.usage.cache_creation.input_tokens": 250},
    **{"dash0.gen_ai.usage.cache_creation.ephemeral_5m.input_tokens": 50},
    **{"dash0.gen_ai.usage.cache_creation.ephemeral_1h.input_tokens": 200},
}


def rows(*spans):
    """Return the settled rows of spans that arrive together, each by its id, its parent's and attributes."""
    fields = [
        {
            **{"span_id": own.encode() * 8, "parent_span_id": parent.encode() * 8, "attributes": told},
            **{"name": told["gen_ai.operation.name"], "start": START_NS, "end": START_NS + SECOND},
        }
        for own, parent, told in spans
    ]
    found = find_spans(request_of(*fields, scope="dash0-agent-plugin"), NOW_MS)
    read = [normalise(one.read(), "default", NOW_MS)[0] for one in found]
    for stage in Related().stages():
        stage(read)
    return read


def test_an_agent_that_a_turn_starts_is_billed_beside_the_turn():
    """Its tokens are not in the turn's."""
    turn, tool, worker = rows(("a", "", TURN), ("b", "a", TOOL), ("c", "b", WORKER))
    assert (turn.billed, tool.billed, worker.billed) == (True, False, True)
    assert buckets(worker) == {"input_fresh": 2972, "cache_read": 31_360, "output_visible": 215}
    assert (worker.session_id, worker.user_id) == ("c-1", "Aoi")


def test_an_agent_without_tokens_is_a_step():
    """Those of Copilot's are in the turn."""
    silent = {name: value for name, value in WORKER.items() if "usage" not in name}
    turn, worker = rows(("a", "", TURN), ("c", "a", silent))
    assert (turn.billed, worker.billed, worker.operation) == (True, False, "invoke_agent")


def test_a_cache_of_an_hour_costs_more():
    """Claude Code's are told by how long they live."""
    (call,) = rows(("a", "", CLAUDE))
    expected = {"input_fresh": 12, "cache_read": 9000, "cache_write_5m": 50, "cache_write_1h": 200}
    assert buckets(call) == expected | {"output_visible": 40}


def test_a_turn_is_no_long_call():
    """It is the sum of as many calls as the agent made."""
    (turn,) = rows(("a", "", TURN))
    assert turn.attributes["kansoku.batch.requests"] == "several"
