"""The questions that dashboards and alerts ask, one function each: a client and bound parameters in, typed rows out."""
