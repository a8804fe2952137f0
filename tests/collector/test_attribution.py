"""Attribution: the parts sum to the whole, and scripted incidents are blamed on what was done."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from collector.incident_rows import CURRENT, REFERENCE, Batch, Traffic, add
from hypothesis import given, settings
from hypothesis import strategies as st
from support import schemas

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read.attribution import BUCKETS, MEASURES, Cell, State
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.watch.attribution import Attribution, Cause, attribute, sentence
from kansoku_collector.watch.attribution.attribute import divide
from kansoku_collector.watch.attribution.chain import Group, split
from kansoku_collector.watch.attribution.question import Stretch

USUAL = Traffic()
TAXES = (("waste", 0.3), ("library", 0.2), ("tax", 0.5))


@dataclass(frozen=True)
class Incident:
    """What was done, the measure that moved, and the causes in the order of what they did."""

    name: str
    changes: dict[str, Any]
    measure: str
    causes: tuple[Cause, ...]
    silent: bool = False


INCIDENTS = (
    Incident("twice the traffic", {"per_hour": 48}, "cost", ("volume",)),
    Incident("more Japanese", {"japanese": 0.9}, "cost", ("language",)),
    Incident("longer questions", {"length": 30.0}, "cost", ("length",)),
    Incident("a new topic", {"topics": TAXES}, "cost", ("topic",)),
    Incident("a longer prompt", {"prompt": "v2", "prompt_tokens": 2400}, "cost", ("prompt",)),
    Incident("a release that answers at length", {"release": "1.1", "output": 1.6}, "cost", ("release",)),
    Incident("a dearer model", {"asked": "gpt-5"}, "cost", ("request_model",)),
    Incident("a silent change", {"fingerprint": "fp_2", "output": 1.5}, "cost", ("answered",), silent=True),
    Incident("a cold cache", {"cached": 0.0, "release": "1.1"}, "cost", ("cache",)),
    Incident("a price rise", {"dearer": 1.4, "release": "1.1"}, "cost", ("price",)),
    Incident(
        "a longer prompt, and more traffic",
        {"prompt": "v2", "prompt_tokens": 4000, "per_hour": 31},
        "cost",
        ("prompt", "volume"),
    ),
    Incident(
        "more traffic on a dearer price",
        {"per_hour": 48, "dearer": 1.3},
        "cost",
        ("volume", "price"),
    ),
    Incident("a slow vendor", {"fingerprint": "fp_2", "seconds": 1.8}, "latency", ("answered",), silent=True),
    Incident(
        "a worse vendor", {"fingerprint": "fp_2", "liked": 0.5}, "score:like", ("answered",), silent=True
    ),
)


@pytest.fixture(scope="module")
def history(engine_url: str) -> Iterator[Client]:
    """Return a database in which every incident is a project of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    client = connect(engine_url, database=name)
    schemas.create(client, engine_url)
    batches: list[Batch] = []
    for number, incident in enumerate(INCIDENTS):
        batches.append(Batch(REFERENCE, USUAL, number, incident.name))
        batches.append(Batch(CURRENT, USUAL.but(**incident.changes), 100 + number, incident.name))
    add(client, *batches)
    yield client
    client.command(f"DROP DATABASE {name}")
    client.close()


@cache
def explain(client: Client, project: str, measure: str, reference: Period = REFERENCE) -> Attribution:
    """Return the attribution that must exist; each is asked once."""
    found = attribute(client, Scope(project=project), measure, reference, CURRENT)
    assert found is not None
    return found


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_is_blamed_on_what_was_done(history: Client, incident: Incident) -> None:
    """The causes lead, in order, and the parts sum to the whole to the last digit."""
    found = explain(history, incident.name, incident.measure)
    assert tuple(part.cause for part in found.parts[: len(incident.causes)]) == incident.causes
    assert sum((part.amount for part in found.parts), Decimal(0)) == found.whole
    assert found.silent == incident.silent
    for text in sentence(found):
        assert "?" not in text


def test_cost_is_that_of_the_store_to_the_last_digit(history: Client) -> None:
    """Before and now are the sums of the stored costs, the reference scaled to the same length."""
    project = "a longer prompt"
    longer = Period(REFERENCE.start - timedelta(days=1), REFERENCE.end)  # the day before is empty
    sums = history.query(
        """SELECT sumIf(cost_usd, start < {cut:DateTime64(6, 'UTC')}),
            sumIf(cost_usd, start >= {cut:DateTime64(6, 'UTC')})
        FROM spans WHERE project = {project:String}""",
        parameters={"project": project, "cut": CURRENT.start},
    ).result_rows[0]
    found = explain(history, project, "cost")
    assert (found.before, found.now) == sums
    assert explain(history, project, "cost", longer).before == (sums[0] / 2).quantize(Decimal("1e-12"))


def test_the_first_trace_with_the_new_state_is_named(history: Client) -> None:
    """It is the first call of the new prompt, and the sentence tells it."""
    found = explain(history, "a longer prompt", "cost")
    first = found.top.first
    assert first is not None
    assert first.trace_id == f"{104:04x}{0:028x}"
    assert (found.top.before, found.top.after) == ("guide@v1", "guide@v2")
    english, japanese = sentence(found)
    assert first.trace_id in english
    assert "guide@v2 replaced guide@v1" in english
    assert "guide@v1 から guide@v2" in japanese


def test_a_change_of_the_model_is_not_silent_when_we_released_too(store: Client) -> None:
    """Another fingerprint together with a release of ours: the vendor alone is not to be blamed."""
    add(
        store,
        Batch(REFERENCE, USUAL, 1),
        Batch(CURRENT, USUAL.but(fingerprint="fp_2", output=1.5, release="1.1"), 2),
    )
    assert not explain(store, "default", "cost").silent


def test_two_changes_in_turn_are_told_apart(store: Client) -> None:
    """A prompt from the morning and a silent change from noon on: each has its own part."""
    noon = CURRENT.start + timedelta(hours=12)
    prompt = USUAL.but(prompt="v2", prompt_tokens=2400)
    add(
        store,
        Batch(REFERENCE, USUAL, 1),
        Batch(Period(CURRENT.start, noon), prompt, 2),
        Batch(Period(noon, CURRENT.end), prompt.but(fingerprint="fp_2", output=2.0), 3),
    )
    amounts = {part.cause: float(part.amount) for part in explain(store, "default", "cost").parts}
    calls = 576
    longer_prompt = calls * (900 * 0.25e-6 + 900 * 0.025e-6)
    answers = calls / 2 * 120 * 1.32 * 1.046 * 2e-6  # language mix, the mean of the lengths' distribution
    assert amounts["prompt"] + amounts["cache"] == pytest.approx(longer_prompt, rel=0.15)
    assert amounts["answered"] == pytest.approx(answers, rel=0.15)


def test_a_price_that_rises_at_noon_is_a_price(store: Client) -> None:
    """Half of the calls of now have the new price: half of its effect, and the first call with it."""
    noon = CURRENT.start + timedelta(hours=12)
    add(
        store,
        Batch(REFERENCE, USUAL, 1),
        Batch(Period(CURRENT.start, noon), USUAL, 2),
        Batch(Period(noon, CURRENT.end), USUAL.but(dearer=2.0), 3),
    )
    found = explain(store, "default", "cost")
    assert found.top.cause == "price"
    assert float(found.top.amount) == pytest.approx(float(found.before) / 2, rel=0.1)
    assert found.top.first is not None
    assert found.top.first.time == noon


def test_every_measure_can_be_asked_and_told(store: Client) -> None:
    """Whatever moved: the parts sum to it, and there is a sentence in both languages."""
    add(
        store,
        Batch(REFERENCE, USUAL.but(per_hour=3), 1),
        Batch(CURRENT, USUAL.but(per_hour=4, fingerprint="fp_2", seconds=2.0, output=1.3, liked=0.4), 2),
    )
    moved = set()
    for measure in (*MEASURES, "cost_per_call", "score:like"):
        if measure == "first_token":
            assert attribute(store, Scope(), measure, REFERENCE, CURRENT) is None  # nothing was streamed
            continue
        found = explain(store, "default", measure)
        assert sum((part.amount for part in found.parts), Decimal(0)) == found.whole, measure
        assert all(text.endswith((".", "。")) for text in sentence(found)), measure
        moved |= {measure} if found.whole else set()
    assert moved == {"cost", "cost_per_call", "latency", "slow_calls", "output_tokens", "score:like"}


def test_calls_without_a_price_are_left_out(store: Client) -> None:
    """An unpriced call has an unknown cost, which is no cost of zero."""
    add(store, Batch(REFERENCE, USUAL, 1), Batch(CURRENT, USUAL, 2))
    row = ["default", CURRENT.start, "f" * 32, "f" * 16, 1, "unpriced", "ok"]
    names = ["project", "start", "trace_id", "span_id", "billed", "cost_source", "status"]
    store.insert("spans", [row] * 700, column_names=names)
    assert next(p for p in explain(store, "default", "cost").parts if p.cause == "volume").amount == 0


def test_an_empty_stretch_has_no_attribution_and_a_wrong_measure_is_told(store: Client) -> None:
    """There is nothing to compare; and a measure that does not exist is named with those that do."""
    add(store, Batch(CURRENT, USUAL, 1))
    assert attribute(store, Scope(), "cost", REFERENCE, CURRENT) is None
    with pytest.raises(ValueError, match="known: cost, latency"):
        attribute(store, Scope(), "happiness", REFERENCE, CURRENT)


# ---- the arithmetic, on any calls

TOKENS = st.tuples(*[st.integers(0, 5000)] * len(BUCKETS))
CELLS = st.lists(
    st.builds(
        Cell,
        state=st.builds(State, *[st.sampled_from(["a", "b", "c"])] * 7),
        model=st.sampled_from(["m", "n"]),
        calls=st.integers(1, 500),
        total=st.decimals("0", "1000", places=12),
        usage=TOKENS,
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(CELLS, CELLS, st.fractions("1/30", 30), st.sampled_from(["cost", "cost_per_call", "latency"]))
def test_the_parts_of_any_move_sum_to_it_exactly(
    before: list[Cell], now: list[Cell], ratio: Fraction, measure: str
) -> None:
    """Whatever calls there were: every digit of the difference is in some part."""
    divided = divide(measure, Stretch(before), Stretch(now), {}, ratio)
    assert sum((amount for _, amount in divided.amounts), Decimal(0)) == divided.now - divided.before


@settings(deadline=None, max_examples=40)
@given(CELLS)
def test_nothing_is_blamed_when_nothing_moved(cells: list[Cell]) -> None:
    """The same calls twice: every part is zero to the last digit, however rare or dear single calls are."""
    divided = divide("cost", Stretch(cells), Stretch(cells), {})
    assert {amount for _, amount in divided.amounts} == {0}


def test_a_single_dear_call_that_stays_is_not_blamed() -> None:
    """One call of a kind costs a thousand times the others, before and now: too rare to predict, no move."""
    dear, usual = State("b", "1", "", "m", "p", "m", "1"), State("a", "1", "", "m", "p", "m", "1")
    nothing = tuple([0] * len(BUCKETS))
    cells = [Cell(dear, "m", 1, Decimal(1000), nothing), Cell(usual, "m", 500, Decimal(500), nothing)]
    divided = divide("cost", Stretch(cells), Stretch(cells), {})
    assert {amount for _, amount in divided.amounts} == {0}


@settings(deadline=None, max_examples=40)
@given(CELLS, st.integers(3, 6), st.integers(2, 9))
def test_one_new_value_takes_the_whole_move(cells: list[Cell], depth: int, times: int) -> None:
    """All calls get a value of one dimension that is new, and cost more: that dimension is all of it."""
    before = [Group(cell.state, cell.calls + 3, 1.0 + float(cell.total)) for cell in cells]
    name = State._fields[depth]
    now = [Group(state._replace(**{name: "new"}), calls, times * total) for state, calls, total in before]
    steps = {step.dimension: step.effect for step in split(before, now)}
    mean = sum(group.total for group in before) / sum(group.calls for group in before)
    assert steps.pop(name) == pytest.approx((times - 1) * mean)  # type: ignore[arg-type] - a dimension
    assert all(effect == pytest.approx(0, abs=1e-9 * times * mean) for effect in steps.values())


def test_the_order_of_calls_does_not_matter() -> None:
    """The same calls in another order have the same parts."""
    states = [State(a, "1", "", "m", b, "m", "1") for a in "xy" for b in "pq"]
    before = [Group(state, 10 + i, 5.0 * i + 1) for i, state in enumerate(states)]
    now = [Group(state, 30 - 5 * i, 3.0 * i + 2) for i, state in enumerate(states)]
    once = [step.effect for step in split(before, now)]
    assert [step.effect for step in split(before[::-1], now[::-1])] == pytest.approx(once)


def test_shares_that_moved_explain_all_when_means_did_not() -> None:
    """Dear and cheap languages cost what they did; only their shares moved: the rest is nothing."""
    dear, cheap = State("ja", "1", "", "m", "p", "m", "1"), State("en", "1", "", "m", "p", "m", "1")
    before = [Group(dear, 10, 40.0), Group(cheap, 90, 90.0)]
    now = [Group(dear, 50, 200.0), Group(cheap, 50, 50.0)]
    language, *others = split(before, now)
    assert language.effect == pytest.approx(2.5 - 1.3)
    assert language.by_value["ja"] > 0 > language.by_value["en"]
    assert all(step.effect == pytest.approx(0) for step in others)
