"""Recognise what belongs to a person: cards, accounts, numbers, addresses; by checksum where there is one."""

import ipaddress
import re
from collections.abc import Iterator

from kansoku.privacy import checksums
from kansoku.privacy.secrets import Places, Recogniser, by_pattern

# Neither inside of a longer number, a hash, a UUID, a decimal nor an identifier.
_START = r"(?<![0-9A-Za-z_])(?<![0-9][.-])(?<![0-9A-Fa-f]{4}-)"
_END = r"(?![0-9A-Za-z_]|\.[0-9]|-[0-9A-Fa-f])"

_CARD = re.compile(
    _START + r"(?:[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})" + _END
)
_MY_NUMBER = re.compile(_START + r"[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}" + _END)
_MINUTE = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]"
)
_SAYS_MY_NUMBER = re.compile(r"マイナンバー|個人番号|my ?number|individual number", re.IGNORECASE)
_CORPORATE = re.compile(_START + r"T?([0-9]{13}|[0-9]-[0-9]{4}-[0-9]{4}-[0-9]{4})" + _END)
_SAYS_CORPORATE = re.compile(r"法人番号|登録番号|corporate number|registration number", re.IGNORECASE)
_IBAN = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]{2})[0-9]{2}(?=[ -]?[0-9A-Za-z])")
_AT = re.compile("@|%40")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9])")
_NO_DOMAINS = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "py", "js", "ts", "css", "html", "json"})
_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%*+^_`{|}~-")
_PHONE = re.compile(
    r"(?<![0-9A-Za-z_+])(?<![0-9][.-])(?:"
    r"\+81[ -]?(?:\(0\))?0?[1-9][0-9]{0,3}[ -]?[0-9]{1,4}[ -]?[0-9]{3,4}"
    r"|\(0[1-9][0-9]{0,3}\)[ -]?[0-9]{1,4}[ -][0-9]{4}"
    r"|0[1-9][0-9]{0,3}(?:([ -])[0-9]{1,4}\1|\([0-9]{1,4}\))[0-9]{3,4}"
    r"|0[5-9]0(?:\.[0-9]{4}\.[0-9]{4}|[0-9]{8})"
    r"|0[1-9][0-9]{8})" + r"(?![0-9A-Za-z_]|-[0-9]|\.[0-9])"
)
_SAYS_PHONE = re.compile(r"電話|TEL|℡|☎|携帯|連絡先|phone|call|FAX|mobile", re.IGNORECASE)
_PREFECTURE = (
    r"(?:北海道|東京都|(?:京都|大阪)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野"
    r"|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県)"
)
_POSTAL = (
    r"(?:〒 ?([0-9]{3}-?[0-9]{4})(?![0-9])"
    r"|(?:郵便番号|postal code|zip code|post code)[ :：はis]{0,6}([0-9]{3}-?[0-9]{4})(?![0-9])"
    r"|(?<![0-9A-Za-z_-])([0-9]{3}-[0-9]{4})(?=[ ,、\n]{0,2}" + _PREFECTURE + r"))"
)
_POSTAL_CODE = re.compile(_POSTAL, re.IGNORECASE)
_IPV4 = r"(?<![0-9A-Za-z.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![0-9A-Za-z]|\.[0-9])"
_IPV6 = r"(?<![0-9A-Za-z:.])((?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4})(?![0-9A-Za-z:])"
_CONTEXT = 24  # characters before a number that may say what it is


def _digits(text: str) -> str:
    return "".join(character for character in text if "0" <= character <= "9")


def _said(text: str, start: int, words: re.Pattern[str]) -> bool:
    return words.search(text, max(0, start - _CONTEXT), start) is not None


def find_cards(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of payment card numbers."""
    for match in _CARD.finditer(text, start, end):
        if checksums.card(_digits(match[0])):
            yield match.span()


def find_my_numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of Japanese individual numbers; a date and time in twelve digits is none."""
    for match in _MY_NUMBER.finditer(text, start, end):
        digits = _digits(match[0])
        if checksums.my_number(digits) and (
            not _MINUTE.fullmatch(digits) or _said(text, match.start(), _SAYS_MY_NUMBER)
        ):
            yield match.span()


def find_corporate_numbers(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of Japanese corporate numbers that are said to be such, or begin with a T."""
    for match in _CORPORATE.finditer(text, start, end):
        named = match[0].startswith("T") or _said(text, match.start(), _SAYS_CORPORATE)
        if named and checksums.corporate_number(_digits(match[0])):
            yield match.span()


def find_ibans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of international bank account numbers."""
    for match in _IBAN.finditer(text, start, end):
        length = checksums.IBAN_LENGTHS.get(match[1].upper())
        if length is None:
            continue
        last, found = match.start(), ""
        while last < len(text) and len(found) < length:
            character = text[last]
            if character.isascii() and character.isalnum():
                found += character
            elif character not in " -" or text[last - 1] in " -":
                break
            last += 1
        follows = text[last : last + 1]
        if not (follows.isascii() and follows.isalnum()) and checksums.iban(found.upper()):
            yield match.start(), last


def find_emails(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of e-mail addresses; in the query of a URL the sign is %40."""
    for sign in _AT.finditer(text, start, end):
        first = at = sign.start()
        while first > 0 and at - first < 64 and text[first - 1] in _LOCAL:
            first -= 1
        while first < at and text[first] in ".-":
            first += 1
        domain = _DOMAIN.match(text, sign.end())
        if first < at and domain and domain[1].lower() not in _NO_DOMAINS and text[first:at] != "git":
            yield first, domain.end()


def find_phones(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of Japanese telephone numbers."""
    for match in _PHONE.finditer(text, start, end):
        found, digits = match[0], _digits(match[0])
        if found.startswith("+"):
            national = digits[2:].removeprefix("0")
            right = len(national) in (9, 10)
        elif found.isdigit() and len(found) == 10 and found[:4] != "0120":
            right = _said(text, match.start(), _SAYS_PHONE)  # else it may be any number
        else:
            mobile = digits[:3] in ("050", "060", "070", "080", "090", "020")
            right = len(digits) == (11 if mobile or digits.startswith("0800") else 10)
        if right:
            yield match.span()


def find_postal_codes(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of Japanese postal codes that are marked as such or stand before a prefecture."""
    for match in _POSTAL_CODE.finditer(text, start, end):
        yield match.span(match.lastindex or 0)


def _is_address(text: str) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified)


_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_ipv4 = by_pattern(_IPV4, _is_address)
_ipv6 = by_pattern(_IPV6, _is_address)
_DOTS = re.compile(r"\.[0-9]{1,3}\.[0-9]")


def _find_ipv4(text: str, start: int, end: int) -> Places:
    return _ipv4(text, start, end) if _DOTS.search(text, start, end) else ()


def _find_ipv6(text: str, start: int, end: int) -> Places:
    return _ipv6(text, start, end) if _COLONS.search(text, start, end) else ()


PERSONAL = (
    Recogniser("credit_card", "number", (), find_cards),
    Recogniser("iban", "iban", (), find_ibans),
    Recogniser("my_number", "number", (), find_my_numbers),
    Recogniser("corporate_number", "number", (), find_corporate_numbers),
    Recogniser("phone", "number", (), find_phones),
    Recogniser("postal_code", "number", (), find_postal_codes),
    Recogniser("email", "text", (b"@", b"%40"), find_emails),
    Recogniser("ipv4", "text", (b".",), _find_ipv4),
    Recogniser("ipv6", "text", (b":",), _find_ipv6),
)
