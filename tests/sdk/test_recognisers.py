"""Recognisers: what is somebody's is found in any surroundings; what only looks like it is not touched."""

import base64
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku.privacy import checksums
from kansoku.privacy.mask import Mask
from kansoku.privacy.recognisers import ALL, choose

EVERYTHING = Mask(ALL)
KEY_BODY = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MbzYLdZ7ZvVy7F7V\nabcdEFGH+/12=="
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"


def _base64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


JWT = ".".join((_base64url({"alg": "HS256"}), _base64url({"sub": "1234567890"}), "c2lnbmF0dXJlLW9mLXRoaXM"))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111 1111 1111 1111", "[credit_card]"),
        ("カード番号は４１１１－１１１１－１１１１－１１１１です", "カード番号は[credit_card]です"),
        ("カード4111111111111111番", "カード[credit_card]番"),
        ("Amex 3782-822463-10005, JCB 3530111333300000.", "Amex [credit_card], JCB [credit_card]."),
        ("口座はGB29NWBK60161331926819へ", "口座は[iban]へ"),
        ("IBAN DE89 3704 0044 0532 0130 00, please", "IBAN [iban], please"),
        ("ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００", "[iban]"),
        ("私のマイナンバーは123456789018です", "私のマイナンバーは[my_number]です"),
        ("1234-5678-9018", "[my_number]"),
        ("法人番号7000012050002", "法人番号[corporate_number]"),
        ("登録番号 T7000012050002", "登録番号 [corporate_number]"),
        ("携帯は090-1234-5678です", "携帯は[phone]です"),
        ("０９０ー１２３４ー５６７８", "[phone]"),
        ("03-1234-5678 (03)1234-5678 03(1234)5678", "[phone] [phone] [phone]"),
        ("+81 90 1234 5678 / +81-3-1234-5678", "[phone] / [phone]"),
        ("09012345678へ。電話：0312345678", "[phone]へ。電話：[phone]"),
        ("0120-123-456", "[phone]"),
        ("〒150-0002 東京都渋谷区", "〒[postal_code] 東京都渋谷区"),
        ("〒１５０－０００２", "〒[postal_code]"),
        ("郵便番号：1500002", "郵便番号：[postal_code]"),
        ("150-0002 神奈川県", "[postal_code] 神奈川県"),
        ("太郎はtaro.yamada+x@example.co.jpです", "太郎は[email]です"),
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "[email]"),
        ("from 203.0.113.9 and 2001:db8::8a2e:370:7334", "from [ipv4] and [ipv6]"),
        ("key sk-proj-abcDEF1234567890_x", "key [openai_api_key]"),
        ("sk-abcdefghijklmnopqrst1234567890ABCDEFGHIJKLMNOPQR", "[openai_api_key]"),
        ("鍵はsk-ant-api03-abcDEF123456-xyzです", "鍵は[anthropic_api_key]です"),
        ("AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "[google_api_key]"),
        ("AKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE", "[aws_access_key] [aws_access_key]"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [secret]",
        ),
        ("ghp_" + "a1B2" * 9, "[github_token]"),
        ("github_pat_" + "11ABCDEFG0" * 4, "[github_token]"),
        ("glpat-abcdefghij1234567890", "[gitlab_token]"),
        ("xoxb-123456789012-abcdefghijkl", "[slack_token]"),
        (
            "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
            "https://hooks.slack.com/services/[slack_webhook]",
        ),
        ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "[stripe_key]"),
        ("hf_" + "aBcD1234eFgH5678iJkL9012mNoP3456qR", "[huggingface_token]"),
        ("gsk_" + "a1B2c3D4" * 6, "[groq_api_key]"),
        ("ksk_" + "abcdefgh_1234567", "[kansoku_api_key]"),
        ("SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "[sendgrid_api_key]"),
        ("ya29.a0AfH6SMBabcdefghij1234567890", "[google_token]"),
        ("a" * 50 + "9" * 2 + "JQQJ99" + "BCAC" * 5 + "0123", "[azure_api_key]"),
        ("Authorization: Bearer abcdef1234567890.abcdef", "Authorization: Bearer [bearer_token]"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [basic_auth]"),
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[url_password]@db:5432/x"),
        (
            "password: hunter22, API_KEY='0123456789abcdef0123456789abcdef'",
            "password: [secret], API_KEY='[secret]'",
        ),
        ("api-key: 0123456789abcdef0123456789abcdef", "api-key: [secret]"),
        (f"token {JWT} end", "token [jwt] end"),
        (f"before\n{PEM}\nafter", "before\n[private_key]\nafter"),
        (json.dumps({"k": PEM})[6:-1].replace('"', ""), "[private_key]"),
        (PEM[:80], "[private_key]"),
        (PEM.replace("RSA ", "OPENSSH "), "[private_key]"),
    ],
)
def test_what_is_somebodys_is_found(text: str, masked: str) -> None:
    """Numbers, addresses, keys and tokens are replaced by what they are, and nothing else is."""
    assert EVERYTHING.text(text) == masked
    for escaped in (True, False):
        shown = EVERYTHING.value(json.dumps([text], ensure_ascii=escaped))
        assert json.loads(shown) == [masked]


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",  # no check digit
        "1763706690123",  # milliseconds
        "1763706690123456",  # microseconds
        "1763706690123456789",
        "202611210631",  # a minute in twelve digits
        "2026-11-21T06:31:30.123456Z",
        "2026-11-21 06:31:30 +0900",
        "978-4-7981-2345-6 9784798123456 ISBN 0-306-40615-2",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-5678-9018-123456789018",  # a UUID of digits alone
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:4111111111111111aaaaaaaaaaaaaaaa",
        "0.4111111111111111 and 1.4111111111111111e-5",
        "call_4111111111111111 chatcmpl-xZJVCgCjncgvStwcyi4DWLptTxAR7",
        "7000012050002",  # thirteen digits that nobody calls a corporate number
        "1234-5678-9012",  # no My Number
        "GB29NWBK60161331926818 DE00370400440532013000",
        "0312345678",  # ten digits without a word of telephones
        "100-2000 items, 123-4567",
        "12-34-5678 2024-01-02 03:04 10:20:30",
        "icon@2x.png pkg@1.2.3 @app.get @user git@github.com:owner/repo",
        "v1.2.3.4.5 127.0.0.1 10:20:30 std::vector a::b 999.999.999.999",
        "task-force-abcdefghijklmnopqrst1 sk-spinner-wandering-cubes-big2 sk-learn",
        "bearer of good news for everyone, basic authentication is described here",
        "the key: value pairs, 128 tokens: fine, password: required, the secret: kindness",
        "eyJ is how a token begins; eyJhbGciOi.notatoken.really",
        "A PEM begins with -----BEGIN CERTIFICATE-----",
        "input_tokens_details cached_tokens prompt_tokens: 1234 max_tokens=4096 next_page_token",
        "https://example.com/a/b?c=d#e http://localhost:4318/v1/traces",
        "ごみの収集日は毎週火曜日と金曜日、朝８時３０分までです。２０２６年１１月２１日",
        "¥1,234,567,890 3.14159265358979 1/3 10%",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Order numbers, times, hashes, UUIDs, ISBNs, decimals, versions and prose are not masked."""
    assert EVERYTHING.text(text) == text
    assert EVERYTHING.value(json.dumps({"a": [text]}, ensure_ascii=False)) == json.dumps(
        {"a": [text]}, ensure_ascii=False
    )


SURROUNDINGS = st.text(
    alphabet="あいうえおカタカナ漢字観測東京、。「」！？（） abcdefXYZ,.;:!?()\n\t", max_size=30
)
# What stands right beside a number must not make it part of a word, a decimal or an identifier.
BEFORE = st.one_of(
    st.just(""), SURROUNDINGS.map(lambda text: text + "は"), SURROUNDINGS.map(lambda text: text + " ")
)
AFTER = st.one_of(
    st.just(""), SURROUNDINGS.map(lambda text: "です" + text), SURROUNDINGS.map(lambda text: " " + text)
)
WIDE = str.maketrans(
    string.digits + string.ascii_uppercase + "-",
    "０１２３４５６７８９" + "".join(chr(0xFF21 + i) for i in range(26)) + "－",
)


def _card(prefix: str, length: int, body: str) -> str:
    number = (prefix + body)[: length - 1]
    return next(number + digit for digit in string.digits if checksums.luhn(number + digit))


DIGITS = st.text(alphabet=string.digits, min_size=30, max_size=30)
ISSUERS = [
    ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("3530", 16),
    ("36", 14), ("6011", 16), ("65", 16), ("62", 19),
]  # fmt: skip
CARDS = st.builds(
    lambda issuer, body: _card(issuer[0], issuer[1], body),
    st.sampled_from(ISSUERS),
    DIGITS,
)  # fmt: skip
MY_NUMBERS = (
    DIGITS.map(lambda body: body[:11])
    .map(lambda body: next((body + d for d in string.digits if checksums.my_number(body + d)), ""))
    .filter(lambda number: number and not number.startswith(("19", "20")))  # those may be times
)


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """Make an IBAN of any country, with letters in it where there may be any."""
    country, length = draw(st.sampled_from(sorted(checksums.IBAN_LENGTHS.items())))
    body = draw(
        st.text(alphabet=string.digits + string.ascii_uppercase, min_size=length - 4, max_size=length - 4)
    )
    rest = int("".join(str(int(c, 36)) for c in body + country + "00")) % 97
    return f"{country}{98 - rest:02d}{body}"


def _grouped(number: str, separator: str) -> str:
    return separator.join(number[i : i + 4] for i in range(0, len(number), 4))


@settings(max_examples=200, deadline=None)
@given(BEFORE, CARDS, AFTER, st.sampled_from(["", " ", "-"]), st.booleans())
def test_every_card_is_found_in_any_text(
    before: str, card: str, after: str, separator: str, wide: bool
) -> None:
    """A valid card number is found in Japanese and English text, grouped or not, in full-width digits too."""
    shown = _grouped(card, separator) if len(card) in (16, 19) else card
    shown = shown.translate(WIDE) if wide else shown
    assert EVERYTHING.text(before + shown + after) == f"{before}[credit_card]{after}"


@settings(max_examples=200, deadline=None)
@given(BEFORE, ibans(), AFTER, st.booleans(), st.booleans())
def test_every_iban_is_found_in_any_text(
    before: str, iban: str, after: str, spaced: bool, wide: bool
) -> None:
    """A valid IBAN of any country is found, in groups of four or not."""
    shown = _grouped(iban, " ") if spaced else iban
    shown = shown.translate(WIDE) if wide else shown
    assert choose(["iban"])[0].name == "iban"
    assert Mask(choose(["iban"])).text(before + shown + after) == f"{before}[iban]{after}"


@settings(max_examples=200, deadline=None)
@given(BEFORE, MY_NUMBERS, AFTER, st.sampled_from(["", " ", "-"]))
def test_every_my_number_is_found_in_any_text(before: str, number: str, after: str, separator: str) -> None:
    """A valid individual number is found in any text, in groups of four or not."""
    mask = Mask(choose(["my_number"]))
    assert mask.text(before + _grouped(number, separator) + after) == f"{before}[my_number]{after}"


@settings(max_examples=200, deadline=None)
@given(BEFORE, CARDS, AFTER, st.integers(1, 9))
def test_a_number_that_fails_its_checksum_is_no_card(before: str, card: str, after: str, off: int) -> None:
    """With another last digit the same number is left alone."""
    wrong = card[:-1] + str((int(card[-1]) + off) % 10)
    mask = Mask(choose(["credit_card"]))
    assert mask.text(before + wrong + after) == before + wrong + after


@settings(max_examples=200, deadline=None)
@given(ibans(), st.integers(1, 96))
def test_an_iban_with_other_check_digits_is_none(iban: str, off: int) -> None:
    """With other check digits the same text is left alone."""
    wrong = iban[:2] + f"{2 + (int(iban[2:4]) - 2 + off) % 97:02d}" + iban[4:]
    assert Mask(choose(["iban"])).text(wrong) == wrong


def test_check_digits_known_from_elsewhere() -> None:
    """The published examples of the four checksums hold, and one wrong digit does not."""
    assert checksums.card("4111111111111111")
    assert not checksums.card("9111111111111111")
    assert checksums.iban("GB82WEST12345698765432")
    assert checksums.my_number("123456789018")
    assert not checksums.my_number("123456789012")
    assert checksums.corporate_number("7000012050002")
    assert not checksums.corporate_number("1000012050002")


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "sk-", "sk-ant-", "eyJ", "eyJa.eyJ", "eyJaaaaaaaaa.",
        "1", "1 ", "4111-", "0-", "03-", "(03)", "+81", "a@", "a.", "a@a.", "DE89", "DE89 ", "://", "://a:",
        "Bearer ", "secret=", "key:", "api_key=a1", "pass" * 3, "password=", ":", "1:", "::", "1.", "〒",
        "〒1", "東京都150-", "xoxb-", "AIza", "ー", "１", "SG.", "JQQJ99", "a" * 50, "[", '["', '{"a":', "\\",
        "\\uff11", "-", "=", "/",
    ],
)  # fmt: skip
def test_a_long_run_of_anything_is_read_to_its_end(piece: str) -> None:
    """No pattern goes back over what it has read: a key behind 200,000 letters of anything is found."""
    text = (piece * (200_000 // len(piece) + 1))[:200_000]
    assert EVERYTHING.text(f"{text} 、sk-ant-api03-abcDEF123456").endswith("、[anthropic_api_key]")
