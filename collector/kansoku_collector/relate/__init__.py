"""Bill a call once, whoever describes it: what the rows of spans say of one another."""
