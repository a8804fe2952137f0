"""The gateway's one error, in ClickHouse's terms: a code, a message, a name and an HTTP status."""

import re

_CODE = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*)", re.DOTALL)
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*$")

# As ClickHouse's HTTP handler answers; everything else is 500.
_STATUS = {
    516: 401, 194: 401, 192: 403, 497: 403, 164: 403,
    6: 400, 26: 400, 27: 400, 33: 400, 36: 400, 38: 400, 41: 400, 42: 400, 43: 400, 44: 400, 53: 400, 62: 400,
    69: 400, 72: 400, 117: 400, 130: 400, 386: 400, 456: 400, 457: 400,
    46: 404, 47: 404, 50: 404, 56: 404, 60: 404, 81: 404, 115: 404,
    159: 408, 229: 413, 48: 501, 202: 503,
}  # fmt: skip


class QueryError(Exception):
    """A query that cannot be run, with ClickHouse's error code and name."""

    def __init__(self, code: int, message: str, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.name = name

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse answers for this code."""
        return _STATUS.get(self.code, 500)

    @property
    def body(self) -> bytes:
        """The answer's body, as ClickHouse words it."""
        return f"Code: {self.code}. DB::Exception: {self.message}. ({self.name})\n".encode()

    @classmethod
    def of(cls, error: Exception) -> "QueryError":
        """Translate what chDB raised."""
        if isinstance(error, cls):
            return error
        match = _CODE.search(str(error))
        if match is None:
            return cls(1001, str(error) or type(error).__name__, "STD_EXCEPTION")
        message = match.group(2).strip()
        message = re.sub(r"\s*\(version [^)]*\)$", "", message)
        name = _NAME.search(message)
        text = message[: name.start()].rstrip(" .") if name else message
        # The engine names the helper that the gateway parses with; the user wrote no such thing.
        text = text.split(": In scope SELECT formatQuerySingleLine(")[0]
        return cls(int(match.group(1)), text, name.group(1) if name else "UNKNOWN_EXCEPTION")
