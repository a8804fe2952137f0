"""Values as Python prints them, which some instrumentations write where JSON belongs."""

import ast
import re
import warnings
from typing import Any

_SOURCE = "<printed>"
# What somebody said may look like a faulty escape, which is no concern of the log.
warnings.filterwarnings("ignore", category=SyntaxWarning, module=re.escape(_SOURCE))
_LONGEST = 1 << 16  # characters that are looked through
_CALL = re.compile(r"[A-Z]\w*\(")
# LangChain's message of a tool: its words, its name, and the call that it answers.
_MESSAGE = re.compile(r"content=('.*?'|\".*?\") name='[^']*'(?: id='[^']*')? tool_call_id='[^']*'", re.DOTALL)


def read_printed(printed: Any) -> Any:
    """Return a printed value, an object as the dict of its fields; None where it is none of these."""
    if not isinstance(printed, str) or len(printed) > _LONGEST:
        return None
    if not printed.startswith(("{", "[", "'", '"')) and not _CALL.match(printed):
        return None
    try:
        return _value(ast.parse(printed, _SOURCE, "eval").body)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def tool_message(printed: str) -> str | None:
    """Return the words of a printed message of a tool; None where it is no such message."""
    if not printed.startswith("content=") or len(printed) > _LONGEST:
        return None
    found = _MESSAGE.match(printed)
    words = read_printed(found.group(1)) if found else None
    return words if isinstance(words, str) else None


def _value(node: ast.expr) -> Any:
    """Return the value of a literal; a call is an object's fields, and everything else an error."""
    if isinstance(node, ast.Call):
        return {word.arg: _value(word.value) for word in node.keywords if word.arg}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(_value(key)): _value(value) for key, value in pairs if key is not None}
    return ast.literal_eval(node)
