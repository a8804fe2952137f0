"""From finished spans to the collector: queued, masked, encoded, sent, and kept on disk while it is away."""
