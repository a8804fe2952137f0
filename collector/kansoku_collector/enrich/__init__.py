"""What is added to a row: its cost, and the signals that drift is read from."""
