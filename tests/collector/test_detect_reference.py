"""What a text is compared with: a reference that a small change does not enter before it is found."""

import json
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from kansoku_collector.watch.detect import Detector, Hour, Plan, Sums
from kansoku_collector.watch.detect.detector import KEEP
from kansoku_collector.watch.detect.direction import Direction
from kansoku_collector.watch.detect.series import Floats

PLAN = Plan((), vectors=("text",))
DAY = 24
NOISE = 0.012  # standard deviation of an hour in each of 64 dimensions


def vectors(days: int, since: int, size: float, seed: int) -> Iterator[Floats]:
    """Yield the mean vectors of hours, moved by `size` in one direction from a day on."""
    chance = np.random.default_rng(seed)
    centre, way = chance.normal(0, 0.06, 64), chance.normal(0, 1, 64)
    way *= size / np.linalg.norm(way)
    for hour in range(days * DAY):
        yield centre + way * (hour >= since * DAY) + chance.normal(0, NOISE, 64)


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_a_change_of_less_than_half_a_deviation_is_found_within_two_weeks(seed: int) -> None:
    """Were its hours taken into the reference every three days, one of these four would never be found."""
    detector, found = Detector(PLAN), []
    for hour, mean in enumerate(vectors(42, 28, 0.005, seed)):
        found += detector.observe(Hour(hour, {}, {"text": (mean, Sums(100.0, 100.0))}))
    assert [one.signal for one in found if one.seen >= 28 * DAY]


def fed(direction: Direction, hours: Iterator[Floats], first: int) -> Direction:
    """Give hours that are over to a direction, from the hour `first` on."""
    for hour, mean in enumerate(hours, first):
        direction.close(hour, mean, 100.0, KEEP)
    return direction


def alarmed(hours: Iterator[Floats]) -> Direction:
    """Return a direction that was told a change of the 20th day, half a day after its beginning."""
    direction = fed(Direction(), islice(hours, 18 * DAY), 0)
    direction.learn()
    fed(direction, islice(hours, int(2.5 * DAY)), 18 * DAY)
    direction.restart(20 * DAY)
    return direction


def test_the_reference_of_before_a_change_that_was_none_is_taken_back() -> None:
    """Another series of the signal alarmed, these vectors never moved: nothing of their weeks is lost."""
    hours = vectors(24, 99, 0.0, seed=6)
    direction = alarmed(hours)
    assert direction.base == 20 * DAY
    fed(direction, hours, int(20.5 * DAY))
    assert direction.base == 0


def test_a_change_that_lasts_is_the_new_reference() -> None:
    """Asked every day for twelve days, with texts that moved by a deviation and a half."""
    hours = vectors(36, 20, 0.02, seed=6)
    assert fed(alarmed(hours), hours, int(20.5 * DAY)).base == 20 * DAY


def test_the_reference_of_before_survives_a_restart() -> None:
    """It is taken back all the same, and every bet after it is the same to the last bit."""
    hours = list(vectors(24, 99, 0.0, seed=6))
    through = alarmed(iter(hours))
    stopped = Direction.restore(json.loads(json.dumps(through.state())))
    for one in (through, stopped):
        fed(one, iter(hours[int(20.5 * DAY) :]), int(20.5 * DAY))
    assert through.base == 0
    assert json.dumps(stopped.state()) == json.dumps(through.state())
