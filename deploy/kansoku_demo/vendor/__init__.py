"""A stand-in for a model vendor: the OpenAI wire format, with answers composed from the prompt it is sent.

Everything derives from the seed and the bytes of the request, so the same request is answered in the same way.
"""
