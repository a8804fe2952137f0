"""OpenLIT's spans to the canonical row."""

from tests.collector.test_normalise import buckets, row

BASE = {
    "telemetry.sdk.name": "openlit",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.usage.input_tokens": 4243,
    "gen_ai.usage.output_tokens": 10,
    "gen_ai.usage.cache_read.input_tokens": 2000,
    "gen_ai.usage.cache_creation.input_tokens": 1010,
}


def test_defaults_that_nobody_set_are_not_parameters():
    """A seed of 0 and a limit of -1 are what it writes where the application gave none."""
    span = row(
        BASE
        | {
            "gen_ai.request.seed": 0,
            "gen_ai.request.max_tokens": -1,
            "gen_ai.request.stop_sequences": [],
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.user": "",
        },
        scope="openlit.instrumentation.openai",
    )
    assert (span.dialect, span.parameters, span.user_id) == ("openlit", {"temperature": "0.5"}, "")


def test_what_was_set_is_a_parameter():
    """Values that an application gave stay, and its user is the user."""
    span = row(
        BASE | {"gen_ai.request.seed": 53509, "gen_ai.request.max_tokens": 608, "gen_ai.request.user": "u1"}
    )
    assert (span.parameters, span.user_id) == ({"seed": "53509", "max_tokens": "608"}, "u1")


def test_caches_are_missing_from_the_input_of_anthropics_streams_only():
    """On streams the input excludes cached tokens; elsewhere it includes them."""
    assert buckets(row(BASE | {"gen_ai.request.stream": True}))["input_fresh"] == 4243
    assert buckets(row(BASE | {"gen_ai.request.stream": False}))["input_fresh"] == 1233
    openai = BASE | {"gen_ai.provider.name": "openai", "gen_ai.request.stream": True}
    assert buckets(row(openai))["input_fresh"] == 1233


def test_only_a_stream_has_a_first_token():
    """Without a stream the figure is the whole duration."""
    first = {"gen_ai.server.time_to_first_token": 0.25}
    assert row(BASE | first | {"gen_ai.request.stream": True}).time_to_first_token == 0.25
    whole = row(BASE | first | {"gen_ai.request.stream": False})
    assert (whole.time_to_first_token, whole.streaming) == (None, False)


def test_its_oldest_words_for_operations_are_understood():
    """gen_ai.type came before gen_ai.operation.name."""
    old = {"telemetry.sdk.name": "openlit", "gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 3}
    span = row(old | {"gen_ai.type": "embedding", "gen_ai.environment": "staging"})
    assert (span.operation, span.billed, span.environment) == ("embeddings", True, "staging")
    assert row(old | {"gen_ai.operation.name": "framework"}).operation == "chain"
