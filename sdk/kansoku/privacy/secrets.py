"""Recognise keys, tokens and private keys, by the shapes that their issuers give them."""

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Places = Iterable[tuple[int, int]]
Find = Callable[[str, int, int], Places]

# No pattern may take more than linear time: each starts with fixed letters that cannot begin again inside of
# what it takes, or takes at most a fixed number of characters before it may fail. ASCII classes only:
# Japanese letters are word characters, so \b does not end a number in Japanese text.


@dataclass(frozen=True, slots=True)
class Recogniser:
    """What is called `name`: `find` gives its places between two offsets of a text.

    `kind` says how to tell quickly that it is not there: a `token` has one of `hints` and a run of sixteen
    letters, digits, _ and -; a `number` has seven digits; a `text` has one of `hints`, in small letters;
    a `named` has one in the words before a colon or a =; a `wide` has one that is not of ASCII.
    """

    name: str
    kind: str
    hints: tuple[bytes, ...]
    find: Find


def by_pattern(pattern: str, check: Callable[[str], bool] | None = None, *, edge: bool = False) -> Find:
    """Return a finder of what the pattern matches (its last group, if it has one) and the check accepts.

    With `edge` nothing counts that begins inside of a word; asked afterwards, so that the pattern may begin
    with letters that the engine can look for.
    """
    compiled = re.compile(pattern)
    group = compiled.groups

    def find(text: str, start: int, end: int) -> Places:
        for match in compiled.finditer(text, start, end):
            inside = edge and _is_letter(text[match.start() - 1 : match.start()])
            if not inside and (check is None or check(match[group])):
                yield match.span(group)

    return find


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalnum()


def token(name: str, hints: str, pattern: str, check: Callable[[str], bool] | None = None) -> Recogniser:
    """Return a recogniser of a token that begins with a prefix, one of `hints` (words, by spaces)."""
    return Recogniser(name, "token", tuple(hints.encode().split()), by_pattern(pattern, check, edge=True))


def mixed(text: str) -> bool:
    """Tell whether there are letters and digits, of ASCII: words have none of the latter."""
    return any(c.isdigit() for c in text) and any(c.isascii() and c.isalpha() for c in text)


def _is_jwt(text: str) -> bool:
    header = text.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return False
    return isinstance(found, dict) and ("alg" in found or "enc" in found or "typ" in found)


# Words in small letters that end the name of a secret, and what may stand before `key` and `token`.
NAMES = (b"key", b"secret", b"token", b"pass")
# What the names of secret fields contain beside them.
_FIELD_NAMES = (b"authorization", b"credential", b"cookie", b"pwd")
_BEFORE = (
    "api",
    "access",
    "account",
    "subscription",
    "secret",
    "private",
    "signing",
    "encryption",
    "auth",
    "refresh",
)
_BEFORE_TOKEN = (*_BEFORE, "session", "security", "bearer", "bot", "oauth", "personal")
_QUERY_VALUE = (
    16  # characters of a `?key=` that may be a secret: what is shorter is more likely an identifier
)
_VALUE = re.compile(
    r"""(?:w(?:or)?d|phrase)?["'\\]{0,3}[ \t]{0,3}(?:=>|[:=]|は|：)[ \t]{0,3}["'\\]{0,3}"""
    r"""([^\s"'\\,;&<>{}()\[\]、。]{8,200})"""
)


def _find_named(text: str, start: int, end: int) -> Places:
    """Yield values that are named for what they are, in program text and logs: `password=...`."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow when they are made small
        lower = text
    for name in ("key", "secret", "token", "pass"):
        at = lower.find(name, start, end)
        while at >= 0:
            value = _VALUE.match(text, at + len(name))
            if value and mixed(value[1]) and _says_secret(name, lower[max(0, at - 14) : at], value[1]):
                yield value.span(1)
            at = lower.find(name, at + 1, end)


def _says_secret(name: str, before: str, value: str) -> bool:
    """Tell whether this name makes its value a secret: a key or a token alone may be anything."""
    if name == "key":
        told = before.rstrip(" _-").endswith(_BEFORE)
    elif name == "token":
        told = before.rstrip(" _-").endswith(_BEFORE_TOKEN)
    else:
        return True
    in_query = not before or before.endswith(("?", "&", "&amp;"))
    return told or (in_query and len(value) >= _QUERY_VALUE)


SECRETS = (
    # A key without its end was cut off: everything that may belong to it goes.
    Recogniser(
        "private_key",
        "text",
        (b"-----begin",),
        by_pattern(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[A-Za-z0-9+/=\s\\:,.()]|-(?!-))*"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    Recogniser(
        "jwt",
        "token",
        (b"eyJ",),
        by_pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}", _is_jwt),
    ),
    token("anthropic_api_key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{10,}"),
    token("openrouter_api_key", "sk-or-", r"sk-or-(?:v1-)?[A-Za-z0-9]{16,}"),
    token("langfuse_api_key", "sk-lf-", r"sk-lf-[A-Za-z0-9-]{16,}"),
    token(
        "openai_api_key",
        "sk-",
        r"(?:sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{10,}|sk-[A-Za-z0-9]{18,}(?:[_-][A-Za-z0-9_-]+)?)",
        mixed,
    ),
    token("google_api_key", "AIza", r"AIza[A-Za-z0-9_-]{30,}"),
    Recogniser("google_token", "text", (b"ya29.",), by_pattern(r"ya29\.[A-Za-z0-9_-]{20,}", edge=True)),
    token("aws_access_key", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    token("github_token", "gh github_pat_", r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    token("gitlab_token", "gl", r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent)-[A-Za-z0-9_.-]{20,}"),
    token("slack_token", "xox xapp-", r"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{11,}"),
    Recogniser(
        "slack_webhook",
        "text",
        (b"hooks.slack.com",),
        by_pattern(r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_-]{20,})"),
    ),
    token("stripe_key", "sk_ rk_ whsec_", r"(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,}"),
    token("huggingface_token", "hf_", r"hf_[A-Za-z0-9]{20,}", mixed),
    token("groq_api_key", "gsk_", r"gsk_[A-Za-z0-9]{20,}"),
    token("kansoku_api_key", "ksk_", r"ksk_[A-Za-z0-9_-]{12,}"),
    token("xai_api_key", "xai-", r"xai-[A-Za-z0-9]{20,}", mixed),
    token("perplexity_api_key", "pplx-", r"pplx-[A-Za-z0-9]{20,}", mixed),
    token("replicate_token", "r8_", r"r8_[A-Za-z0-9]{30,}"),
    token("pinecone_api_key", "pcsk_", r"pcsk_[A-Za-z0-9_]{20,}"),
    token("langsmith_api_key", "lsv2_", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    token("npm_token", "npm_", r"npm_[A-Za-z0-9]{30,}"),
    token("pypi_token", "pypi-", r"pypi-[A-Za-z0-9_-]{40,}"),
    Recogniser(
        "sendgrid_api_key",
        "text",
        (b"sg.",),
        by_pattern(r"SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,}", edge=True),
    ),
    token("databricks_token", "dapi", r"dapi[0-9a-f]{32}(?![0-9a-z])"),
    Recogniser(
        "azure_api_key",
        "token",
        (b"JQQJ99",),
        by_pattern(r"(?<![A-Za-z0-9])[A-Za-z0-9]{40,64}JQQJ99[A-Za-z0-9]{16,40}"),
    ),
    Recogniser(
        "bearer_token", "text", (b"bearer",), by_pattern(r"[Bb]earer\s{1,4}([A-Za-z0-9._~+/=-]{16,})", mixed)
    ),
    Recogniser(
        "basic_auth",
        "named",
        (b"authorization",),
        by_pattern(r"uthorization[\"'\\]{0,3}\s?[:=]\s?[\"'\\]{0,3}[Bb]asic ([A-Za-z0-9+/=]{8,})"),
    ),
    # The password of a URL, as in the address of a database.
    Recogniser(
        "url_password", "text", (b"://",), by_pattern(r"://[^\s/:@\"'\\]{0,100}:([^\s/@\"'\\]{1,200})@")
    ),
    # In an address and in what opens a database a password is one, however short and simple.
    Recogniser(
        "secret",
        "named",
        (*NAMES, b"pwd"),
        by_pattern(
            r"(?i:(?:^|[?&;])[a-z_.-]{0,20}(?:passw(?:or)?d|passphrase|pwd|secret))=([^\s&;#\"'\\<>]{1,200})"
        ),
    ),
    # Who has a signed address may do what it is signed for.
    Recogniser(
        "url_signature",
        "text",
        (b"sig=", b"signature="),
        by_pattern(r"(?:[?&;]|X-Amz-|X-Goog-)[Ss]ig(?:nature)?=([A-Za-z0-9%+/=_~-]{16,})"),
    ),
    Recogniser(
        "cookie",
        "named",
        (b"cookie",),
        by_pattern(
            r"""[Cc]ookie["'\\]{0,3}\s?[:=]\s?["'\\]{0,3}([A-Za-z0-9_.-]{1,60}=[^\s"'\\]{8,}[^\r\n"'\\]*)"""
        ),
    ),
    Recogniser("secret", "named", (*NAMES, *_FIELD_NAMES), _find_named),
    # The long stroke of the word is a hyphen in folded text.
    Recogniser(
        "secret",
        "wide",
        ("パスワ".encode(),),
        by_pattern(r"パスワ[ー-]ド[ \t]{0,3}(?:は|:|：|=)[ \t]{0,3}[「『\"']?([!#-&(-~]{6,200})", mixed),
    ),
)

_SECRET_FIELD = re.compile(
    r"(?:passw(?:or)?d|passphrase|pwd|secret|authorization|credentials?|cookie"
    r"|(?:api|private|access|account|subscription|signing|encryption)[_-]?key"
    r"|(?:access|refresh|auth|session|security|bearer|id)[_-]?token)$",
    re.IGNORECASE,
)


def names_secret(field: str) -> bool:
    """Tell whether the value of a JSON field of this name is a secret, whatever it looks like."""
    return _SECRET_FIELD.search(field[-40:]) is not None
