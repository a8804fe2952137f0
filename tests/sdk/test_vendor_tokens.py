"""Keys of many vendors, and what stands for one in addresses, headers and Japanese sentences."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import kansoku
from kansoku.privacy.mask import Mask
from kansoku.privacy.recognisers import ALL, choose
from kansoku.spans import provider

SECRETS = Mask(choose(["secrets"]))
# Bodies as issuers make them; written apart from their prefixes, so that no scanner takes them for real.
LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD" * 6
SMALL = LETTERS.lower()
HEX = "0123456789abcdef" * 8


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ABSK" + LETTERS[:100] + "=", "bedrock_api_key"),
        ("bedrock-api-key-" + LETTERS[:150], "bedrock_api_key"),
        ("AQ." + "Ab8RN6" + LETTERS[:44], "google_api_key"),
        ("GOCSPX-" + LETTERS[:28], "google_client_secret"),
        ("1//0e" + LETTERS[:60], "google_token"),
        ("nvapi-" + LETTERS[:64], "nvidia_api_key"),
        ("csk-" + SMALL[:48], "cerebras_api_key"),
        ("fw_" + LETTERS[:24], "fireworks_api_key"),
        ("tgp_v1_" + LETTERS[:43], "together_api_key"),
        ("pa-" + LETTERS[:43], "voyage_api_key"),
        ("jina_" + LETTERS[:60], "jina_api_key"),
        ("sk_" + HEX[:48], "elevenlabs_api_key"),
        ("vck_" + LETTERS[:56], "vercel_token"),
        ("sk-helicone-" + "abc1234-def5678-ghi9012", "helicone_api_key"),
        ("pylf_v1_us_" + LETTERS[:43], "logfire_token"),
        ("tvly-dev-" + LETTERS[:32], "tavily_api_key"),
        ("fc-" + HEX[:32], "firecrawl_api_key"),
        ("sbp_" + HEX[:40], "supabase_key"),
        ("sb_secret_" + LETTERS[:31], "supabase_key"),
        ("hvs." + LETTERS[:90], "vault_token"),
        ("dop_v1_" + HEX[:64], "digitalocean_token"),
        ("dckr_pat_" + LETTERS[:27], "docker_token"),
        ("ATATT3" + LETTERS[:180], "atlassian_token"),
        ("ntn_" + LETTERS[:46], "notion_token"),
        ("lin_api_" + LETTERS[:40], "linear_api_key"),
        ("figd_" + LETTERS[:40], "figma_token"),
        ("shpat_" + HEX[:32], "shopify_token"),
        ("glsa_" + LETTERS[:32] + "_0123abcd", "grafana_token"),
        ("sntrys_" + LETTERS[:80], "sentry_token"),
        ("NRAK-" + LETTERS.upper()[:27], "newrelic_api_key"),
        ("SK" + HEX[:32], "twilio_api_key"),
        ("key-" + HEX[:32], "mailgun_api_key"),
        ("123456789:" + "AA" + LETTERS[:33], "telegram_token"),
    ],
)
def test_a_vendors_key_is_masked_in_any_surroundings(key: str, name: str) -> None:
    """Alone, in Japanese, behind a variable's name, and in the JSON of a tool's arguments inside of JSON."""
    assert SECRETS.text(key) == f"[{name}]"
    assert SECRETS.text(f"鍵は{key}です") == f"鍵は[{name}]です"
    assert key not in SECRETS.text(f"export VENDOR_API_KEY={key}; run")
    nested = json.dumps({"arguments": json.dumps({"argv": ["curl", f"x {key}"]})})
    assert key not in SECRETS.value(nested)
    assert json.loads(json.loads(SECRETS.value(nested))["arguments"]) == {"argv": ["curl", f"x [{name}]"]}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"https://maps.example/api?q=1&key={LETTERS[:32]}", "https://maps.example/api?q=1&key=[secret]"),
        (f"GET /files?token={LETTERS[:32]}&id=7", "GET /files?token=[secret]&id=7"),
        (
            f"https://x.example/c/b?sv=2022-11-02&sr=b&sig={LETTERS[:43]}%3D&se=1",
            "https://x.example/c/b?sv=2022-11-02&sr=b&sig=[url_signature]&se=1",
        ),
        (f"key={LETTERS[:32]}&q=1", "key=[secret]&q=1"),
        ("/login?user=a&password=hunter&x=1", "/login?user=a&password=[secret]&x=1"),
        ("Server=db;Uid=sa;Pwd=letmein;Encrypt=1", "Server=db;Uid=sa;Pwd=[secret];Encrypt=1"),
        ("client_secret=opaque", "client_secret=[secret]"),
        (f"/o?X-Amz-Signature={HEX[:64]}", "/o?X-Amz-Signature=[url_signature]"),
        (f"/o?X-Amz-Security-Token={LETTERS[:60]}", "/o?X-Amz-Security-Token=[secret]"),
        (f"AWS_SESSION_TOKEN={LETTERS[:60]}", "AWS_SESSION_TOKEN=[secret]"),
        (f"> Cookie: session={LETTERS[:40]}; theme=dark\n>", "> Cookie: [cookie]\n>"),
        ("パスワードは「Abc123xyz」です", "パスワードは「[secret]」です"),
        ("仮パスワード：a1b2c3d4e5。", "仮パスワード：[secret]。"),
        ("ＩＤは太郎、パスワード：ａｂｃ１２３４５", "ＩＤは太郎、パスワード：[secret]"),
        ('{"authorization":"opaque words"}', '{"authorization":"[secret]"}'),
        ('{"credentials":"opaque words"}', '{"credentials":"[secret]"}'),
        ('{"headers":{"Cookie":"a=b"},"pwd":"x"}', '{"headers":{"Cookie":"[secret]"},"pwd":"[secret]"}'),
        ('{"session_token":"opaque words"}', '{"session_token":"[secret]"}'),
        ('{"password":20261122}', '{"password":"[secret]"}'),
    ],
)
def test_a_value_is_masked_for_where_it_stands(text: str, masked: str) -> None:
    """Queries, signed addresses, cookies, passwords in Japanese sentences, and fields named for secrets."""
    assert SECRETS.value(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "pa-uniform-hello-world-this-is-a-very-long-slug-of-words-1",
        "fw_version_1234567890abcdefgh fc-barcelona key-value-store SKU-1 shpat shape_1234567890123456",
        "connect(user=name, password=load(), secret=None); one secret= no value",
        "the cookie: chocolate=8 grams of sugar and two eggs",
        "https://x.example/?page_token=abcdefghijkl123456789&key=product12&design=abcdefghijklmnop",
        "パスワードは8文字以上で英数字を含むこと",
        "passwordは8文字以上である必要があります",
        '{"credentials":3,"max_token":200}',
        "sentry_sdk_version_2_abcdefghijklmnop",
    ],
)
def test_what_only_resembles_a_key_is_left_alone(text: str) -> None:
    """Slugs, versions, rules for passwords, page tokens and counts are not masked."""
    assert SECRETS.value(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://x.example/u?email=taro%40example.jp&a=1", "https://x.example/u?email=[email]&a=1"),
        ("https://x.example/u?email=taro@example.jp", "https://x.example/u?email=[email]"),
        ("携帯 090.1234.5678", "携帯 [phone]"),
        ("0120123456", "[phone]"),
        ("〒100ｰ0001", "〒[postal_code]"),
    ],
)
def test_personal_data_is_found_in_the_forms_of_the_web(text: str, masked: str) -> None:
    """Percent signs in addresses, dots and half-width strokes in numbers, free-dial numbers in one piece."""
    assert Mask(ALL).text(text) == masked


def test_an_address_in_a_query_has_the_pseudonym_that_it_has_elsewhere() -> None:
    """Equal addresses can be joined: what stands before one in a URL is no part of it."""
    mask = Mask(ALL, key=b"k")
    (alone, inside) = (
        mask.text(text) for text in ("taro@example.jp", "https://x.example/?m=taro@example.jp")
    )
    assert inside == f"https://x.example/?m={alone}"


def test_headers_that_an_http_instrumentor_lists_are_masked(start: Callable[..., Any], recorder: Any) -> None:
    """OpenTelemetry keeps a header as a list of texts: each of a secret one goes, whatever it looks like."""
    start(endpoint=recorder.url)
    theirs = provider.current()
    assert theirs is not None
    with theirs.get_tracer("opentelemetry.instrumentation.httpx").start_as_current_span("GET") as span:
        span.set_attribute("http.request.header.x-api-key", ["opaque-words"])
        span.set_attribute("http.response.header.set-cookie", ["opaque-words", "more"])
        span.set_attribute("http.request.header.accept", ["text/html"])
    assert kansoku.flush(60)
    (body,) = recorder.bodies("/v1/traces")
    (told,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    found = {a.key: [v.string_value for v in a.value.array_value.values] for a in told.attributes}
    assert found["http.request.header.x-api-key"] == ["[secret]"]
    assert found["http.response.header.set-cookie"] == ["[secret]", "[secret]"]
    assert found["http.request.header.accept"] == ["text/html"]
