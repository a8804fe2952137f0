"""Alert rules and the detector, on a clock: what opens an incident, what ends it, and who is told."""
