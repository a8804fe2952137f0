"""Write the tables of docs/ that are read off the code; `--check` says whether they are up to date."""

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kansoku.settings import Settings as SdkSettings
from kansoku_collector.normalise import choice
from kansoku_collector.settings import Settings as CollectorSettings
from kansoku_dashboard.settings import DashboardSettings

HERE = Path(__file__).parent
HEAD = """# Settings

Every setting is one environment variable. Beside these the SDK obeys OpenTelemetry's `OTEL_*` variables and
the usual ones of proxies (`https_proxy`, `no_proxy`, ...), and a file of alert rules takes secrets from the
variables that it names as `${NAME}`. Nothing else is read from the environment.
This page is generated from the code (`make docs`); a test fails when it is out of date.
"""
SECTIONS = [
    ("SDK (`import kansoku`)", SdkSettings),
    ("Collector (`kansoku up`, `kansoku collect`)", CollectorSettings),
    ("Dashboard (`kansoku up`, `kansoku dashboard`)", DashboardSettings),
]


NOTE = "This page is generated from the code (`make docs`); a test fails when it is out of date.\n"
CONFIGURATION = f"""# Configuration

Every setting of the collector is one environment variable, read at the start. `kansoku up` and
`kansoku collect` take `--data` as well. {NOTE}
| variable | default | meaning |
|---|---|---|"""
DIALECTS = f"""# Dialects

A dialect is how one SDK or framework writes its spans. Modules of
`kansoku_collector/normalise/dialects` are asked in this order, and the first that knows a span reads it; the
conventions come last, because most others use their names too. {NOTE}"""
DIALECTS_END = """
Emitters whose spans were looked at, and how: *run* is the emitter itself against a vendor of ours, *read* is
its source alone.

| emitter | read by | looked at | what is known of it |
|---|---|---|---|
| Sentry for Node 10, 11 | `sentry`, `ai_sdk` | run | 11 by its own hook, not by OTLP; input has caches |
| Sentry for Python | `sentry` | read | older names; its spans come by OTLP over a bridge alone |
| n8n 2.19 to 2.41 | `n8n`, `ai_sdk` | read | a node tells its last call's tokens; newer ones the model |
| Langflow | `langflow` | read | steps without tokens; its other tracers are dialects above |
| Mastra 1.71 | `mastra` | run | an inference is the call (for Arize a generation), its step has the input |
| LiteLLM 1.83 to 1.106 | `litellm`, `openinference` | run | callbacks of others have OpenInference's names |
| Strands 1.62 | `strands` | run | its default, and the newer conventions that a variable switches on |
| Laminar for JavaScript 0.8 | `openllmetry`, `ai_sdk` | run | nothing new; OpenAI's streams have no counts |
| AI SDK 4.3, 5.0, 6.0, 7.0 | `ai_sdk` | run | of objects no details of the input; 5: caches of streams |
| Genkit 1.42 (JavaScript) | `genkit` | run | Gemini's answers are candidates, streams are in pieces |
| Strands 1.19 (JavaScript) | `strands` | run | caches of Claude are beside its input and total |
| VoltAgent 2.10 | `voltagent` | run | one span for a run; of objects none |
| Agent Development Kit 2.0 (JavaScript) | `adk` | run | a stream that called a tool ends without content |
| OpenLLMetry 0.27 (JavaScript) | `openllmetry` | run | tokens of streams are its own guess |
| OpenLIT 1.15 (JavaScript) | `openlit` | run | nothing new |
| TanStack AI 0.58 | `tanstack` | run | a run sums up its calls; Claude's caches are beside the input |
| LiveKit Agents 1.8 | `livekit` | read | a span without an operation that names a model is around its calls |
| Pipecat 1.14 | `pipecat` | read | caches of Claude and of Bedrock are beside the input |
| Agent Development Kit 2.13 | `adk` | run | in events thoughts are words, a stream's calls are in pieces |
| Pydantic AI 2.68, its instrumentation 2 to 6 | `logfire` | run | nothing new |
| Langfuse 3.15, 4, 5.0 | `langfuse` | run | of 3 a priority call leaves nothing in the totals |
| OpenTelemetry's botocore 0.66 | `gen_ai` | run | caches are beside the input, of `invoke_model` nowhere |
| OpenInference's OpenAI 0.1.66 | `openinference` | run | sounds are told by the class of the answer |
| LangChain 1.7 with Google, AWS, Mistral, Groq | all | run | of pictures the sum alone |
| LlamaIndex 0.14 under OpenInference | `openinference` | run | Gemini's thoughts in the total |
| Agno 3.1 under OpenInference | `openinference` | run | Gemini's thoughts nowhere |
| CrewAI 1.15 with vendors' own clients | `openllmetry` | run | agents have no counts, only the crew |
| Claude Code 2.1 | `claude_code` | run | records where it writes no spans; words of answers come from them |
| Codex 0.169 | `codex` | run | records where it writes no spans, each answer a call |
| Gemini CLI 0.61 | `gemini_cli` | run | its spans have no tokens unless content is traced: records have |
| Qwen Code 0.15 to 0.24 | `qwen_code`, `gen_ai` | run | 0.15 has records alone, later ones spans |
| Cursor's export of a team's usage | `cursor` | read | its documentation: records, own names of models |
| Cline's SDK 0.0.86 | `cline` | run | records alone, each request of the main agent a call |
| Dash0's plugin for coding agents | `dash0` | read | a turn is a sum, an agent's tokens are beside it |
| OpenLIT's command line | `openlit_cli` | read | caches have names of its own, a session is a sum |
| NVIDIA's NeMo Agent Toolkit 1.9 | `nat` | run | caches are in LangChain's message, of streams nowhere |
| AG2 1.2 | `gen_ai` | run | the usage of a call is a span as well; Claude's caches are beside |
| CrewAI's own traces 1.15 | `gen_ai` | read | to its platform alone; no input of Gemini's |
| Dapr Agents 1.0 | `gen_ai` | read | OpenInference's names beside the conventions'; nothing new |
| OpenTelemetry's OpenAI for Java, also Elastic's | `gen_ai` | read | nothing new |
| OpenClaw 2026.9 | `openclaw` | read | a run's sum is beside its calls, or alone |
| Effect's AI 0.37 | `gen_ai` | read | nothing new: no caches, no thoughts of Gemini's |
| Cloudflare's Agents 0.32 | `gen_ai` | read | a name of its own for why an answer ended |
| Axiom's SDK 0.52 | `gen_ai` | read | older names of messages and tools; no caches |
| Flue 2.1 | `gen_ai` | read | nothing new; an agent's sum is on the agent |
| Flowise 3.1 | `openinference` | read | input and output alone: no caches |
| PostHog's AI 8.13, Inngest 4.24 | – | read | they pass on the spans of others, or read them |
| Restate 1.17 (JavaScript) | – | read | attempts and steps; no span is about a model |
| New Relic's agent 14.1 (Python) | – | read | nothing by OTLP |
| Copilot's command line 1.0, its app | `gen_ai` | read | nothing new; an agent's sum is on the agent |
| Microsoft's Agent Framework 1.23 (Python) | `gen_ai` | run | the answer before is told as the conversation |
| Datadog's tracer 4.16 (Python) by OTLP | `datadog` | run | content is packed; the answering model is told |
| Letta's server 0.16 | `letta` | read | calls are events of a method's span; streams tell none |
| Semantic Kernel for Python | `gen_ai` | run | nothing new: content in log events, no caches |
| Elastic's OpenAI 1.2 (Python), and its JavaScript | `gen_ai` | run | nothing new: no caches |
| Temporal's plugin for OpenAI's agents 1.1 | `openinference` | read | OpenInference's spans |
| Kong's AI gateway 3.14 | `gen_ai` | read | its documentation: `kong.gen_ai` has the conventions' names |
| agentgateway | `gen_ai` | read | nothing new; of older versions no caches |
| Open WebUI | – | read | requests and databases; no span is about a model |
| vLLM, its newest engine | `gen_ai` | read | no operation, no model; requests for vectors too |
| SGLang 0.5 | `gen_ai` | read | no operation; caches and model are told |
| Ray Serve 2.60, BentoML 1.4 | – | read | requests; no span is about a model |
| Llama Stack 0.7, Camel 0.2 | – | read | guards alone; decorators of Langfuse's |
| OpenRouter's broadcast | `gen_ai` | read | recorded deliveries: the maker of a model stands for the seller |
| Portkey's gateway | `gen_ai` | read | names of a response for tokens; no caches |
| Bifrost 1.6, 2.0 | `gen_ai` | read | a request repeats its call, hooks of plugins are between the two |
| Higress | `gen_ai` | read | nothing new: no caches |
| goose | `gen_ai` | read | nothing new: the conventions, with caches |
| opentelemetry-hooks | `gen_ai` | read | each event of a coding agent calls itself a chat |
| LangChain for Elixir 0.8 | `gen_ai` | read | caches of Claude are beside the input |
| Traceloop's gateway | `openllmetry` | read | flattened messages; embedded texts under `llm.prompt` |
| Microsoft.Extensions.AI | `gen_ai` | read | the conventions of 1.41, tools of the server as parts |
| OpenInference's Claude Agent SDK 0.3 (JavaScript) | `openinference` | run | of a run no caches, no calls |
| OpenInference's BeeAI 1.5 (JavaScript) | `openinference` | run | start, end and success are spans |
| LangGraph 1.7 (JavaScript) under OpenInference | `openinference` | run | nothing new |
| LangGraph 1.7 (JavaScript) under OpenLLMetry | `openllmetry` | run | each step is a trace; no caches |
| LlamaIndex 0.12 (JavaScript) under OpenLLMetry | `openllmetry` | run | no caches, streams have no counts |
| OpenInference's MCP 0.2 (JavaScript) | – | read | it passes the trace on; no span |
| LangChain4j's observations | `gen_ai`, `spring_ai` | read | counts have no prefix |
| Quarkus' LangChain4j | `gen_ai` | read | nothing new: no caches |
| Koog, its newest | `gen_ai` | read | nothing new: no caches, no reasons |
| OpenLIT for Go | `openlit` | read | tools are beside the words of an answer |
| LangWatch for Go | `langwatch` | read | nothing new |
| Langfuse for Ruby | `langfuse` | read | nothing new |
| OpenTelemetry's OpenAI for PHP | `openai_php` | read | names of its own, no words, streams have no counts |
| TensorZero 2026.6 | `gen_ai`, `openinference` | read | caches under OpenInference's names alone |

A span that none of them knows is stored as operation `other` with all of its attributes. For every dialect:

- Attributes that no column holds are kept in `attributes` under their own names, a resource's in `resource`.
- Events become part of their span (`events`), GenAI events its messages; links are kept in `links`.
- Images and sound inside messages are replaced by their type, size and SHA-256.
- Tokens are put into disjoint buckets by the dialect's own rule about caches ([the ledger](ledger.md)).
- A span that only repeats what its children report is stored and not billed.
- An error of ours costs the interpretation, not the span: it is stored as dialect `unreadable`.

What each of them has that is special is in [the collector](../collector.md#from-attributes-to-the-row).
"""
DAYS, PEAK = 30, 4
CAPACITY = """# Capacity

Computed by `make docs` from `benches/results/footprint.json`, which `benches/footprint.py` writes: run
`{command}` on the machine in question, and this page is about that machine.

| measured {measured}, revision {revision} | |
|---|---|
| machine | {machine}, load average {load average} during the run |
| load | {spans:,} spans of agents, retrievals and calls, {raw_bytes_per_span:,} bytes of OTLP a span |
| CPU of the collector, ClickHouse included | {cpu_ms_per_1000_spans} ms a 1,000 spans |
| on disk in `spans`, indices included | {span_bytes_on_disk:,} bytes a span |
| on disk in traces and rollups | {rollup_bytes_on_disk:,} bytes a span |

{caution}Bytes on disk fall as parts are merged. Longer prompts cost proportionally more: scale by the size of
your own spans.

## What a load needs

Spans and rollups kept for 30 days each, on one replica. *Peak* is four times the mean. Leave a third of
the disk free for merges.
"""
BUSY = """**The machine was busy with other work during this run**: the bytes hold, the CPU time is too high.
Run it again on a quiet machine.

"""
CAPACITY_END = """
How to read it: where *cores, peak* is below one, one embedded collector is enough. A collector uses up to two
cores (receiving and writing); beyond that run several behind a load balancer against a ClickHouse server, and
beyond a few TB of `spans` give them a [cluster](cluster.md): divide disk by the number of shards and multiply
it by the number of replicas. Figures beyond one machine are arithmetic from this measurement, not measured.
"""


def configuration_page() -> str:
    """Return docs/collector/configuration.md."""
    return "\n".join([CONFIGURATION, *_rows(CollectorSettings)]) + "\n"


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [HEAD]
    for title, model in SECTIONS:
        parts += [f"\n## {title}\n", "| variable | default | meaning |", "|---|---|---|", *_rows(model)]
    return "\n".join(parts) + "\n"


def _rows(model: Any) -> list[str]:
    prefix = model.model_config.get("env_prefix", "KANSOKU_")
    return [
        f"| `{_variable(prefix, name, field)}` | {_default(field.default)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]


def _variable(prefix: str, name: str, field: Any) -> str:
    """Return the name of the environment variable that sets `field`."""
    alias = field.validation_alias
    choices = alias.choices if hasattr(alias, "choices") else [alias]
    return next((c for c in choices if str(c).startswith(prefix)), f"{prefix}{name}".upper())


def _default(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, tuple | list):  # as the environment has it, not as Python does
        value = ",".join(str(item) for item in value)
    if value is None or value in ("", {}):
        return "–"
    if isinstance(value, bool):
        value = str(value).lower()
    text = str(value).replace(str(Path.home()), "~")
    return f"`{text}`"


def dialects_page() -> str:
    """Return docs/collector/dialects.md: the modules in the order in which they are asked."""
    lines = [DIALECTS, "| module | reads | is asked whether |", "|---|---|---|"]
    for speaks, _ in choice._DIALECTS:
        module = inspect.getmodule(speaks)
        name = module.__name__.rpartition(".")[2] if module else ""
        lines.append(
            f"| `{name}` | {_sentence(module)} | {_sentence(speaks).removeprefix('Tell whether ')} |"
        )
    return "\n".join([*lines, DIALECTS_END])


def _sentence(thing: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("|", "\\|")


def capacity_page() -> str:
    """Return docs/collector/capacity.md, computed from what benches/footprint.py measured."""
    found = json.loads((HERE.parent / "benches" / "results" / "footprint.json").read_text(encoding="utf-8"))
    busy = found["load average"] > int(found["machine"].split()[0])
    lines = [CAPACITY.format(**found, caution=BUSY if busy else "")]
    lines += [
        "| spans a day | a second, mean | cores, mean | cores, peak | spans on disk | rollups on disk |"
    ]
    lines += ["|---:|---:|---:|---:|---:|---:|"]
    for daily in (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000):
        cores = daily / 86_400 * found["cpu_ms_per_1000_spans"] / 1e6
        cells = [
            f"{daily:,}",
            f"{daily / 86_400:,.0f}",
            f"{cores:,.2f}",
            f"{cores * PEAK:,.2f}",
            _bytes(daily * DAYS * found["span_bytes_on_disk"]),
            _bytes(daily * DAYS * found["rollup_bytes_on_disk"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, CAPACITY_END])


def _bytes(number: float) -> str:
    for unit in ("MB", "GB", "TB"):
        number /= 1000 if unit != "MB" else 1e6
        if number < 1000:
            break
    return f"{number:,.1f} {unit}"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "collector/configuration.md": configuration_page,
    "collector/dialects.md": dialects_page,
    "collector/capacity.md": capacity_page,
}


def main() -> int:
    """Write the pages, or with --check compare them; return the exit code."""
    stale = 0
    for name, write in PAGES.items():
        page, text = HERE / name, write()
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            print(f"{name} is out of date: run `make docs`")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
