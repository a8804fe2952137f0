"""The metrics that an alert rule may watch: what each means, and which sums of the rollups make it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["sum", "mean", "share", "quantile", "votes", "silence"]
Unit = Literal["usd", "seconds", "share", "count"]

_TOKENS = (
    "input_fresh + cache_read + cache_write_5m + cache_write_1h + output_visible + reasoning"
    " + audio_in + audio_out + image"
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `top` (or the digest of a quantile) and `samples` are columns of the rollups."""

    name: str
    kind: Kind
    unit: Unit
    top: str
    samples: str
    noun: str  # what a sample is, in the plural
    noun_ja: str
    label: str
    label_ja: str
    meaning: str
    level: float = 0.0  # of a quantile
    floor: int = 0  # samples needed unless a rule says otherwise

    @property
    def of_requests(self) -> bool:
        """Tell whether a sample is a request: those have no model and no provider."""
        return self.samples == "roots"

    @property
    def has_interval(self) -> bool:
        """Tell whether a measure of it carries a 95 % interval."""
        return self.kind in {"share", "votes", "quantile"}


def _quantiles(
    prefix: str, column: str, samples: str, nouns: tuple[str, str], what: tuple[str, str]
) -> list[Metric]:
    return [
        Metric(
            f"{prefix}_p{round(level * 100)}", "quantile", "seconds", column, samples, *nouns,
            f"{what[0]} p{round(level * 100)}", f"{what[1]} p{round(level * 100)}",
            f"{round(level * 100)} of 100 {nouns[0]} are faster.", level=level, floor=20,
        )
        for level in (0.5, 0.95, 0.99)
    ]  # fmt: skip


_REQUESTS = ("requests", "リクエスト")
_CALLS = ("calls", "呼び出し")
_ANSWERS = ("answers", "回答")
_VOTES = ("votes", "評価")

_ALL = [
    Metric("cost_usd", "sum", "usd", "cost_usd", "calls", *_CALLS, "Cost", "コスト",
           "Money spent on model calls. With unpriced calls it is a lower bound."),
    Metric("cost_per_user", "sum", "usd", "cost_usd", "calls", *_CALLS, "Cost of a user",
           "利用者あたりのコスト",
           "Money spent on a user's calls, an incident for each; calls without a user count for none."),
    Metric("cost_per_request", "mean", "usd", "cost_usd", "roots", *_REQUESTS,
           "Cost per request", "リクエスト単価", "Cost divided by requests.", floor=20),
    Metric("cost_per_call", "mean", "usd", "cost_usd", "calls - unpriced_calls", *_CALLS,
           "Cost per call", "呼び出し単価", "Cost divided by the model calls that have a price.", floor=20),
    *_quantiles("latency", "root_seconds", "roots", _REQUESTS,
                ("Latency of requests", "リクエストの応答時間")),
    *_quantiles("call_latency", "call_seconds", "calls", _CALLS,
                ("Latency of calls", "呼び出しの応答時間")),
    Metric("first_token_p95", "quantile", "seconds", "first_token_seconds", "calls", *_CALLS,
           "Time to first token p95", "最初のトークンまでの時間 p95",
           "95 of 100 streamed calls have their first token sooner. Samples are all calls.",
           level=0.95, floor=20),
    Metric("error_rate", "share", "share", "root_errors", "roots", *_REQUESTS,
           "Error rate of requests", "リクエストのエラー率", "Requests that ended in an error.", floor=20),
    Metric("call_error_rate", "share", "share", "call_errors", "calls", *_CALLS,
           "Error rate of calls", "呼び出しのエラー率", "Model calls that ended in an error.", floor=20),
    Metric("like_rate", "votes", "share", "1", "votes", *_VOTES, "Like rate", "高評価率",
           "Likes among the votes given in the window; a person's last vote on a trace counts.", floor=8),
    Metric("dislike_rate", "votes", "share", "0", "votes", *_VOTES, "Dislike rate", "低評価率",
           "Dislikes among the votes given in the window.", floor=8),
    Metric("refusal_rate", "share", "share", "refusals", "answers", *_ANSWERS, "Refusal rate", "拒否率",
           "Answers in which the model declines.", floor=20),
    Metric("fallback_rate", "share", "share", "fallbacks", "answers", *_ANSWERS,
           "Fallback rate", "定型回答率", "Answers that are the application's fallback sentence.", floor=20),
    Metric("truncation_rate", "share", "share", "truncated", "calls - call_errors", *_CALLS,
           "Truncation rate", "打ち切り率", "Successful calls cut off at their token limit.", floor=20),
    Metric("requests", "sum", "count", "roots", "roots", *_REQUESTS, "Requests", "リクエスト数",
           "Spans without a parent."),
    Metric("calls", "sum", "count", "calls", "calls", *_CALLS, "Calls", "呼び出し数", "Billed model calls."),
    Metric("tokens", "sum", "count", _TOKENS, "calls", *_CALLS, "Tokens", "トークン数",
           "Tokens of billed model calls, every bucket."),
    Metric("unpriced_calls", "sum", "count", "unpriced_calls", "calls", *_CALLS,
           "Unpriced calls", "単価不明の呼び出し数", "Calls with usage for which no price is known."),
    Metric("no_data", "silence", "seconds", "time", "spans", "spans", "スパン", "Silence", "無通信",
           "Time since the last span, where one was seen in the last 7 days. The window is the limit."),
]  # fmt: skip

METRICS = {metric.name: metric for metric in _ALL}
