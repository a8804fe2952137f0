"""What is wrong with the files of a certificate, in words, and until when it is good."""

import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kansoku_collector.errors import SettingsError

SOON = timedelta(days=14)  # before the end of a certificate: time to renew it by hand
# Two times in a row are the validity of a certificate; ASN.1 writes years to 2049 with two digits.
_TIME = rb"(?:\x17\x0d([0-9]{12})Z|\x18\x0f([0-9]{14})Z)"
_VALIDITY = re.compile(rb"\x30[\x1e-\x22]" + _TIME + _TIME)


def check(cert: Path, key: Path, client_ca: Path | None) -> None:
    """Raise SettingsError, which names the variable and what to change, unless a server can use the files."""
    _holds("KANSOKU_TLS_CERT", cert, "CERTIFICATE")
    if "ENCRYPTED" in _holds("KANSOKU_TLS_KEY", key, "PRIVATE KEY"):
        raise SettingsError(f"KANSOKU_TLS_KEY={key}: the key is encrypted; write it without a passphrase")
    if client_ca is not None:
        _holds("KANSOKU_TLS_CLIENT_CA", client_ca, "CERTIFICATE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"KANSOKU_TLS_KEY={key} is not the key of the first certificate in KANSOKU_TLS_CERT={cert}"
            ) from error
        raise SettingsError(
            f"KANSOKU_TLS_CERT={cert} and KANSOKU_TLS_KEY={key} cannot be used: {error}"
        ) from error
    try:
        if client_ca is not None:
            context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        raise SettingsError(f"KANSOKU_TLS_CLIENT_CA={client_ca} cannot be used: {error}") from error


def problem(cert: Path, now: datetime | None = None) -> str:
    """Return a sentence when the certificate is over or soon will be, else nothing."""
    now = now or datetime.now(UTC)
    end = expires(cert)
    if end is None or end - now > SOON:
        return ""
    verb = "was good" if end <= now else "is good"
    advice = "clients refuse it" if end <= now else "renew it; no restart is needed"
    return f"the certificate {cert} {verb} until {end:%Y-%m-%d %H:%M} UTC: {advice}"


def expires(cert: Path) -> datetime | None:
    """Return when the first certificate of a PEM file ends; None where that cannot be told."""
    try:
        der = ssl.PEM_cert_to_DER_cert(_first(cert.read_text(encoding="ascii", errors="replace")))
    except (OSError, ValueError):
        return None
    found = _VALIDITY.search(der)
    if found is None:
        return None
    _, _, short, full = found.groups()
    century = b"" if full else b"20" if short < b"5" else b"19"
    try:
        return datetime.strptime((century + (full or short)).decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _first(pem: str) -> str:
    start = pem.index(ssl.PEM_HEADER)
    return pem[start : pem.index(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)]


def _holds(variable: str, path: Path, what: str) -> str:
    """Return the text of a PEM file; raise SettingsError when it cannot be read or holds something else."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"{variable}={path}: {error.strerror}") from error
    if not re.search(rf"-----BEGIN [A-Z ]*{what}-----", text):
        raise SettingsError(f"{variable}={path}: there is no {what.lower()} in PEM form in it")
    return text
