"""Where spend will end: pure calculations on daily sums, for the Cost page, the alerts and the benchmark."""
