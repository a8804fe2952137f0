"""What single instrumentations of the conventions do differently, by the name of their scope."""

from collections.abc import Callable

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counters import pass_on
from kansoku_collector.normalise.dialects import ag2, agent_hooks, openllmetry_langchain, openrouter

_ANSWER = "resp_"  # begins the id of an answer of OpenAI's Responses API; a conversation's begins otherwise


def _pass_on(left: Attributes, _: Span) -> None:
    """Add caches to the input that a package passes on as its vendor counts it."""
    pass_on(left)


def _name_answer_before(left: Attributes, span: Span) -> None:
    """Keep the answer that a call goes on from as what it is: each call of a chain has another one."""
    if span.session_id.startswith(_ANSWER):
        left.setdefault(s.PREVIOUS_RESPONSE_ID, span.session_id)
        span.session_id = ""


# Ruby's RubyLLM, Elixir's ReqLLM and LangChain, AWS's client for Python; Microsoft's Agent Framework and
# Extensions.AI.
BY_SCOPE: dict[str, Callable[[Attributes, Span], None]] = {
    **dict.fromkeys(("OpenTelemetry::Instrumentation::RubyLLM", "req_llm", "langchain"), _pass_on),
    "opentelemetry.instrumentation.botocore.bedrock-runtime": _pass_on,
    **dict.fromkeys(("agent_framework", "Experimental.Microsoft.Agents.AI"), _name_answer_before),
    "Experimental.Microsoft.Extensions.AI": _name_answer_before,
    ag2.SCOPE: ag2.adjust,
    openllmetry_langchain.SCOPE: openllmetry_langchain.adjust,
    openrouter.SCOPE: openrouter.adjust,
    agent_hooks.SCOPE: agent_hooks.adjust,
}
