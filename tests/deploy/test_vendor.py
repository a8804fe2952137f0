"""The bundled vendor speaks the OpenAI wire format well enough for the real client, in every mode."""

import json
from collections.abc import Iterator

import httpx2
import openai
import pytest

from kansoku_demo import guide, prompts
from kansoku_demo.vendor import tokens, vectors
from kansoku_demo.vendor.model import AUGUST, NOVEMBER
from kansoku_demo.vendor.server import VendorServer
from kansoku_demo.vendor.wire import CHAT, EMBEDDINGS, Reply, Vendor

NEVER = 1e12
MODEL = "gpt-5.6-luna"
TOOL = {
    "type": "function",
    "function": {
        "name": "collection_day",
        "parameters": {
            "type": "object",
            "properties": {
                "district": {"type": "string", "enum": ["浜町", "本町"]},
                "item": {"type": "string", "enum": ["空き缶", "布団"]},
            },
        },
    },
}


class SteadyVendor(Vendor):
    """A vendor for which it is always the same minute, so that a test sees the same answers each time."""

    def reply(self, path: str, body: bytes, at: float, retry: int = 0) -> Reply:
        """Answer as at the end of the hundredth minute at the latest."""
        return super().reply(path, body, min(at, 6000.0), retry)


class CalmVendor(SteadyVendor):
    """A vendor that never refuses for overload."""

    def _overload(self, *_: object) -> None:
        return None


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    """Give the real client on a calm vendor's socket."""
    with VendorServer(CalmVendor(7, NEVER), pace=0) as server, httpx2.Client() as http:
        yield openai.OpenAI(base_url=server.url, api_key="any", http_client=http)


def prompt(
    question: str, *entry_ids: str, version: str = "v14", language: str = "ja"
) -> list[dict[str, str]]:
    """Return the messages that the application sends."""
    documents = [guide.entry(entry_id, language) for entry_id in entry_ids]
    system = prompts.system(language, version, documents, guide.entries(language)[:8])
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


def ask(vendor: Vendor, question: str, *entry_ids: str, at: float = 0.0, **more: object) -> dict[str, object]:
    """Return a decoded chat completion without a socket."""
    messages = prompt(question, *entry_ids, **{k: more.pop(k) for k in ("version", "language") if k in more})
    body = json.dumps({"model": MODEL, "messages": messages} | more).encode()
    return json.loads(b"".join(vendor.reply(CHAT, body, at).chunks))


def test_chat_answers_from_the_documents_with_full_usage(client: openai.OpenAI) -> None:
    """A plain completion parses into the client's types and its counts add up."""
    answer = client.chat.completions.create(
        model=MODEL, messages=prompt("乾電池の捨て方は？", "dry-batteries")
    )
    choice, usage = answer.choices[0], answer.usage
    assert guide.entry("dry-batteries", "ja").fact in choice.message.content
    assert (choice.finish_reason, answer.model, answer.system_fingerprint) == (
        "stop",
        AUGUST.name,
        AUGUST.fingerprint,
    )
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    visible = usage.completion_tokens - usage.completion_tokens_details.reasoning_tokens
    assert visible == tokens.count(choice.message.content)
    assert usage.prompt_tokens_details.cached_tokens % 128 == 0


def test_stream_says_the_same_as_the_plain_answer_and_ends_with_usage(client: openai.OpenAI) -> None:
    """Chunks join to a text, the last but one has the finish reason, the last the usage."""
    messages = prompt("段ボールの出し方は？", "paper")
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options=options
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert guide.entry("paper", "ja").fact in text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len(chunks) > 4
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens >= tokens.count(text)


def test_stream_without_being_asked_has_no_usage(client: openai.OpenAI) -> None:
    """Usage in a stream comes only with include_usage, as at the real vendor."""
    stream = client.chat.completions.create(model=MODEL, messages=prompt("缶は？", "cans"), stream=True)
    assert {chunk.usage for chunk in stream} == {None}


def test_tool_is_called_and_its_result_is_said(client: openai.OpenAI) -> None:
    """A question about a day calls the tool with both arguments; the result ends up in the answer."""
    messages: list[object] = [*prompt("浜町の空き缶の収集日はいつですか？")]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    call = first.choices[0].message.tool_calls[0]
    assert first.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"district": "浜町", "item": "空き缶"}
    result = {"district": "浜町", "item": "空き缶", "category": "びん・缶", "days": "第2・第4水曜日"}
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)},
    ]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    assert "第2・第4水曜日" in second.choices[0].message.content


def test_tool_call_is_streamed_in_the_clients_form(client: openai.OpenAI) -> None:
    """The client's own accumulation of a stream finds the tool call."""
    messages = prompt("本町の布団の収集日は？")
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[TOOL]) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.name == "collection_day"


def test_question_back_is_answered_by_a_bare_district(client: openai.OpenAI) -> None:
    """The district alone, after the model asked for it, calls the tool for the item named before."""
    asked = prompt("空き缶の収集日はいつですか？")
    first = client.chat.completions.create(model=MODEL, messages=asked, tools=[TOOL])
    assert "地区" in first.choices[0].message.content
    messages = [*asked, {"role": "assistant", "content": "?"}, {"role": "user", "content": "本町です"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    arguments = second.choices[0].message.tool_calls[0].function.arguments
    assert json.loads(arguments) == {"district": "本町", "item": "空き缶"}


def test_embeddings_are_the_same_in_both_encodings_and_have_length_one(client: openai.OpenAI) -> None:
    """Floats and base64 decode to one vector per text, with usage."""
    texts = ["ごみの収集日を教えて", "garbage collection"]
    coded = client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=64)
    plain = client.embeddings.create(
        model="text-embedding-3-small", input=texts, dimensions=64, encoding_format="float"
    )
    assert coded.usage.prompt_tokens == sum(tokens.count(text) for text in texts)
    for one, other in zip(coded.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(x * x for x in other.embedding) == pytest.approx(1.0)


def test_long_answer_is_cut_at_the_limit(client: openai.OpenAI) -> None:
    """An answer that exceeds the limit says finish_reason length and keeps within it."""
    answer = client.chat.completions.create(
        model=MODEL, messages=prompt("タイヤは？", "not-collected"), max_completion_tokens=70
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 70


def test_client_succeeds_after_a_rate_limit_and_raises_after_a_lasting_error() -> None:
    """429 has a retry-after that the real client obeys; a lasting error is its InternalServerError."""
    outcomes = {"answered": 0, "failed": 0}
    with VendorServer(SteadyVendor(7, NEVER), pace=0) as server, httpx2.Client() as http:
        statuses: list[int] = []
        http.event_hooks["response"].append(lambda response: statuses.append(response.status_code))
        client = openai.OpenAI(base_url=server.url, api_key="any", http_client=http)
        for number in range(300):
            try:
                client.embeddings.create(model="text-embedding-3-small", input=f"text {number}", dimensions=8)
                outcomes["answered"] += 1
            except openai.InternalServerError:
                outcomes["failed"] += 1
    assert statuses.count(429) > 0
    assert statuses.count(500) > outcomes["failed"] * 2
    assert 0 < outcomes["failed"] < 15
    assert outcomes["answered"] + outcomes["failed"] == 300


def test_the_texts_that_an_app_starts_with_are_embedded_in_every_minute() -> None:
    """The demo reads its guide once, at its start: were it refused for overload, there would be no demo."""
    vendor, texts = Vendor(7, NEVER), [entry.text for entry in guide.entries("ja")]
    body = json.dumps({"model": "text-embedding-3-small", "input": texts, "dimensions": 8}).encode()
    single = json.dumps({"model": "text-embedding-3-small", "input": texts[0], "dimensions": 8}).encode()
    assert {vendor.reply(EMBEDDINGS, body, 60.0 * minute).status for minute in range(1000)} == {200}
    single_statuses = {vendor.reply(EMBEDDINGS, single, 60.0 * minute).status for minute in range(1000)}
    assert single_statuses == {200, 429, 500}


def test_other_path_and_broken_body_are_refused_as_the_vendor_does() -> None:
    """A wrong path is 404, a wrong body 400, both with the vendor's error object."""
    vendor = Vendor(7, NEVER)
    for path, body, status in (
        ("/v1/images", b"{}", 404),
        (CHAT, b"{", 400),
        (EMBEDDINGS, b'{"model":"m"}', 400),
    ):
        reply = vendor.reply(path, body, 0)
        assert reply.status == status
        assert json.loads(reply.chunks[0])["error"]["type"] == "invalid_request_error"


def test_same_request_is_answered_the_same_and_another_seed_may_differ() -> None:
    """Everything derives from the seed, the bytes and the minute."""
    questions = [f"乾電池の捨て方は？{n}" for n in range(40)]
    first = [ask(CalmVendor(7, NEVER), q, "dry-batteries", at=600) for q in questions]
    assert first == [ask(CalmVendor(7, NEVER), q, "dry-batteries", at=600) for q in questions]
    assert first != [ask(CalmVendor(8, NEVER), q, "dry-batteries", at=600) for q in questions]


def test_newer_version_answers_under_its_name_longer_and_refuses_more() -> None:
    """The silent change is in name, fingerprint, length and refusals."""
    vendor = CalmVendor(7, changed_at=1000.0)
    seen: dict[str, list[str]] = {}
    for number in range(150):
        for at in (0.0, 2000.0):
            answer = ask(vendor, f"パソコンの処分方法は？({number})", "pc", at=at)
            seen.setdefault(answer["model"], []).append(answer["choices"][0]["message"]["content"])
    old, new = seen[AUGUST.name], seen[NOVEMBER.name]
    refused = {name: sum("お答えできません" in text for text in texts) for name, texts in seen.items()}
    assert sum(map(len, new)) / sum(map(len, old)) > 1.5
    assert refused[NOVEMBER.name] > 4 * max(1, refused[AUGUST.name])


def test_nothing_found_gives_the_fallback_of_the_prompt() -> None:
    """Without documents the model says what the prompt tells it to say."""
    vendor = CalmVendor(7, NEVER)
    for language, question in (("ja", "明日の天気は？"), ("en", "How is the weather?")):
        answer = ask(vendor, question, language=language)
        assert guide.city()[f"fallback_{language}"] in answer["choices"][0]["message"]["content"]


def test_prompt_examples_are_not_taken_for_documents() -> None:
    """v15's examples hold documents too; the answer comes from those retrieved for the question."""
    answer = ask(CalmVendor(7, NEVER), "ペットの火葬はできますか", "pets", version="v15")
    assert "2,500円" in answer["choices"][0]["message"]["content"]


def test_similar_texts_are_near_in_both_languages() -> None:
    """Retrieval works: a question is nearest to the entry that answers it."""
    for language, question, wanted in (
        ("ja", "使い終わった天ぷら油の処分方法は？", "cooking-oil"),
        ("ja", "パソコンを捨てたい", "pc"),
        ("en", "How do I recycle my computer?", "pc"),
        ("en", "My power bank is swollen", "lithium-batteries"),
    ):
        asked = vectors.embed(question, 512)
        scored = {}
        for e in guide.entries(language):
            vector = vectors.embed(f"{e.title} {e.keywords} {e.text}", 512)
            scored[e.id] = sum(a * b for a, b in zip(asked, vector, strict=True))
        assert max(scored, key=lambda entry_id: scored[entry_id]) == wanted


def test_tokens_are_counted_by_the_stated_rule() -> None:
    """Four ASCII characters are one token, any other character is one; cutting respects it."""
    assert [tokens.count(text) for text in ("", "ごみ", "garbage", "缶 can")] == [0, 2, 2, 2]
    assert tokens.cut("ごみ収集", 3) == "ごみ収"
