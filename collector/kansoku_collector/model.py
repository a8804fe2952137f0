"""The shapes that every stage of the collector speaks: what arrived, and the one canonical row."""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, NamedTuple

Attributes = dict[str, Any]


class Event(NamedTuple):
    """A timed event of a span; `time_ns` is nanoseconds since the epoch."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(slots=True)
class RawSpan:
    """A span as OTLP carried it: ids in lower-case hex, attributes as Python values, nothing interpreted."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    start_ns: int
    end_ns: int
    status_code: int  # 0 unset, 1 ok, 2 error
    status_message: str
    attributes: Attributes
    events: list[Event]
    links: list[Attributes]
    resource: Attributes
    scope_name: str
    scope_version: str


@dataclass(slots=True)
class Span:
    """One row of `spans`; the field names are the column names, in the order of the migrations.

    Money is exact (`Decimal`, USD); token buckets are disjoint; JSON columns hold the GenAI message shape.
    """

    project: str = "default"
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    service: str = ""
    environment: str = ""
    release: str = ""
    start: int = 0  # ns since the epoch
    duration_ns: int = 0

    # chat, text_completion, generate_content, embeddings, image, rerank, retrieval, execute_tool,
    # invoke_agent,
    # chain, guardrail, evaluation, other
    operation: str = "other"
    dialect: str = ""
    scope_name: str = ""
    scope_version: str = ""

    provider: str = ""
    request_model: str = ""
    response_model: str = ""
    response_id: str = ""
    system_fingerprint: str = ""
    parameters: dict[str, str] = field(default_factory=dict)  # name -> JSON text
    streaming: bool = False
    time_to_first_token: float | None = None  # seconds
    finish_reasons: list[str] = field(
        default_factory=list
    )  # stop, length, tool_calls, content_filter, or the vendor's

    system_instructions: str = ""  # JSON [{type, content}] or ""
    input_messages: str = ""  # JSON [{role, parts: [...]}]
    output_messages: str = ""  # JSON, the same with finish_reason
    tool_definitions: str = ""  # JSON
    input_text: str = ""  # NFKC, for search: the last user text, the query, the arguments
    output_text: str = ""  # NFKC, for search

    usage_source: str = "none"  # reported, estimated, none: "none" is unknown, never zero
    input_fresh: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output_visible: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image: int = 0

    cost_usd: Decimal = Decimal(0)
    cost_input_usd: Decimal = Decimal(0)
    # computed, estimated (from guessed usage), reported, unpriced; "" where there is nothing to price
    cost_source: str = ""
    price_id: str = ""
    billed: bool = (
        False  # a model call that counts once in the ledger; False for containers and everything else
    )

    session_id: str = ""
    user_id: str = ""
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    prompt_name: str = ""
    prompt_version: str = ""
    experiment: str = ""

    tool_name: str = ""
    tool_call_id: str = ""
    tool_arguments: str = ""
    tool_result: str = ""
    retrieval_query: str = ""
    documents: str = ""  # JSON [{id, score, content}]

    status: str = "unset"  # unset, ok, error
    error_type: str = ""
    error_message: str = ""

    refusal: bool = False
    fallback: bool = False
    language: str = ""  # ja, en, zh, ko, other of the input; "" when unknown
    input_chars: int = 0
    output_chars: int = 0
    top_score: float | None = None  # best document of a retrieval

    attributes: dict[str, str] = field(default_factory=dict)  # what no column holds, as text or JSON
    resource: dict[str, str] = field(default_factory=dict)
    events: str = ""  # JSON [{name, time_ns, attributes}]
    links: str = ""  # JSON
    received: int = 0  # ms since the epoch, the collector's clock
    weight: float = 1.0  # how many spans this one of a sampled trace stands for
    reported_usd: Decimal | None = None  # what the vendor or the client says it cost, beside `cost_usd`
    json_valid: bool | None = None  # whether an answer is JSON; None where JSON was not asked for
    repetition: float | None = None  # how much of a long answer was said before in it, 0 to 1
    score_gap: float | None = None  # how far the second document's score is behind the best
    sent_chars: int = 0  # of a billed call: instructions, messages and tools, as they are stored

    @property
    def model(self) -> str:
        """The model that answered, else the one that was asked."""
        return self.response_model or self.request_model


@dataclass(slots=True)
class Feedback:
    """One row of `feedback`: a like, a score, a comment or a correction for a trace, a span or a session."""

    project: str = "default"
    time: int = 0  # ms since the epoch: when the person gave it
    feedback_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    session_id: str = ""
    name: str = "like"  # "like" has value 1 or 0; any other name is a score
    source: str = "user"  # user, reviewer, evaluator
    value: float | None = None
    label: str = ""
    comment: str = ""
    correction: str = ""
    user_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    received: int = 0  # ms since the epoch


@dataclass(slots=True)
class MetricPoint:
    """One row of `metric_points`: a number, or a histogram in explicit buckets."""

    project: str = "default"
    name: str = ""
    unit: str = ""
    kind: str = ""  # gauge, sum, histogram, exponential_histogram
    temporality: str = ""  # delta, cumulative, "" of a gauge
    monotonic: bool = False
    series: int = 0  # the same for the same metric, attributes and resource
    start: int = 0  # ns since the epoch, 0 when unknown
    time: int = 0  # ns since the epoch
    service: str = ""
    environment: str = ""
    release: str = ""
    operation: str = ""
    provider: str = ""
    model: str = ""
    token_type: str = ""
    error_type: str = ""
    value: float = 0.0  # of a histogram its sum
    count: int = 0
    minimum: float | None = None
    maximum: float | None = None
    bounds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)  # one more than the bounds
    attributes: dict[str, str] = field(default_factory=dict)
    resource: dict[str, str] = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""
    received: int = 0  # ms since the epoch


@dataclass(slots=True)
class Tally:
    """One row of `receipts`: what became of spans of a process, as far as one segment tells."""

    project: str = "default"
    process: str = ""  # the SDK's random id of a process; "" for senders that state none
    service: str = ""
    told: tuple[int, int, int] = (0, 0, 0)  # started, given up, sent: by the SDK's own count, the latest
    given_up: dict[str, int] = field(default_factory=dict)  # by the SDK, by reason
    received: int = 0
    stored: int = 0
    repeated: int = 0  # stored before: not stored again
    dropped: dict[str, int] = field(default_factory=dict)  # by the collector, by reason
    first_seen: int = 0  # ms since the epoch
    last_seen: int = 0

    def take(self, service: str, started: int, sent: int, given_up: dict[str, int]) -> None:
        """Take in what the process says; its latest word counts."""
        self.service = self.service or service
        self.told = max(self.told, (started, sum(given_up.values()), sent))
        for reason, spans in given_up.items():
            self.given_up[reason] = max(spans, self.given_up.get(reason, 0))


SPAN_COLUMNS = tuple(f.name for f in fields(Span))
FEEDBACK_COLUMNS = tuple(f.name for f in fields(Feedback))
METRIC_COLUMNS = tuple(f.name for f in fields(MetricPoint))
TALLY_COLUMNS = tuple(f.name for f in fields(Tally))
