"""The names under which one model is called: resource paths, router prefixes, versions."""

import re
from collections.abc import Iterator, Sequence

# OpenTelemetry's provider names where genai-prices has another one.
_PROVIDERS = {
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "moonshot_ai": "moonshotai",
    # Routers' names for who serves a call.
    "amazon bedrock": "aws",
    "amazon-bedrock": "aws",
    "bedrock": "aws",
    "google vertex": "google",
    "google-vertex": "google",
    "google ai studio": "google",
    "google-ai-studio": "google",
    "vertex_ai": "google",
    "xai": "x-ai",
}
# A prefix of routers -> the provider that is asked, in the price list's own names.
_ROUTED = {
    "azure": "azure",
    "azure_ai": "azure",
    "bedrock": "aws",
    "converse": "aws",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "gemini": "google",
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "mistral",
    "mistralai": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "xai": "x-ai",
    "x-ai": "x-ai",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
}
# The second: as OpenLLMetry shortens it.
_PATH = re.compile(
    r"^(?:projects/[^/]+/locations/[^/]+/)?(?:(?:publishers/[^/]+/)?models/|publishers/[^/]+/)"
)
_VERSION = re.compile(r"^(gemini-.+)(?:@|-)(?:00\d|default)$")
ROUTER = "huggingface"  # whose models have the prices of those who serve them
_POLICIES = frozenset({"fastest", "cheapest", "preferred"})  # how its router is to choose, in place of whom
_BEDROCKS_END = re.compile(r"(?:-v\d+)?(?::\w+)*$")  # version and length of a name of Bedrock's


def listed_provider(provider: str) -> str:
    """Return a provider's name in the price list."""
    return _PROVIDERS.get(provider, provider)


def sold_by(named: str, provider: str) -> bool:
    """Tell whether an entry of one's own that names a provider, or none, is about this one."""
    return named in ("", provider) or named == listed_provider(provider)


def is_named(pattern: str, model: str) -> bool:
    """Tell whether a model has an entry's name, or begins as one that ends in *."""
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern


def spellings(provider: str, model: str) -> Iterator[tuple[str, str]]:
    """Yield (provider, name) under which a price list may know a model, the given ones first.

    Nothing is guessed: a name loses only its path, its router's prefix or a version that has no price of its
    own. `ft:` names and Bedrock's ARNs and regions stay whole, for they have prices of their own.
    """
    yield provider, model
    short = _PATH.sub("", model)
    if short != model:
        yield provider, short
    if version := _VERSION.match(short):
        yield provider, version[1]
    prefix, slash, rest = short.partition("/")
    if not slash or not rest:
        return
    asked = _ROUTED.get(prefix)
    # A router's prefix names the vendor; where the vendor is known, it must be the same one.
    if asked and provider in ("", asked):
        yield from spellings(asked, rest)


def served_by(provider: str, model: str) -> tuple[str, str]:
    """Return who serves a model and its name, of one that Hugging Face's router is asked for with both.

    The provider, each of which the list has by itself, is the end of the name (`openai/gpt-oss-120b:groq`),
    of LiteLLM's names the beginning (`groq/openai/gpt-oss-120b`).
    """
    if provider.partition("_")[0] != ROUTER:
        return provider, model
    name, colon, server = model.rpartition(":")
    if not colon and model.count("/") == 2:
        server, _, name = model.partition("/")
    elif not colon:
        return provider, model
    return (f"{ROUTER}_{server}" if provider == ROUTER and server not in _POLICIES else provider), name


def most_exact(provider: str, models: Sequence[str]) -> Sequence[str]:
    """Return the names of a call's model: the one answered, then the one asked for, unless that says more.

    Of Hugging Face's router it may say who is to serve it. So it does on Bedrock: Claude answers with the
    name it has everywhere, what is asked for tells beside it whether that is in a region or anywhere, at
    prices of their own.
    """
    if len(models) < 2 or not models[0]:
        return models
    answered, asked, *others = models
    if provider == ROUTER:
        is_exact = served_by(provider, asked)[0] != provider
    elif listed_provider(provider) == "aws":
        is_exact = _BEDROCKS_END.sub("", asked.rpartition("/")[2], count=1).endswith(f".{answered}")
    else:
        return models
    return [asked, answered, *others] if is_exact else models
