"""Rerankers as OpenLLMetry writes them: documents as prompts, and what they scored as words of the answer."""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.values import number, text

_GIVEN, _RANKED = "gen_ai.prompt", "gen_ai.completion"
_PREFIXES = (*(f"{root}.{digit}" for root in (_GIVEN, _RANKED) for digit in range(10)), "documents.")
_SCORED = re.compile(r"Doc (\d+), Score: ([-+.\deE]+)(?:\n(.*))?", re.DOTALL)
# JavaScript's Cohere counts what is billed, which are searches, under this name.
_UNITS = "llm.usage.total_tokens"


def read_ranking(left: Attributes) -> None:
    """Take the question, and the documents with the scores that they got; the best comes first."""
    if not any(key.startswith(_PREFIXES) for key in left):
        return
    tree = flattened.take(left, _PREFIXES)
    given, ranked = listed(at(tree, _GIVEN)), listed(at(tree, _RANKED))
    asked = next((_words(node) for node in reversed(given) if at(node, "role") == "user"), "")
    texts = [_words(node) for node in given if at(node, "role") == "system"]
    in_javascript = [text(at(node, "index")) for node in listed(at(tree, "documents"))]
    found = [_document(node, texts or in_javascript) for node in ranked]
    if asked:
        left.setdefault(s.RETRIEVAL_QUERY, asked)
        left.setdefault(s.INPUT_MESSAGES, [{"role": "user", "content": asked}])
    if found:
        left.setdefault(s.RETRIEVAL_DOCUMENTS, found)
    if in_javascript and _UNITS in left:
        left[s.SEARCH_UNITS] = left.pop(_UNITS)


def _words(node: Any) -> str:
    content = at(node, "content")
    return text(at(node, "user") if content is None else content)


def _document(node: Any, texts: list[str]) -> dict[str, Any]:
    """Return one place of a ranking; where only its words are told, they tell which document it is."""
    words = text(at(node, "content"))
    if told := _SCORED.fullmatch(words):
        place, score = int(told[1]), number(told[2])
        known = texts[place] if place < len(texts) else ""
        return {"id": told[1], "score": score, "content": told[3] or known}
    place = texts.index(words) if words in texts else -1
    if place < 0 and words.isdecimal() and int(words) < len(texts):
        place, words = int(words), texts[int(words)]
    identity = text(place) if place >= 0 else None
    return {"id": identity, "score": number(at(node, "relevanceScore")), "content": words}
