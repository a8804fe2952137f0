"""A stand-in for a model vendor: the OpenAI wire format, with answers composed from the prompt.

Everything derives from the seed, the bytes of the request and the minute, so the same is answered the same.
"""
