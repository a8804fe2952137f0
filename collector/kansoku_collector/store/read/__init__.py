"""The questions that dashboards and alerts ask: a client and bound parameters in, typed rows out."""
