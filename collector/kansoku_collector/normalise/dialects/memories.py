"""Operations of a memory (mem0 and Agno under OpenLIT): a search is a retrieval, everything else a tool."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan
from kansoku_collector.normalise.documents import read_documents
from kansoku_collector.values import rename, text

MEMORY = "memory"
_SEARCH = {"gen_ai.memory.search.query": s.RETRIEVAL_QUERY}
_CALL = {s.INPUT_MESSAGES: s.TOOL_ARGUMENTS, s.OUTPUT_MESSAGES: s.TOOL_RESULT}


def read_memory(raw: RawSpan, left: Attributes) -> str:
    """Return what the operation is; what was given and answered gets the names of its kind."""
    what = text(left.get("gen_ai.endpoint")) or raw.name  # `memory search`
    if "search" not in what:
        left.setdefault(s.TOOL_NAME, what)
        rename(left, _CALL)
        return "execute_tool"
    rename(left, _SEARCH)
    if found := read_documents(left.get(s.OUTPUT_MESSAGES)):
        left[s.RETRIEVAL_DOCUMENTS] = found
        del left[s.OUTPUT_MESSAGES]
    return "retrieval"
