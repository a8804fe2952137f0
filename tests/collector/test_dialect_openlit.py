"""OpenLIT's spans to the canonical row."""

import json
from decimal import Decimal

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost
from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

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


def test_caches_are_missing_from_the_input_of_anthropics_client_and_of_its_streams():
    """The clients' own counts leave cached tokens out; LangChain's include them."""
    assert buckets(row(BASE | {"gen_ai.request.stream": True}))["input_fresh"] == 4243
    assert buckets(row(BASE | {"gen_ai.request.stream": False}))["input_fresh"] == 1233
    whole = BASE | {"gen_ai.request.stream": False}
    assert buckets(row(whole, scope="openlit.instrumentation.anthropic"))["input_fresh"] == 4243
    bedrock = whole | {"gen_ai.provider.name": "aws.bedrock"}
    assert buckets(row(bedrock, scope="openlit.instrumentation.bedrock"))["input_fresh"] == 4243
    langchain = "openlit.instrumentation.langchain"
    assert buckets(row(BASE | {"gen_ai.request.stream": True}, scope=langchain))["input_fresh"] == 1233
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


def test_gemini_thinks_beside_the_answer_that_is_counted():
    """Thoughts are billed as output, and this dialect's output count leaves them out."""
    span = row(
        {
            "telemetry.sdk.name": "openlit",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "gemini",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.reasoning_tokens": 5,
        }
    )
    assert buckets(span) == {"input_fresh": 7, "output_visible": 3, "reasoning": 5}


def test_who_passes_a_call_on_is_not_who_answered():
    """LiteLLM names the vendor in front of the model."""
    base = {"telemetry.sdk.name": "openlit", "gen_ai.provider.name": "litellm"}
    named = row(base | {"gen_ai.request.model": "anthropic/claude-sonnet-4-5"})
    assert (named.provider, named.request_model) == ("anthropic", "anthropic/claude-sonnet-4-5")
    assert row(base | {"gen_ai.request.model": "my-alias"}).provider == "litellm"


def guessed(**counts):
    """Return a call of a stream whose answer has 24 characters, and its question 20."""
    words = {"role": "user", "parts": [{"type": "text", "content": "What are your hours?"}]}
    said = {"role": "assistant", "parts": [{"type": "text", "content": "We open at nine o'clock."}]}
    return row(
        {
            "telemetry.sdk.name": "openlit",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.input.messages": json.dumps([words]),
            "gen_ai.output.messages": json.dumps([said]),
            **{f"gen_ai.usage.{name}_tokens": count for name, count in counts.items()},
        }
    )


def test_a_guess_at_usage_is_unknown_usage():
    """Where a stream reports no counts, this dialect writes half of the characters as if it had."""
    span = guessed(input=13, output=12)
    assert (span.usage_source, buckets(span)) == ("none", {})
    assert span.attributes["gen_ai.usage.output_tokens"] == "12"
    assert guessed(input=13, output=7).usage_source == "reported"
    assert guessed(input=400, output=12).usage_source == "reported"


def test_a_failed_call_of_which_only_the_name_is_left_is_a_call():
    """Some of its instrumentations write no attributes where the request fails."""
    failed = raw({"telemetry.sdk.name": "openlit"}, scope="openlit.instrumentation.google_ai_studio")
    failed.name, failed.status_code = "chat gemini-2.5-flash", 2
    span = normalise(failed, "default", NOW_MS)[0]
    assert (span.operation, span.provider, span.request_model) == ("chat", "gemini", "gemini-2.5-flash")


@pytest.mark.parametrize("wrap", [json.dumps, lambda blocks: blocks], ids=["text", "blocks"])
def test_instructions_inside_of_instructions_are_unfolded(wrap):
    """Anthropic's blocks become the content of one part, as they are or as JSON."""
    part = {"type": "text", "content": wrap([{"type": "text", "text": "Be brief."}])}
    span = row(BASE | {"gen_ai.system_instructions": json.dumps([part])})
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]


def told(attributes, *events):
    """Return the row of a span of OpenLIT's with these events, each a name and what it holds."""
    found = raw({"telemetry.sdk.name": "openlit", "gen_ai.type": "chat"} | attributes)
    found.events[:] = [Event(name, found.start_ns, values) for name, values in events]
    return normalise(found, "default", NOW_MS)[0]


def test_a_prompt_that_is_one_text_is_taken_apart_by_its_roles():
    """Older versions joined the messages, each behind the name of its role."""
    prompt = "system: Be brief.\nuser: Hi,\nthere?\nassistant: Yo.\nuser: Bye."
    span = told({}, ("gen_ai.content.prompt", {"gen_ai.prompt": prompt}))
    found = [(m["role"], m["parts"][0]["content"]) for m in json.loads(span.input_messages)]
    assert found == [
        ("system", "Be brief."),
        ("user", "Hi,\nthere?"),
        ("assistant", "Yo."),
        ("user", "Bye."),
    ]
    assert span.input_text == "Bye."
    plain = told({}, ("gen_ai.content.prompt", {"gen_ai.prompt": "Who? user: me"}))
    assert plain.input_text == "Who? user: me"


def test_several_choices_are_several_answers():
    """Older versions wrote an event for each, with its number in the name."""
    names = ("gen_ai.content.completion.1", "gen_ai.content.completion.0")
    span = told({}, *((name, {"gen_ai.completion": name[-1]}) for name in names))
    assert [m["parts"][0]["content"] for m in json.loads(span.output_messages)] == ["0", "1"]


def test_reasoning_beside_the_messages_is_a_part_of_the_answer():
    """It has an attribute of its own."""
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Yo."}]}])
    span = told({"gen_ai.output.messages": answer, "gen_ai.content.reasoning": "Hm."})
    assert json.loads(span.output_messages)[0]["parts"][0] == {"type": "reasoning", "content": "Hm."}
    assert span.output_text == "Yo."


def test_a_search_of_a_vector_store_is_a_retrieval():
    """Everything that is done in one has the same operation."""
    store = {"gen_ai.operation.name": "vectordb", "db.system.name": "chroma"}
    span = told(store | {"db.operation.name": "GET", "db.query.text": "texts=['Where?']"})
    assert (span.operation, span.retrieval_query) == ("retrieval", "Where?")
    assert told(store | {"db.operation.name": "UPSERT"}).operation == "chain"


def test_a_model_that_is_a_printed_object_is_none():
    """Of an agent's model it writes what Python prints."""
    agent = {"telemetry.sdk.name": "openlit", "gen_ai.operation.name": "create_agent"}
    assert row(agent | {"gen_ai.request.model": "<agents.Model object at 0x7f>"}).request_model == ""


@pytest.mark.parametrize(
    ("answered", "named"), [("claude-sonnet-4-5", "claude-sonnet-4-5"), ("anthropic", "")]
)
def test_a_vendor_is_no_model(answered, named):
    """Of LangChain's class of Anthropic's models it writes the vendor where the model belongs."""
    told = {"gen_ai.request.model": "anthropic", "gen_ai.response.model": answered}
    span = row(BASE | told, scope="openlit.instrumentation.langchain")
    assert (span.request_model, span.response_model) == (named, named)


def test_what_speech_cost_is_billed():
    """It counts no tokens of what is spoken or heard, and tells what it cost."""
    told = BASE | {
        "gen_ai.operation.name": "audio",
        "gen_ai.request.model": "tts-1",
        "gen_ai.usage.cost": 0.0003,
    }
    for name in [name for name in told if "tokens" in name]:
        del told[name]
    span = row(told, scope="openlit.instrumentation.openai")
    put_cost(span, Prices())
    assert (span.operation, span.billed) == ("generate_content", True)
    assert (span.cost_source, span.cost_usd) == ("reported", Decimal("0.0003"))
