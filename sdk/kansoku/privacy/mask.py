"""Replace what recognisers find in text, and in the strings of JSON text, which stays JSON."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kansoku.privacy.secrets import Recogniser, names_secret

MaskFunction = Callable[[str], str]

# Full-width letters, digits and signs, and the strokes that people use as hyphens, one character for one:
# what is found in the folded text is at the same place in the original.
_FOLD = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_FOLD |= dict.fromkeys("‐‑‒–—―−ーｰ", "-") | {"\u3000": " ", "\u00a0": " "}
_FOLDED = re.compile("[！-～‐-―−ーｰ\u3000\u00a0]")
_WIDE = re.compile(rb"\xef(?:\xbc[\x8b\x90-\x99\xa0-\xba]|\xbd[\x81-\x9a])")
# Where a number may be, and how far around it one has to look.
_NUMBER = re.compile(r"[0-9(+〒][0-9 ().+/-]{5,}")
_BEFORE, _BEHIND = 24, 16
_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_WORDS = bytes(byte if byte in _TOKEN_BYTES else 32 for byte in range(256))
# What keys consist of, and addresses: words of a language have no sixteen of these in a row.
_LONG = bytes(120 if byte in _TOKEN_BYTES + b".~+/=%" else 32 for byte in range(256))
_RUNS = bytes(120 if byte in _TOKEN_BYTES else 32 for byte in range(256))
_DIGITS = bytes(100 if 48 <= byte < 58 else 32 for byte in range(256))
_LETTERS = bytes(
    100 if 48 <= byte < 58 else 97 if chr(byte).isascii() and chr(byte).isalpha() else 32
    for byte in range(256)
)
# Small ASCII letters: all that the hints are made of. What is not ASCII goes: most of a Japanese text.
_SMALL = bytes(range(256)).lower()
_HIGH = bytes(range(128, 256))
# What may stand between the digits of a number, in UTF-8: the strokes and wide spaces too.
_BETWEEN = b" -().+/" + bytes({byte for stroke in "‐‑‒–—―−ーｰ\u3000\u00a0" for byte in stroke.encode()})
# Hints of recognisers that ask for sixteen of the letters in `_LONG` in a row, and of one that asks for an @.
_LONG_HINTS = frozenset(
    {
        b"ya29.",
        b"1//0",
        b"sg.",
        b"hvs.",
        b"hvb.",
        b"hvr.",
        b"bearer",
        b"hooks.slack.com",
        b"sig=",
        b"signature=",
    }
)
_PASSWORD_HINTS = frozenset({b"://"})
# Other signs than : and = between a name and its value, and how long before one a name may begin.
_SIGNS = ("は".encode(), "：".encode())
_NAME_BYTES = 48
# Under the name of a secret a number up to this is a count or a flag.
_SMALL_NUMBER = 999
_WORD = re.compile(r"[a-z][a-z_.\-]{0,31}")
# Fields of messages whose values are words of the format, not content.
_FORMAT_FIELDS = frozenset(
    {"role", "type", "finish_reason", "finishReason", "modality", "mime_type", "object"}
)


class Mask:
    """Masks text: what the recognisers find becomes their name in brackets, then `function` is asked.

    With a `key`, equal values get equal pseudonyms (`[email:1a2b3c4d]`) that only its holder could recompute.
    """

    def __init__(
        self, recognisers: Iterable[Recogniser], function: MaskFunction | None = None, key: bytes = b""
    ) -> None:
        self._recognisers = tuple(recognisers)
        self._function = function
        self._key = key
        self._fields = any(one.name == "secret" for one in self._recognisers)
        self._kinds = frozenset(one.kind for one in self._recognisers)
        hints = {hint for one in self._recognisers if one.kind == "text" for hint in one.hints}
        # Where one is part of another (key, private key), the shorter tells for both.
        hints = {h for h in hints if not any(other in h for other in hints if other != h)}
        self._hints = tuple(hints - _LONG_HINTS - _PASSWORD_HINTS)
        self._named_hints = tuple(
            {hint for one in self._recognisers if one.kind == "named" for hint in one.hints}
        )
        self._long_hints = tuple(hints & _LONG_HINTS)
        self._no_tokens = tuple(one for one in self._recognisers if one.kind != "token")
        token_hints = {hint for one in self._recognisers if one.kind == "token" for hint in one.hints}
        self._token_hint = re.compile(b"|".join(map(re.escape, sorted(token_hints, key=len))) or b"(?!)")
        self._wide_hints = tuple(
            hint for one in self._recognisers if one.kind == "wide" for hint in one.hints
        )
        self._password_hints = tuple(hints & _PASSWORD_HINTS)

    @property
    def asks(self) -> bool:
        """Tell whether there is a function, so that every string has to be looked at."""
        return self._function is not None

    @property
    def hides_fields(self) -> bool:
        """Tell whether the value of a field that is named as a secret is masked, whatever it looks like."""
        return self._fields

    def may_change(self, text: str) -> bool:  # noqa: PLR0911 - what is cheapest to see is looked for first
        """Tell quickly whether a recogniser may find something in this text, JSON or not."""
        if not self._recognisers:
            return False
        raw = text.encode("utf-8", "replace")
        ascii_only = len(raw) == len(text)
        if not ascii_only:
            for sign in _SIGNS:
                raw = raw.replace(sign, b":")
        small = raw.lower() if ascii_only else raw.translate(_SMALL, _HIGH)
        escaped = b"\\" in small and b"\\u" in small  # one byte is found many times faster than two
        if any(map(small.__contains__, self._hints)) or self._numbers_in(small):
            return True
        if escaped and b"\\uff" in small:
            return True
        names = small if escaped else _names(small)  # the sign may be escaped
        if names and any(map(names.__contains__, self._named_hints)):
            return True
        if b"@" in small and any(map(small.__contains__, self._password_hints)):
            return True
        if b"x" * 16 in small.translate(_LONG) and (
            any(map(small.__contains__, self._long_hints)) or self._tokens_in(small)
        ):
            return True
        return not ascii_only and (
            _WIDE.search(raw) is not None or any(map(raw.__contains__, self._wide_hints))
        )

    def recognised(self, text: str) -> str:
        """Return the text with what the recognisers find replaced; the function is not asked."""
        if len(text) < 7 or not self._recognisers:
            return text
        folded, raw = text, text.encode("utf-8", "replace")
        if not text.isascii() and (_WIDE.search(raw) or self._numbers_in(raw)):
            folded = _FOLDED.sub(lambda match: _FOLD[match[0]], text)
            raw = folded.encode("utf-8", "replace")
        small = raw.translate(_SMALL, _HIGH)
        tokens = self._tokens_in(raw) if self._tokens_in(small) else b""
        stretches = _stretches(folded) if self._numbers_in(raw) else []
        ibans = "iban" in self._kinds and b" aadd" in b" " + raw.translate(_LETTERS)
        chosen = self._recognisers if self._token_hint.search(tokens) else self._no_tokens
        searched = {"token": tokens, "text": small, "named": small, "wide": raw}
        places: list[tuple[int, int, str]] = []
        for one in chosen:
            if one.kind == "number":
                for start, end in stretches:
                    places += ((*place, one.name) for place in one.find(folded, start, end))
            elif one.kind == "iban":
                if ibans:
                    places += ((*place, one.name) for place in one.find(folded, 0, len(folded)))
            elif any(map(searched[one.kind].__contains__, one.hints)):
                places += ((*place, one.name) for place in one.find(folded, 0, len(folded)))
        return self._replace(text, folded, places) if places else text

    def _tokens_in(self, raw: bytes) -> bytes:
        """Return the runs of at least sixteen letters, digits, _ and -, with spaces between."""
        if "token" not in self._kinds or b"x" * 16 not in raw.translate(_RUNS):
            return b""
        return b" ".join(word for word in raw.translate(_WORDS).split() if len(word) >= 16)

    def _numbers_in(self, raw: bytes) -> bool:
        return ("number" in self._kinds and b"d" * 7 in raw.translate(_DIGITS, _BETWEEN)) or (
            "iban" in self._kinds and b" aadd" in b" " + raw.translate(_LETTERS)
        )

    def text(self, text: str) -> str:
        """Return the masked text; raises what the user's function raises."""
        masked = self.recognised(text)
        if self._function is None:
            return masked
        answer = self._function(masked)
        if not isinstance(answer, str):
            raise TypeError(f"the mask function returned {type(answer).__name__}, expected str")
        return answer

    def value(self, text: str) -> str:
        """Return an attribute's text masked; JSON is masked inside its strings and stays JSON."""
        if self._function is None and not self.may_change(text):
            return text
        if text[:1] in ("{", "[", '"'):
            try:
                found = json.loads(text)
            except ValueError:
                return self.text(text)
            masked = self._tree(found)
            return text if masked == found else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        return self.text(text)

    def any(self, value: Any) -> Any:
        """Return an attribute's value masked, whatever its type."""
        return self.value(value) if isinstance(value, str) else self._tree(value)

    def _tree(self, value: Any, field: str = "") -> Any:  # noqa: PLR0911 - one return a type
        if isinstance(value, str):
            if self._fields and value and field and names_secret(field):
                return "[secret]"
            if field in _FORMAT_FIELDS and _WORD.fullmatch(value):
                return value
            # A tool's arguments are JSON text inside of JSON text.
            return self.value(value) if value[:1] in ("{", "[") else self.text(value)
        if isinstance(value, Mapping):
            return self._members(value)
        if isinstance(value, list | tuple):
            return [self._tree(item, field) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _SMALL_NUMBER:
            if self._fields and field and names_secret(field):
                return "[secret]"
            if abs(value) <= 10**9:
                return value
            masked = self.recognised(str(value))
            return value if masked == str(value) else masked
        return value

    def _members(self, value: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, item in value.items():
            shown = self.recognised(str(name))
            while shown in found:
                shown += "_"
            found[shown] = self._tree(item, str(name))
        return found

    def _replace(self, text: str, folded: str, places: list[tuple[int, int, str]]) -> str:
        # Where two overlap, the one that begins first counts; the order of the recognisers breaks ties.
        places.sort(key=lambda place: place[0])
        parts: list[str] = []
        done = 0
        for start, end, name in places:
            if start < done:
                continue
            parts += (text[done:start], f"[{name}{self._pseudonym(name, folded[start:end])}]")
            done = end
        return "".join((*parts, text[done:]))

    def _pseudonym(self, name: str, value: str) -> str:
        if not self._key:
            return ""
        plain = "".join(character for character in value.casefold() if character not in " -()")
        digest = hmac.new(self._key, f"{name}:{plain}".encode("utf-8", "replace"), hashlib.sha256)
        return f":{digest.hexdigest()[:8]}"


def _names(small: bytes) -> bytes:
    """Return what stands before every colon and =; where there are many of them, everything."""
    before = small.replace(b"=", b":").split(b":")
    before.pop()
    if len(before) * 2 * _NAME_BYTES > len(small):
        return small
    return b" ".join([words.rstrip()[-_NAME_BYTES:] for words in before])


def _stretches(text: str) -> list[tuple[int, int]]:
    """Return where there are numbers, each with what has to be seen behind it."""
    found: list[tuple[int, int]] = []
    for match in _NUMBER.finditer(text):
        if sum(map(str.isdigit, match[0])) < 7:
            continue
        start, end = max(0, match.start() - _BEFORE), match.end() + _BEHIND
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
