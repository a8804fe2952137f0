"""The assistant's system prompts, by version.

v14   the rules and the table of items
v15   v14 and worked examples chosen for each question: dearer, nothing of them comes from the prompt cache
v16   v14, asked to answer in one sentence
"""

from collections.abc import Sequence
from functools import cache

from kansoku_demo import guide
from kansoku_demo.guide import Entry

NAME = "gomi-guide"
_EXAMPLES = {"ja": 3, "en": 4}

_LENGTH = {
    "ja": {"v16": "かならず一文だけ", "": "三文以内"},
    "en": {"v16": "exactly one sentence", "": "at most three sentences"},
}


def system(language: str, version: str, documents: Sequence[Entry], similar: Sequence[Entry]) -> str:
    """Return the system prompt of a version for a question: rules, examples if it has them, documents."""
    parts = [_rules(language, version)]
    if version == "v15":
        examples = "".join(_example(entry, language) for entry in similar[: _EXAMPLES[language]])
        parts.append(f"<examples>\n{examples}</examples>\n")
    parts.append(f"<documents>\n{''.join(_document(e) for e in documents)}</documents>")
    return "".join(parts)


@cache
def _rules(language: str, version: str) -> str:
    length = _LENGTH[language].get(version, _LENGTH[language][""])
    categories = guide.city()["categories"]
    table = (
        f"{name}: {categories[item['category']][language]}" for name, item in guide.items(language).items()
    )
    return guide.rules(language).format(length=length) + "\n".join(table) + "\n\n"


def _document(entry: Entry) -> str:
    return f'<document id="{entry.id}" title="{entry.title}">\n{entry.text}\n</document>\n'


def _example(entry: Entry, language: str) -> str:
    question, answer = ("質問", "答え") if language == "ja" else ("Question", "Answer")
    return f"{question}: {entry.title}\n{_document(entry)}{answer}: {entry.text}\n\n"
