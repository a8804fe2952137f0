"""Recognise the keys and tokens of more vendors: models' hosts, search, storage and development tools.

Each has a prefix that its issuer chose for being found. A shape that a word or an id of a program could have
asks for its exact length, or for letters and digits together.
"""

from kansoku.privacy.secrets import Recogniser, by_pattern, mixed, token


def _random(text: str) -> bool:
    """Tell whether there are capitals, small letters and digits, as in no name that somebody chose."""
    return mixed(text) and text != text.lower() and text != text.upper()


_HEX32 = r"[0-9a-f]{32}(?![0-9A-Za-z])"

VENDOR_TOKENS = (
    # Hosts of models.
    token("bedrock_api_key", "ABSK bedrock-api-key-", r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=_-]{40,}"),
    token("google_api_key", "Ab8RN6", r"AQ\.Ab8RN6[A-Za-z0-9_-]{20,}"),
    token("google_client_secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    Recogniser("google_token", "text", (b"1//0",), by_pattern(r"1//0[A-Za-z0-9_-]{30,}", mixed, edge=True)),
    token("nvidia_api_key", "nvapi-", r"nvapi-[A-Za-z0-9_-]{40,}"),
    token("cerebras_api_key", "csk-", r"csk-[a-z0-9]{32,}", mixed),
    token("fireworks_api_key", "fw_", r"fw_[A-Za-z0-9]{20,}", mixed),
    token("together_api_key", "tgp_v1_", r"tgp_v1_[A-Za-z0-9_-]{20,}"),
    token("voyage_api_key", "pa-", r"pa-[A-Za-z0-9_-]{40,}", _random),
    token("jina_api_key", "jina_", r"jina_[A-Za-z0-9_-]{40,}", mixed),
    token("elevenlabs_api_key", "sk_", r"sk_[0-9a-f]{48}(?![0-9A-Za-z])"),
    token("vercel_token", "vck_ vcp_ vca_", r"vc[kpa]_[A-Za-z0-9]{24,}", mixed),
    # Watchers of models.
    token("helicone_api_key", "sk-helicone-", r"sk-helicone-[A-Za-z0-9-]{16,}"),
    token("logfire_token", "pylf_v", r"pylf_v[0-9]+_[A-Za-z0-9_]{20,}"),
    # Search and pages for agents.
    token("tavily_api_key", "tvly-", r"tvly-[A-Za-z0-9-]{20,}", mixed),
    token("firecrawl_api_key", "fc-", r"fc-" + _HEX32),
    # Stores, and where programs run.
    token("supabase_key", "sbp_ sb_secret_", r"(?:sbp_[0-9a-f]{32,}|sb_secret_[A-Za-z0-9_-]{20,})"),
    Recogniser(
        "vault_token",
        "text",
        (b"hvs.", b"hvb.", b"hvr."),
        by_pattern(r"hv[sbr]\.[A-Za-z0-9_-]{24,}", mixed, edge=True),
    ),
    token("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[0-9a-f]{40,}"),
    token("docker_token", "dckr_", r"dckr_[po]at_[A-Za-z0-9_-]{20,}"),
    # What agents are given to work with.
    token("atlassian_token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{40,}"),
    token("notion_token", "ntn_", r"ntn_[A-Za-z0-9]{30,}", mixed),
    token("linear_api_key", "lin_api_ lin_oauth_", r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    token("figma_token", "figd_", r"figd_[A-Za-z0-9_-]{30,}"),
    token("shopify_token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    token("grafana_token", "glsa_ glc_", r"(?:glsa_[A-Za-z0-9_]{32,}|glc_[A-Za-z0-9+/=]{32,})"),
    token("sentry_token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{32,}"),
    token("newrelic_api_key", "NRAK-", r"NRAK-[A-Z0-9]{27}(?![0-9A-Za-z])"),
    token("twilio_api_key", "SK", r"SK" + _HEX32),
    token("mailgun_api_key", "key-", r"key-" + _HEX32),
    token("telegram_token", "AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
)
