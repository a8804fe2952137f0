"""Embeddings without a model: hashed words and character n-grams, weighted by how much they tell.

Two texts that share kanji, katakana or English words are near each other, which is all that retrieval over
a small guide needs; 収集日 is found inside ごみの収集日を教えて because its bigrams are.
"""

import math
import re
import tomllib
import zlib
from collections import Counter
from functools import lru_cache
from importlib.resources import files

_WORDS = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")
_LISTS = tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
_LIGHT = frozenset(_LISTS["light"].split())
_COMMON = frozenset(_LISTS["common"].split())


_COMMON_KANJI = frozenset(_LISTS["kanji"])
_GRAMMAR = frozenset(_LISTS["grammar"].split())
_PUNCTUATION = frozenset("、。「」？！・（）")
# The beginning of a text says what it is about.
_HEAD, _REST_WEIGHT = 90, 0.3


@lru_cache(maxsize=4096)
def embed(text: str, dimensions: int) -> tuple[float, ...]:
    """Return the vector of `text`, of length 1; a text without any word gives zeros."""
    vector = [0.0] * dimensions
    head, rest = _features(text[:_HEAD].lower()), _features(text[_HEAD:].lower())
    for feature in head.keys() | rest.keys():
        weight = max(head.get(feature, 0.0), _REST_WEIGHT * rest.get(feature, 0.0))
        code = zlib.crc32(feature.encode())
        vector[code % dimensions] += weight if code & 0x10000 else -weight
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return tuple(x / length for x in vector)


def _features(text: str) -> dict[str, float]:
    features: Counter[str] = Counter()
    for word in _WORDS.findall(text):
        if word[0] < "\x80":
            if word not in _LIGHT:
                features[_stem(word)] += 1
            continue
        features.update(word[i : i + 2] for i in range(len(word) - 1))
        features.update(character for character in word if "\u4e00" <= character <= "\u9fff")
    return {feature: _weight(feature) * (1 + math.log(count)) for feature, count in features.items()}


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _weight(feature: str) -> float:
    """Return how much a feature tells: grammar is written in hiragana, things are written in the rest."""
    if feature[0] < "\x80":
        return 0.7 if feature in _COMMON else 2.0
    if len(feature) == 1:
        return 0.1 if feature in _COMMON_KANJI else 0.7
    if feature in _GRAMMAR:
        return 0.08
    told = sum(not "\u3040" <= c <= "\u309f" and c not in _PUNCTUATION for c in feature)
    return (0.8, 0.45, 1.6)[told]
