"""Streams and what is known of them by the hour: the input of the detector, and its memory."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["level", "share", "count"]
Floats = NDArray[np.float64]
HOURS_OF_WEEK = 168


@dataclass(frozen=True, slots=True)
class Series:
    """A number that is watched; several series may speak for one signal.

    A *level* is a mean (of logarithms, of scores), a *share* the mean of zeros and ones. A *count* is a
    number of rare events among records, some three an hour or fewer: their mean is not close to normal.
    """

    signal: str
    name: str
    kind: Kind = "level"


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the records of one hour: of weights, of squared weights, of weight times value.

    Without weights `weight` and `square` are the number of records.
    """

    weight: float = 0.0
    square: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Hour:
    """What is known of one hour, or of its part until now.

    Its index counts hours of the project's own clock (standard time), so that days and weekends are its own.
    `vectors` holds the weighted mean vector of a text signal and the sums of its weights; `values` the
    number of records by value of a categorical signal.
    """

    index: int  # hours since 1970-01-01T00:00
    sums: Mapping[Series, Sums]
    vectors: Mapping[str, tuple[Sequence[float] | NDArray[Any], Sums]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class History:
    """Effective number of records and mean of every series, by hour, over the weeks that are kept.

    Kept in single precision, so that memory and what is stored of it are the same to the last bit.
    """

    def __init__(self, rows: int) -> None:
        self.origin = 0
        self.n = np.zeros((rows, 0), np.float32)
        self.x = np.zeros((rows, 0), np.float32)

    @property
    def end(self) -> int:
        """The hour after the last one."""
        return self.origin + self.n.shape[1]

    def append(self, index: int, n: Floats, x: Floats, keep: int) -> bool:
        """Add an hour, empty ones before it where some are missing; tell whether a week was dropped."""
        if self.n.shape[1] == 0:
            self.origin = index
        gap = index - self.end
        self.n = np.hstack([self.n, np.zeros((len(n), gap), np.float32), n[:, None].astype(np.float32)])
        self.x = np.hstack([self.x, np.zeros((len(x), gap), np.float32), x[:, None].astype(np.float32)])
        drop = 0
        while self.n.shape[1] - drop > keep:
            drop += HOURS_OF_WEEK
        self.n, self.x, self.origin = self.n[:, drop:], self.x[:, drop:], self.origin + drop
        return drop > 0

    def state(self) -> dict[str, Any]:
        """Return what is needed to restore it, as JSON."""
        return {"origin": self.origin, "n": pack(self.n), "x": pack(self.x)}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "History":
        """Return the history that `state` was taken from."""
        n, x = unpack(state["n"]), unpack(state["x"])
        history = cls(len(n))
        history.origin, history.n, history.x = int(state["origin"]), n, x
        return history


def effective(sums: Sums) -> tuple[float, float]:
    """Return how many equally weighted records the sums are worth, and their mean."""
    if sums.weight <= 0 or sums.square <= 0:
        return 0.0, 0.0
    return sums.weight**2 / sums.square, sums.total / sums.weight


def pack(values: NDArray[Any]) -> dict[str, Any]:
    """Write an array of numbers as JSON, to the last bit."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    data = b64encode(zlib.compress(little.tobytes())).decode("ascii")
    return {"type": little.dtype.str, "shape": list(values.shape), "data": data}


def unpack(state: Mapping[str, Any]) -> NDArray[Any]:
    """Read an array that `pack` has written."""
    raw = zlib.decompress(b64decode(state["data"]))
    return np.frombuffer(raw, np.dtype(state["type"])).reshape(state["shape"]).copy()


def check(series: Sequence[Series]) -> None:
    """Refuse a list of series in which one is named twice."""
    if len(set(series)) != len(series):
        twice = next(one for one in series if list(series).count(one) > 1)
        raise ValueError(f"series {twice.signal}/{twice.name} is listed twice (expected each once)")
