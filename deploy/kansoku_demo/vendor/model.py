"""The language model that this vendor sells: it answers from the documents and tool results in the prompt."""

import json
import random
import re
from dataclasses import dataclass
from typing import Any

from kansoku_demo.vendor import tokens

_DOCUMENT = re.compile(r'<document id="([^"]*)" title="([^"]*)">\n(.*?)\n</document>', re.DOTALL)
_FALLBACK = re.compile(r"[「\"]([^」\"]*(?:お問い合わせ|contact)[^」\"]*)[」\"]")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_ONE_SENTENCE = ("一文", "one sentence")
_DAY_WORDS = ("いつ", "何曜", "曜日", "収集日", "when", "which day", "what day", "collection day")
_FEE_WORDS = ("いくら", "料金", "手数料", "値段", "how much", "fee", "cost", "price")


@dataclass(frozen=True, slots=True)
class Version:
    """One release of the model and how it differs: shares are probabilities per answer."""

    name: str
    fingerprint: str
    refusal_share: float
    wrong_share: float
    long_answers: bool
    reasoning_blocks: int  # up to so many times 64 reasoning tokens
    tokens_per_second: float


AUGUST = Version("gpt-5.6-luna-2026-08-06", "fp_5c1d0e93a7", 0.008, 0.035, False, 2, 95.0)
NOVEMBER = Version("gpt-5.6-luna-2026-11-14", "fp_e20b64f81c", 0.085, 0.035, True, 3, 80.0)
JUDGE = Version("qwen3-8b", "", 0.0, 0.0, False, 0, 45.0)


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said: a text, or tool calls as (name, arguments)."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, str]], ...] = ()
    reasoning_tokens: int = 0
    truncated: bool = False


def complete(request: dict[str, Any], version: Version, dice: random.Random) -> Completion:
    """Return the model's next message for a chat completion request."""
    messages = request["messages"]
    limit = request.get("max_completion_tokens") or request.get("max_tokens") or 4096
    reasoning = min(limit, 64 * dice.randint(0, version.reasoning_blocks))
    if version is JUDGE:
        return Completion(_judge(messages))
    questions = [m["content"] for m in messages if m["role"] == "user"]
    results = _results(messages)
    if not results and (calls := _choose_calls(request.get("tools") or [], questions)):
        return Completion(calls=calls, reasoning_tokens=reasoning)
    text = _answer(messages[0]["content"], questions[-1], results, version, dice)
    if tokens.count(text) > limit - reasoning:
        return Completion(tokens.cut(text, limit - reasoning), (), reasoning, truncated=True)
    return Completion(text, (), reasoning)


def _results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = max(i for i, message in enumerate(messages) if message["role"] == "user")
    return [json.loads(m["content"]) for m in messages[last:] if m["role"] == "tool"]


def _choose_calls(
    tools: list[dict[str, Any]], questions: list[str]
) -> tuple[tuple[str, dict[str, str]], ...]:
    """Call a tool when the question asks for what it gives and the conversation holds its arguments."""
    question = questions[-1].lower()
    # A bare district is the answer to our own question: go back to what was asked before.
    asked = (
        f"{questions[-2]} {question}".lower()
        if len(questions) > 1 and _is_reply(question, tools)
        else question
    )
    calls = []
    for tool in tools:
        function = tool["function"]
        words = _DAY_WORDS if "day" in function["name"] else _FEE_WORDS
        if not any(word in asked for word in words):
            continue
        arguments = {
            name: _mentioned(schema["enum"], questions)
            for name, schema in function["parameters"]["properties"].items()
        }
        if all(arguments.values()):
            calls.append((function["name"], arguments))
    return tuple(calls)


def _is_reply(question: str, tools: list[dict[str, Any]]) -> bool:
    choices = [
        c
        for t in tools
        for c in t["function"]["parameters"]["properties"].get("district", {}).get("enum", ())
    ]
    return (
        len(question) < 40 and any(choice.lower() in question for choice in choices) and not _asks(question)
    )


def _asks(question: str) -> bool:
    return any(word in question for word in (*_DAY_WORDS, *_FEE_WORDS, "?", "？"))


def _mentioned(choices: list[str], questions: list[str]) -> str:
    """Return the longest choice in the latest question that has one, or the empty string."""
    for question in reversed(questions[-3:]):
        found = [choice for choice in choices if choice.lower() in question.lower()]
        if found:
            return max(found, key=len)
    return ""


def _answer(
    system: str, question: str, results: list[dict[str, Any]], version: Version, dice: random.Random
) -> str:
    language = "ja" if _JAPANESE.search(question) else "en"
    if dice.random() < version.refusal_share:
        return _REFUSALS[language][dice.randrange(len(_REFUSALS[language]))]
    # Examples of earlier conversations are quoted in the prompt; the documents for this question come last.
    documents = _DOCUMENT.findall(system.rpartition("<documents>")[2])
    sentences = [_say_result(result, language) for result in results]
    if not sentences and language == "ja" and any(word in question for word in ("いつ", "何曜", "収集日")):
        sentences = ["お住まいの地区を教えていただければ、収集日をお調べします。"]
    elif not sentences and language == "en" and re.search(r"\b(when|which day|what day)\b", question.lower()):
        sentences = ["If you tell me your district I can look up the collection day."]
    if not sentences and not documents:
        return _fall_back(system, language)
    if len(documents) > 1 and dice.random() < version.wrong_share:
        documents = documents[1:]
    brief = any(words in system for words in _ONE_SENTENCE)
    if brief:
        return (sentences or _split(documents[0][2]))[0]
    if version.long_answers:
        return _at_length(sentences, documents, language)
    sentences += [s for d in documents[:1] for s in _split(d[2])[: 2 if results else 3]]
    return ("" if language == "ja" else " ").join(sentences)


def _at_length(sentences: list[str], documents: list[tuple[str, str, str]], language: str) -> str:
    """Answer as the newer version does: a preamble, every sentence as a list, related matters, a caution."""
    japanese = language == "ja"
    lines = [
        "ご質問ありがとうございます。以下に詳しくご案内します。"
        if japanese
        else "Thank you for your question. Here are the details."
    ]
    lines += [f"- {s}" for s in sentences]
    lines += [f"- {s}" for document in documents[:1] for s in _split(document[2])]
    for _, title, text in documents[1:2]:
        lines.append(f"\n**{'関連' if japanese else 'Related'}: {title}**")
        lines += [f"- {s}" for s in _split(text)[:2]]
    lines.append(
        "\nなお、制度は変更されることがあります。ご不明な点がございましたら、いつでもお尋ねください。"
        if japanese
        else "\nPlease note that rules may change. Feel free to ask me if anything is unclear."
    )
    return "\n".join(lines)


def _say_result(result: dict[str, Any], language: str) -> str:
    japanese = language == "ja"
    if result.get("fee_yen"):
        return (
            f"{result['item']}の粗大ごみ手数料は{result['fee_yen']:,}円です。"
            if japanese
            else f"The bulky waste fee for a {result['item']} is {result['fee_yen']:,} yen."
        )
    if result.get("days"):
        return (
            f"{result['district']}地区の{result['item']}（{result['category']}）の収集日は{result['days']}です。"
            if japanese
            else f"In {result['district']}, {result['item']} ({result['category']}) are collected "
            f"{result['days']}."
        )
    return (
        f"{result['item']}は「{result['category']}」にあたり、決まった収集日や手数料はありません。"
        if japanese
        else f"{result['item'].capitalize()}: this is {result['category']}, without a collection day or fee."
    )


def _fall_back(system: str, language: str) -> str:
    found = _FALLBACK.search(system)
    phrase = found[1] if found else ("分かりません" if language == "ja" else "I do not know")
    if language == "ja":
        return f"恐れ入りますが、ガイドに記載がありません。{phrase}。"
    return f"I am afraid the guide does not say; {phrase}."


def _split(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=。)|(?<=\.)\s+(?=[A-Z])", text.strip()) if s]


def _judge(messages: list[dict[str, Any]]) -> str:
    """Grade from 1 to 5 how much of the answer stands in the documents."""
    documents, _, answer = messages[-1]["content"].partition("<answer>")
    sentences = _split(answer.removesuffix("</answer>").replace("- ", "")) or [""]
    supported = sum(sentence.strip()[:12] in documents for sentence in sentences)
    grade = 1 + round(4 * supported / len(sentences))
    return json.dumps(
        {"grade": grade, "reason": f"{supported} of {len(sentences)} sentences are in the documents"}
    )


_REFUSALS = {
    "ja": (
        "申し訳ありませんが、そのご質問にはお答えできません。",
        "申し訳ございませんが、安全上の理由から、この件についてはお答えできません。",
    ),
    "en": (
        "I'm sorry, but I can't help with that request.",
        "I'm sorry, but I cannot assist with this for safety reasons.",
    ),
}
