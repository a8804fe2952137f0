"""What citizens think of an answer: thumbs, comments and corrections, for reasons that are in the answer."""

import random
from dataclasses import dataclass

from kansoku_demo.traffic import Turn

# How an answer strikes its reader -> (share that says so, share of likes among them)
_MANNERS = {
    "good": (0.150, 0.93),
    "neutral": (0.04, 0.75),
    "long": (0.170, 0.62),
    "wrong": (0.26, 0.06),
    "fallback": (0.22, 0.14),
    "refused": (0.32, 0.02),
}
_LONG = {"ja": 260, "en": 520}
_REFUSAL = ("申し訳ありませんが、", "申し訳ございませんが、", "I'm sorry, but I can")
_LIKED = {
    "ja": ("助かりました", "わかりやすいです", "すぐに分かって便利", "ありがとう", "電話しなくて済みました"),
    "en": (
        "Very helpful, thanks!",
        "Clear and quick.",
        "Exactly what I needed.",
        "Great that this is in English.",
    ),
}
_DISLIKED: dict[str, dict[str, tuple[str, ...]]] = {
    "neutral": {"ja": ("よく分かりません",), "en": ("Not what I asked.",)},
    "good": {"ja": ("もう少し詳しく知りたい",), "en": ("A bit more detail would help.",)},
    "long": {
        "ja": ("長すぎて読めません", "要点だけ教えてほしい", "前はもっと短くて分かりやすかった"),
        "en": ("Way too long.", "I only wanted the day.", "It used to be shorter and better."),
    },
    "wrong": {
        "ja": (
            "肝心なことが書いてありません",
            "間違っていると思います",
            "これだけでは分かりません",
            "質問に答えていない",
        ),
        "en": (
            "This does not answer my question.",
            "The important part is missing.",
            "I think this is wrong.",
        ),
    },
    "fallback": {
        "ja": ("結局、電話しないといけないんですね", "環境課につながりません", "役に立たない"),
        "en": ("So I have to call anyway.", "Not helpful, the office is closed."),
    },
    "refused": {
        "ja": ("なぜ答えてくれないのですか", "普通のごみの質問です", "前は答えてくれました"),
        "en": (
            "Why can't you answer this?",
            "It is just a question about garbage!",
            "It answered this last week.",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """A thumb, perhaps with words; `after_seconds` is how long the citizen took."""

    like: bool
    comment: str | None
    correction: str | None
    after_seconds: float


def opinion(turn: Turn, answer: str, fallback: bool, language: str, dice: random.Random) -> Opinion | None:
    """Return what the citizen says about an answer; most say nothing."""
    manner = judge(turn, answer, fallback, language)
    speaks, likes = _MANNERS[manner]
    if dice.random() >= speaks:
        return None
    like = dice.random() < likes
    words = _LIKED[language] if like else _DISLIKED[manner][language]
    comment = dice.choice(words) if dice.random() < (0.18 if like else 0.45) else None
    corrects = manner == "wrong" and not like and turn.truth and dice.random() < 0.4
    return Opinion(like, comment, turn.truth if corrects else None, dice.uniform(4, 90))


def judge(turn: Turn, answer: str, fallback: bool, language: str) -> str:
    """Return how an answer strikes its reader: good, neutral, long, wrong, fallback or refused."""
    if answer.startswith(_REFUSAL):
        return "refused"
    if fallback:
        return "fallback"
    if turn.outside or (turn.fact and turn.fact not in answer):
        return "wrong"
    if len(answer) > _LONG[language]:
        return "long"
    return "good" if turn.fact else "neutral"
