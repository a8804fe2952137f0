"""Topics of texts without a model: groups of hashed n-gram vectors around centroids."""

import numpy as np
from numpy.typing import NDArray

ROUNDS = 25


def centroids(vectors: NDArray[np.float32], count: int = 12, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors around which a sample of unit vectors gathers (spherical k-means)."""
    if len(vectors) == 0:
        raise ValueError("no vectors to learn topics from (expected some thousands of the reference weeks)")
    chance = np.random.default_rng(seed)
    centres = vectors[chance.choice(len(vectors), count, replace=len(vectors) < count)].astype(np.float32)
    before = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        nearest = (vectors @ centres.T).argmax(1)
        if np.array_equal(nearest, before):
            break  # from here on every round would give these centres again
        before = nearest
        sums = np.stack([vectors[nearest == topic].sum(0) for topic in range(count)])
        empty = ~np.isin(np.arange(count), nearest)
        sums[empty] = vectors[chance.integers(len(vectors), size=int(empty.sum()))]
        centres = sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9)
    return centres


def assign(
    vectors: NDArray[np.float32], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the topic of each vector, and its distance from the topic's centre."""
    likeness = vectors @ centres.T
    return likeness.argmax(1), 1 - likeness.max(1)
