"""Choose the dialect of a span: the first that knows it reads it.

Spans of one place in a program carry the same names, so the choice is remembered by what it may depend on.
"""

from collections.abc import Callable

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import (
    adk,
    agentops,
    ai_sdk,
    braintrust,
    claude_code,
    cline,
    codex,
    cursor,
    dash0,
    datadog,
    deepeval,
    gemini_cli,
    gen_ai,
    genkit,
    haystack,
    laminar,
    langflow,
    langfuse,
    langsmith,
    langtrace,
    langwatch,
    letta,
    litellm,
    livekit,
    logfire,
    mastra,
    mlflow,
    n8n,
    nat,
    nemo,
    openai_php,
    openclaw,
    openinference,
    openlit,
    openlit_cli,
    openllmetry,
    pipecat,
    printed_answers,
    promptflow,
    qwen_code,
    sentry,
    spring_ai,
    strands,
    tanstack,
    trace_ai,
    truefoundry,
    voltagent,
    weave,
)
from kansoku_collector.normalise.remembered import Remembered

# A reader answers True where the span only repeats what other spans report.
Read = Callable[[RawSpan, Attributes, Span], bool | None]
_Speaks = Callable[[RawSpan], bool]

# The conventions come last: most dialects use their names too.
_DIALECTS: tuple[tuple[_Speaks, Read], ...] = (
    (logfire.is_pending, logfire.read),
    (tanstack.is_tanstack, tanstack.read),
    (langfuse.is_langfuse, langfuse.read),
    (langsmith.is_langsmith, langsmith.read),
    (mlflow.is_mlflow, mlflow.read),
    (weave.is_weave, weave.read),
    (litellm.is_litellm, litellm.read),
    (trace_ai.is_trace_ai, trace_ai.read),
    (langtrace.is_langtrace, langtrace.read),
    (openllmetry.is_openllmetry, openllmetry.read),
    (mastra.is_mastra, mastra.read),
    (nat.is_nat, nat.read),
    (voltagent.is_voltagent, voltagent.read),  # before OpenInference, by whose name it counts tools
    (openinference.is_openinference, openinference.read),
    (openlit_cli.is_openlit_cli, openlit_cli.read),
    (openlit.is_openlit, openlit.read),
    (ai_sdk.is_ai_sdk, ai_sdk.read),
    (laminar.is_laminar, laminar.read),
    (claude_code.is_claude_code, claude_code.read),
    (codex.is_codex, codex.read),
    (logfire.is_logfire, logfire.read),
    (adk.is_adk, adk.read),
    (genkit.is_genkit, genkit.read),
    (braintrust.is_braintrust, braintrust.read),
    (spring_ai.is_spring_ai, spring_ai.read),
    (strands.is_strands, strands.read),
    (agentops.is_agentops, agentops.read),
    (langwatch.is_langwatch, langwatch.read),
    (livekit.is_livekit, livekit.read),
    (pipecat.is_pipecat, pipecat.read),
    (promptflow.is_promptflow, promptflow.read),
    (haystack.is_haystack, haystack.read),
    (nemo.is_nemo, nemo.read),
    (deepeval.is_deepeval, deepeval.read),
    (truefoundry.is_truefoundry, truefoundry.read),
    (n8n.is_n8n, n8n.read),
    (langflow.is_langflow, langflow.read),
    (letta.is_letta, letta.read),
    (datadog.is_datadog, datadog.read),
    (openclaw.is_openclaw, openclaw.read),
    (gemini_cli.is_gemini_cli, gemini_cli.read),
    (qwen_code.is_qwen_code, qwen_code.read),
    (cursor.is_cursor, cursor.read),
    (cline.is_cline, cline.read),
    (dash0.is_dash0, dash0.read),
    (sentry.is_sentry, sentry.read),
    (openai_php.is_openai_php, openai_php.read),
    (printed_answers.prints_answers, printed_answers.read),
    (gen_ai.is_gen_ai, gen_ai.read),
)
# Two attributes decide by their value, and three dialects are known by the span's name.
_BY_VALUE = frozenset(("logfire.span_type", "telemetry.sdk.name"))
_BY_NAME = ("claude_code.", "qwen-code.", "cline.")
_known: Remembered[Read | None] = Remembered()


def choose(raw: RawSpan) -> Read | None:
    """Return the reader of a span, or None where no dialect knows it."""
    attributes = raw.attributes
    if raw.events or raw.name.startswith(_BY_NAME) or not _BY_VALUE.isdisjoint(attributes):
        return _find(raw)
    key = (raw.scope_name, *attributes)
    try:
        return _known[key]
    except KeyError:
        return _known.keep(key, _find(raw))


def _find(raw: RawSpan) -> Read | None:
    return next((read for speaks, read in _DIALECTS if speaks(raw)), None)
