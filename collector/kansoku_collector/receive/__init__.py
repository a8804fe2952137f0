"""From the socket to the journal: authenticate, limit, check, acknowledge."""
