"""Shares on the scale of their logarithmic odds, on which they move as much up as down.

The mean of zeros and ones is skewed where it is far from a half, and it moves more where it is larger. The
signed root of its deviance from what is usual is close to normal, and divided by the binomial deviation it
is a difference of logarithmic odds, with a weight that counts records by what they can tell.
"""

import numpy as np

from kansoku_collector.watch.detect.series import Floats

LEAST = 1e-4
BIAS = 0.3  # the largest correction of a root's mean: below one expected event it is no longer exact


def odds(x: Floats, n: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Return how far shares are from the usual in logarithmic odds, and the weight of that figure."""
    p = np.clip(usual, LEAST, 1 - LEAST)
    share = np.clip(x, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = np.where(share > 0, share * np.log(share / p), 0.0)
        deviance += np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - p)), 0.0)
    weight = n * p * (1 - p)
    root = np.sign(share - p) * np.sqrt(2 * n * np.maximum(deviance, 0.0))
    safe = np.sqrt(np.maximum(weight, 1e-12))
    root = root + np.clip((1 - 2 * p) / (6 * safe), -BIAS, BIAS)
    return np.where(n > 0, root / safe, 0.0), weight


def moved(share: float, by: float) -> float:
    """Return a share whose logarithmic odds moved."""
    p = min(max(share, LEAST), 1 - LEAST)
    return float(1 / (1 + (1 - p) / p * np.exp(-by)))
