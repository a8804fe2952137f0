"""Why a figure moved between two stretches of time: the move split into causes that sum to the whole."""

from kansoku_collector.watch.attribution.attribute import attribute
from kansoku_collector.watch.attribution.model import Attribution, Cause, Part
from kansoku_collector.watch.attribution.sentences import sentence

__all__ = ["Attribution", "Cause", "Part", "attribute", "sentence"]
