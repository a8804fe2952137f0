"""One call of a model, from its request to the end of its stream, whichever client makes it."""
