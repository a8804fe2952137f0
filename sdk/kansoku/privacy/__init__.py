"""What may leave the process: recognisers of secrets and personal data, and how much content is kept.

`recognisers` lists what can be recognised, `mask` replaces it in text, `capture` knows which attributes are
content, and `filter` applies all of it to finished spans and feedback, in the background thread.
"""
