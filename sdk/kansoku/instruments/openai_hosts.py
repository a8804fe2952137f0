"""Which provider a client of the OpenAI API talks to: told from the host of its base URL."""

import ipaddress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

Origin = tuple[str, str, int]  # provider, server address, port

# Host, or its ending -> provider as OpenTelemetry names it, else as the price list does.
_HOSTS = {
    "api.openai.com": "openai",
    ".api.openai.com": "openai",
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".azure-api.net": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "-aiplatform.googleapis.com": "gcp.vertex_ai",
    ".rep.googleapis.com": "gcp.vertex_ai",  # aiplatform.<region> before it
    ".amazonaws.com": "aws.bedrock",
    ".api.aws": "aws.bedrock",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    ".api.x.ai": "x_ai",
    ".ml.cloud.ibm.com": "ibm.watsonx.ai",
    "api.ai21.com": "ai21",
    "api.arcee.ai": "arcee",
    "api.avian.io": "avian",
    "api.cerebras.ai": "cerebras",
    "api.cloudflare.com": "cloudflare",
    "api.deepinfra.com": "deepinfra",
    "api.doubleword.ai": "doubleword",
    "api.fireworks.ai": "fireworks",
    "api.githubcopilot.com": "github-copilot",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.inceptionlabs.ai": "inception",
    "api.lambda.ai": "lambda",
    "api.llama.com": "meta",
    "api.meta.ai": "meta",
    "api.minimax.io": "minimax",
    "api.minimax.chat": "minimax",
    "api.minimaxi.com": "minimax",
    "api.quicksilverpro.io": "quicksilverpro",
    "api.sambanova.ai": "sambanova",
    "api.scaleway.ai": "scaleway",
    "api.siliconflow.cn": "siliconflow",
    "api.siliconflow.com": "siliconflow",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.typesafe.ai": "typesafe",
    "api.upstage.ai": "upstage",
    "api.voyageai.com": "voyageai",
    "api.writer.com": "writer",
    "api.z.ai": "zai",
    "ai-gateway.vercel.sh": "vercel",
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "dashscope-us.aliyuncs.com": "alibaba",
    "inference.baseten.co": "baseten",
    "integrate.api.nvidia.com": "nvidia",
    "models.github.ai": "github",
    "oai.endpoints.kepler.ai.cloud.ovh.net": "ovhcloud",
    "ollama.com": "ollama",
    "open.bigmodel.cn": "zhipuai",
    "openrouter.ai": "openrouter",
    "router.huggingface.co": "huggingface",
    "api-inference.huggingface.co": "huggingface",
    ".endpoints.huggingface.cloud": "huggingface",
    ".azuredatabricks.net": "databricks",
    ".databricks.com": "databricks",
    ".modal.run": "modal",
    ".modal.direct": "modal",
    ".nebius.com": "nebius",
    ".nebius.ai": "nebius",
    ".novita.ai": "novita",
    ".openrouter.ai": "openrouter",
    ".snowflakecomputing.com": "snowflake",
    ".volces.com": "volcengine",
}
_PRIVATE_ENDINGS = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test", ".svc")
_MOST_SEEN = 256

# Origins by the identity of a client's URL object. The object is kept beside its origin, so that its identity
# is not given to another; comparing it by value would cost more than all the rest of the look-up.
_seen: dict[int, tuple[Any, type[Any], str, Origin]] = {}


def read_origin(resource: Any, local_provider: str) -> Origin:
    """Return provider, host and port that a resource of the client talks to."""
    client = resource._client
    url = client.base_url
    kind = type(client)
    known = _seen.get(id(url))
    if known is not None and known[0] is url and known[1] is kind and known[2] == local_provider:
        return known[3]
    place: Any = urlsplit(url) if isinstance(url, str) else url  # the first: together 1
    host = str((place.hostname if place is not url else place.host) or "")
    provider = "azure.ai.openai" if "Azure" in kind.__name__ else find_provider(host, local_provider)
    origin = (provider, host, int(place.port or (80 if place.scheme == "http" else 443)))
    if len(_seen) >= _MOST_SEEN:  # a program that makes a client a call
        _seen.clear()
    _seen[id(url)] = (url, kind, local_provider, origin)
    return origin


@lru_cache(maxsize=256)
def find_provider(host: str, local_provider: str) -> str:
    """Return the provider behind a host; loopback and private hosts serve models of one's own."""
    host = host.lower().strip("[]")
    if is_private(host):
        return local_provider
    for ending, provider in _HOSTS.items():
        if host == ending or (ending[0] in ".-" and host.endswith(ending)):
            return provider
    return "openai"  # as the conventions have it: whoever speaks the API and is not known


def is_private(host: str) -> bool:
    """Tell whether a host is on this machine or in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_loopback or address.is_private or address.is_link_local or address.is_unspecified
