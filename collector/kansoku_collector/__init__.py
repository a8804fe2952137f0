"""The collector: receive, journal, decode, normalise, price, write, watch."""
