"""Cheap facts read from every row: language, refusal, fallback, lengths, the best document's score."""

import json
import re

from kansoku_collector.model import Span
from kansoku_collector.values import number

_SAMPLE = 600  # characters that decide the language
_HEAD, _TAIL = 400, 400  # where an answer says that it does not answer
_MODEL = frozenset({"chat", "text_completion", "generate_content"})

_KANA = re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[\u0370-\u1cff\u00c0-\u024f]")

_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry,? but i|unable to|not able to)|i (?:can['’]?t|cannot|can not|won['’]t) "
    r"(?:help|assist|provide|answer|comply|fulfil|do that|share|discuss|generate)|"
    r"sorry,? (?:but )?i (?:can['’]?t|cannot)|as an ai(?: language model)?,? i (?:can['’]?t|cannot))"
    r"|お(?:答|こた)えできません|お手伝いできません|回答できません|ご案内できません|(?:提供|対応|支援)(?:すること)?(?:は|が)?できません"
    r"|(?:お受け|お応え)(?:すること)?(?:は|が)?できません|できかねます|いたしかねます",
    re.IGNORECASE,
)
_FALLBACK = re.compile(
    r"お(?:問|問い)い?合わせ(?:ください|下さい)|(?:に|へ|まで)(?:直接)?(?:ご連絡|ご確認|ご相談|お電話)(?:ください|下さい)|わかりかねます|分かりかねます"
    r"|情報(?:は|が)(?:見つかりません|ありません|見当たりません)"
    r"|\bplease (?:contact|get in touch with|reach out to|call|ask)\b"
    r"|\bi (?:do not|don['’]t) (?:know|have (?:that|any|enough) information)\b"
    r"|\bi could(?: not|n['’]t) find\b",
    re.IGNORECASE,
)

# Most answers contain none of these, and looking for a fixed text is far cheaper than the expressions.
_HINTS = (
    *("できません", "かねます", "ください", "下さい", "ありません", "見つかり", "見当たり"),
    *("sorry", "unable", "not able", "cannot", "can not", "can't", "can’t", "won't", "won’t", "an ai"),
    *("please", "don't", "don’t", "do not", "could"),
)


def read_signals(span: Span) -> None:
    """Fill the signal columns of a row."""
    span.input_chars, span.output_chars = len(span.input_text), len(span.output_text)
    if span.input_text:
        span.language = language_of(span.input_text)
    if span.output_text and span.operation in _MODEL:
        ends = span.output_text[:_HEAD] + "\n" + span.output_text[-_TAIL:]
        lowered = ends.lower()
        if any(hint in lowered for hint in _HINTS):
            span.refusal = _REFUSAL.search(lowered) is not None
            span.fallback = _FALLBACK.search(lowered) is not None
        span.refusal = span.refusal or "content_filter" in span.finish_reasons
    if span.documents:
        span.top_score = _top_score(span.documents)


def language_of(value: str) -> str:
    """Return ja, en, zh, ko or other by script; "" without any letter.

    Kana decide for Japanese, since Han characters alone are shared with Chinese. Latin letters count as
    English unless accented or other letters are among them: what matters is that a change of the mix is
    seen.
    """
    sample = value[:_SAMPLE]
    if sample.isascii():
        return "en" if _LATIN.search(sample) else ""
    kana, han, hangul = len(_KANA.findall(sample)), len(_HAN.findall(sample)), len(_HANGUL.findall(sample))
    latin, other = len(_LATIN.findall(sample)), len(_OTHER.findall(sample))
    if kana and (kana + han) * 4 >= latin:
        return "ja"
    if hangul * 4 >= latin and hangul >= han and hangul:
        return "ko"
    if han * 4 >= latin and han:
        return "zh"
    if other * 8 > latin:
        return "other"
    return "en" if latin else ""


def _top_score(documents: str) -> float | None:
    try:
        found = json.loads(documents)
    except ValueError:
        return None
    scores = [score for d in found if isinstance(d, dict) and (score := number(d.get("score"))) is not None]
    return max(scores, default=None)
