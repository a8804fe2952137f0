"""What Anthropic bills of an answer besides its counts, and which refusals it does not bill.

A model that declines before it says anything is paid for some reasons alone; one that declines later is paid
for what it read and said (platform.claude.com, "How refusals are billed" and "Billing and rate limits").
"""

from collections.abc import Iterable
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Beside
from kansoku.instruments import anthropic_shape as blocks
from kansoku.instruments.openai_shape import get, listed

# Reasons of refusals that are paid for, also where nothing was said.
_PAID = frozenset({"bio", "frontier_llm", "reasoning_extraction"})
_APART = {"compaction": semconv.COMPACTION_USAGE, "advisor_message": semconv.ADVISOR_USAGE}


def add_billed(answer: Answer, response: Any) -> None:
    """Add the rounds that the counts of an answer leave out, and whether those counts are billed."""
    if get(response, "stop_reason") == "refusal" and answer.usage is not None:
        reason = get(get(response, "stop_details"), "category")
        if not answer.usage.output_tokens and reason not in _PAID:
            answer.attributes[semconv.USAGE_UNBILLED] = True
    rounds = listed(get(response, "usage"), "iterations")
    if not rounds:
        return
    apart: dict[str, list[Beside]] = {}
    for each in rounds:
        prefix, model = _APART.get(str(get(each, "type"))), get(each, "model")
        if prefix and (usage := blocks.read_usage(each)) is not None:
            apart.setdefault(prefix, []).append(Beside(model if isinstance(model, str) else "", usage))
    answer.beside = [each for found in apart.values() for each in found]
    if declined := _declined(rounds):
        apart[semconv.DECLINED_USAGE] = [each for found in declined.values() for each in found]
        answer.beside += _paid(declined, listed(response, "content"))
    for prefix, found in apart.items():
        answer.attributes[f"{prefix}input_tokens"] = sum(each.usage.input_tokens for each in found)
        answer.attributes[f"{prefix}output_tokens"] = sum(each.usage.output_tokens for each in found)


def _declined(rounds: list[Any]) -> dict[str, list[Beside]]:
    """Return what the models used that left the answer to another, in the order in which they did."""
    served = next((get(r, "model") for r in rounds if get(r, "type") == "fallback_message"), None)
    found: dict[str, list[Beside]] = {}
    for each in rounds if served else ():
        model, usage = get(each, "model"), blocks.read_usage(each)
        # Of a round of an answer that nobody declined no model is named.
        if (
            get(each, "type") == "message"
            and isinstance(model, str)
            and model != served
            and usage is not None
        ):
            found.setdefault(model, []).append(Beside(model, usage))
    return found


def _paid(declined: dict[str, list[Beside]], content: Iterable[Any]) -> list[Beside]:
    """Return what is billed of them: of those that said something all, of others by the reason they gave."""
    hops = [get(get(block, "trigger"), "category") for block in content if get(block, "type") == "fallback"]
    hops += [None] * len(declined)
    return [
        each
        for rounds, reason in zip(declined.values(), hops, strict=False)
        if reason in _PAID or any(each.usage.output_tokens for each in rounds)
        for each in rounds
    ]
