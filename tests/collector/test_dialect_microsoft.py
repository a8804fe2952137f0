"""Spans of Microsoft's Agent Framework and Extensions.AI to the canonical row."""

import pytest
from tests.collector.test_normalise import row

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}


@pytest.mark.parametrize("scope", ["agent_framework", "Experimental.Microsoft.Extensions.AI"])
def test_an_answer_that_a_call_goes_on_from_is_no_session(scope):
    """Each call of a chain would have a session of its own; a conversation that the server keeps is one."""
    going_on = row(CALL | {"gen_ai.conversation.id": "resp_1"}, scope=scope)
    assert (going_on.session_id, going_on.parameters["previous_response.id"]) == ("", '"resp_1"')
    kept = row(CALL | {"gen_ai.conversation.id": "conv_1"}, scope=scope)
    assert (kept.session_id, kept.parameters) == ("conv_1", {})
    assert row(CALL | {"gen_ai.conversation.id": "resp_1"}).session_id == "resp_1"
