"""Topics of inputs for one question: learnt from both stretches, applied inside ClickHouse."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kansoku_collector.store.read.attribution import HASHES
from kansoku_collector.watch.detect.topics import centroids

TOPICS = 12
LEAST = 200  # sampled inputs, below which topics would be chance


def topic_weights(samples: Sequence[Sequence[int]]) -> list[list[float]]:
    """Return what each hashed n-gram says for each topic; [] where there are too few inputs.

    N-grams that every input has count little, as they tell no topic.
    """
    if len(samples) < LEAST:
        return []
    counts = np.zeros((len(samples), HASHES))
    for place, hashes in enumerate(samples):
        counts[place] = np.bincount(np.array(hashes, dtype=np.int64) - 1, minlength=HASHES)[:HASHES]
    rarity = np.log(len(samples) / (1 + (counts > 0).sum(0))).clip(0)
    vectors: NDArray[np.float32] = (counts * rarity).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    filled = lengths[:, 0] > 0
    if int(filled.sum()) < LEAST:
        return []
    centres = centroids(vectors[filled] / lengths[filled], TOPICS)
    return [[round(float(weight), 5) for weight in row] for row in centres * rarity]
