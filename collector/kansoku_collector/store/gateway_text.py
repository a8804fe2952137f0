"""Read ClickHouse SQL as tokens, as far as the gateway must: where data begins, which names are used."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_SPACE = re.compile(r"(?:\s+|--[^\n]*|#[ !][^\n]*)+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.|'')*')
      | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      | (?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<word>[^\W\d]\w*)
      | (?P<number>\d\w*)
      | (?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word, quoted name, string, number or symbol, and where it stands in the text."""

    kind: str
    text: str
    start: int
    end: int


class InsertHead(NamedTuple):
    """An INSERT without its FORMAT clause, the format of its data, and where the data begins."""

    query: str
    format: str
    data: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`; comments and white space are dropped."""
    at = _skip(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None  # noqa: S101  # the symbol branch takes any character
        kind = "string" if match.lastgroup in ("heredoc", "tag") else str(match.lastgroup)
        yield Token(kind, match.group(), match.start(), match.end())
        at = _skip(text, match.end())


def first_word(text: str) -> str:
    """Return the first word of `text` in capitals, looking through comments and opening parentheses."""
    for token in tokens(text):
        if token.text != "(":
            return token.text.upper()
    return ""


def insert_head(text: str) -> InsertHead | None:
    """Find where the data of an INSERT begins; None when none follows here (SELECT, INFILE, or cut off)."""
    depth = 0
    before: Token | None = None
    for token in tokens(text):
        depth += (token.text == "(") - (token.text == ")")
        word = token.text.upper() if token.kind == "word" and depth == 0 else ""
        if before is not None:
            return InsertHead(text[: before.start].rstrip(), token.text.strip("`"), _data(text, token.end))
        if word in ("SELECT", "WITH", "INFILE"):
            return None
        if word == "VALUES":
            return InsertHead(text[: token.start].rstrip(), "Values", token.end)
        if word == "FORMAT":
            before = token
    return None


def names(text: str) -> Iterator[tuple[str, bool]]:
    """Yield every name used in `text`, unquoted, and whether an opening parenthesis follows it."""
    found = list(tokens(text))
    for token, after in zip(found, [*found[1:], Token("symbol", "", 0, 0)], strict=True):
        if token.kind == "word":
            yield token.text, after.text == "("
        elif token.kind == "quoted":
            yield re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL), after.text == "("


def _skip(text: str, at: int) -> int:
    """Return the place of the next token; block comments nest."""
    while at < len(text):
        if match := _SPACE.match(text, at):
            at = match.end()
        elif text.startswith("/*", at):
            at = _comment_end(text, at)
        else:
            break
    return at


def _comment_end(text: str, at: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _data(text: str, at: int) -> int:
    """Step over the blanks, the semicolon and the one line end between a format's name and its data."""
    match = re.compile(r"[ \t\f]*;?[ \t\f]*\r?\n?").match(text, at)
    return match.end() if match else at
