"""Cheap facts read from every row: language, refusal, fallback, format, lengths, scores of documents."""

import re
from functools import lru_cache

from kansoku_collector.enrich.answers import read_json, repetition_of
from kansoku_collector.model import Span
from kansoku_collector.values import items, number

_SAMPLE = 200  # characters that decide the language
_HEAD, _TAIL = 300, 300  # where an answer says that it does not answer
_MODEL = frozenset({"chat", "text_completion", "generate_content"})

_KANA = re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[\u0370-\u1cff\u00c0-\u024f]")

# Fixed phrases: far cheaper to look for than expressions, and this runs on every answer. English is compared
# in lower case with "can't" for cannot, "don't" for do not, "i'm" for I am, and straight apostrophes.
_REFUSALS = (
    *(
        "i'm sorry, but i",
        "i'm sorry but i",
        "sorry, i can't",
        "sorry, but i can't",
        "i'm unable to",
        "i'm not able to",
    ),
    *(
        "i can't help",
        "i can't assist",
        "i can't provide",
        "i can't answer",
        "i can't comply",
        "i can't fulfil",
    ),
    *(
        "i can't share",
        "i can't discuss",
        "i can't generate",
        "i won't ",
        "as an ai, i can't",
        "as an ai language model",
    ),
    *(
        "お答えできません",
        "お答えすることはできません",
        "回答できません",
        "お手伝いできません",
        "ご案内できません",
    ),
    *(
        "対応できません",
        "提供できません",
        "お受けできません",
        "お応えできません",
        "できかねます",
        "いたしかねます",
    ),
)
_FALLBACKS = (
    *(
        "お問い合わせください",
        "お問い合わせ下さい",
        "お問合せください",
        "お問い合せください",
        "までご連絡ください",
        "へご連絡ください",
    ),
    *(
        "にご連絡ください",
        "にご確認ください",
        "へご確認ください",
        "にご相談ください",
        "へお電話ください",
        "までお電話ください",
    ),
    *(
        "わかりかねます",
        "分かりかねます",
        "情報は見つかりません",
        "情報が見つかりません",
        "情報はありません",
        "情報がありません",
    ),
    *("please contact", "please get in touch", "please reach out", "please call", "please ask"),
    *(
        "i don't know",
        "i don't have that information",
        "i don't have any information",
        "i don't have enough information",
    ),
    *("i could not find", "i couldn't find"),
)
# An answer in ASCII holds no phrase of another script: half of them need not be looked for.
_ENGLISH = tuple(tuple(filter(str.isascii, phrases)) for phrases in (_REFUSALS, _FALLBACKS))
_SPELLINGS = (("’", "'"), ("cannot", "can't"), ("can not", "can't"), ("do not", "don't"), ("i am ", "i'm "))


def read_signals(span: Span) -> None:
    """Fill the signal columns of a row."""
    span.input_chars, span.output_chars = len(span.input_text), len(span.output_text)
    if span.input_text:
        span.language = language_of(span.input_text)
    if span.output_text and span.operation in _MODEL:
        ends = _plain(span.output_text)
        refusals, fallbacks = _ENGLISH if ends.isascii() else (_REFUSALS, _FALLBACKS)
        span.refusal = _holds(ends, refusals) or "content_filter" in span.finish_reasons
        span.fallback = _holds(ends, fallbacks)
        span.repetition = repetition_of(span.output_text)
        if span.parameters or span.attributes:
            span.json_valid = read_json(span)
    if span.documents:
        span.top_score, span.score_gap = _scores(span.documents)
    if span.billed:
        sent = (span.system_instructions, span.input_messages, span.tool_definitions)
        span.sent_chars = sum(map(len, sent))


def _holds(ends: str, phrases: tuple[str, ...]) -> bool:
    for phrase in phrases:  # noqa: SIM110 - a generator would cost more than the search
        if phrase in ends:
            return True
    return False


def _plain(answer: str) -> str:
    """Return the two ends of an answer in one spelling."""
    ends = answer.lower() if len(answer) <= _HEAD + _TAIL else f"{answer[:_HEAD]}\n{answer[-_TAIL:]}".lower()
    for spelling, one in _SPELLINGS:
        ends = ends.replace(spelling, one)
    return ends


def language_of(value: str) -> str:
    """Return ja, en, zh, ko or other by script; "" without any letter.

    Kana decide for Japanese, since Han characters alone are shared with Chinese. Latin letters count as
    English unless accented or other letters are among them: what matters is that a change of the mix is
    seen.
    """
    return _language_of(value[:_SAMPLE])


@lru_cache(maxsize=4096)  # one question comes on several spans of a trace
def _language_of(sample: str) -> str:
    if sample.isascii():
        return "en" if _LATIN.search(sample) else ""
    kana, han, latin = len(_KANA.findall(sample)), len(_HAN.findall(sample)), len(_LATIN.findall(sample))
    if kana and (kana + han) * 4 >= latin:
        return "ja"
    hangul, other = len(_HANGUL.findall(sample)), len(_OTHER.findall(sample))
    if hangul * 4 >= latin and hangul >= han and hangul:
        return "ko"
    if han * 4 >= latin and han:
        return "zh"
    if other * 8 > latin:
        return "other"
    return "en" if latin else ""


def _scores(documents: str) -> tuple[float | None, float | None]:
    """Return the best document's score, and how far the second is behind it."""
    scores = sorted(
        score
        for d in items(documents)
        if isinstance(d, dict) and (score := number(d.get("score"))) is not None
    )
    return scores[-1] if scores else None, scores[-1] - scores[-2] if len(scores) > 1 else None
