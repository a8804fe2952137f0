"""One attempt to bring a message to its channel; no outcome holds an address or a secret."""

import hmac
import logging
import smtplib
import ssl
import subprocess
import time
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

import httpx2

from kansoku_collector.values import one_line
from kansoku_collector.watch.channels import Command, Email, PagerDuty, Slack, Webhook
from kansoku_collector.watch.message import Message

TIMEOUT_SECONDS = 10.0
_AGAIN = frozenset({408, 425, 429})  # answers that ask to come back, besides 5xx
_PERMANENT = range(500, 600)  # replies of SMTP that another attempt will not change

# The client logs the address of every request, and the address of a webhook is a secret.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Outcome(NamedTuple):
    """How an attempt went; `final`: another one would go no better."""

    delivered: bool
    final: bool
    detail: str


def carry(message: Message, timeout: float = TIMEOUT_SECONDS) -> Outcome:
    """Try once to deliver a message, the way of its channel."""
    match message.channel:
        case Webhook() as channel:
            return _webhook(message, channel, timeout)
        case Slack() as channel:
            return _post(channel.url.get_secret_value(), message.slack(), message, timeout)
        case PagerDuty() as channel:
            body = message.pagerduty(channel.routing_key.get_secret_value())
            return _post(channel.url.get_secret_value(), body, message, timeout)
        case Email() as channel:
            return _email(message, channel, timeout)
        case Command() as channel:
            return _command(message, channel)
        case other:
            raise TypeError(f"no way to reach a {type(other).__name__}")


def sign(secret: str, moment: int, body: bytes) -> str:
    """Return the signature header: the time, and HMAC-SHA256 over `time.body`."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return f"t={moment},v1={digest}"


def _webhook(message: Message, channel: Webhook, timeout: float) -> Outcome:
    body = message.slack() if channel.template == "slack" else message.json()
    headers = {name: value.get_secret_value() for name, value in channel.headers.items()}
    if channel.secret:
        headers["x-kansoku-signature"] = sign(channel.secret.get_secret_value(), int(time.time()), body)
    return _post(channel.url.get_secret_value(), body, message, timeout, headers)


def _post(
    url: str, body: bytes, message: Message, timeout: float, headers: dict[str, str] | None = None
) -> Outcome:
    """POST once. Redirects are not followed, wherever they lead."""
    own = {"content-type": "application/json", "user-agent": "kansoku", "x-kansoku-delivery": message.key}
    try:
        with httpx2.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
            response = client.post(url, content=body, headers=own | (headers or {}))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return Outcome(False, False, type(error).__name__)  # its text may hold the address
    status = response.status_code
    final = response.is_success or (status < 500 and status not in _AGAIN)
    return Outcome(response.is_success, final, f"HTTP {status}")


def _email(message: Message, channel: Email, timeout: float) -> Outcome:
    try:
        refused = _mail(message, channel, timeout)
    except smtplib.SMTPResponseException as error:
        return Outcome(False, error.smtp_code in _PERMANENT, f"SMTP {error.smtp_code}")
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Outcome(False, all(code in _PERMANENT for code in codes), f"SMTP {codes[0]}")
    except smtplib.SMTPNotSupportedError:
        return Outcome(False, True, "the server offers no such security or login")
    except ssl.SSLCertVerificationError:
        return Outcome(False, True, "the server's certificate is not trusted")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Outcome(False, False, type(error).__name__)
    return Outcome(True, True, f"accepted, {len(refused)} recipients refused" if refused else "accepted")


def _mail(message: Message, channel: Email, timeout: float) -> dict[str, tuple[int, bytes]]:
    """Send the mail; return the recipients who were refused. What the farewell brings does not count."""
    server = _connected(channel, timeout)
    try:
        if channel.password:
            server.login(channel.user, channel.password.get_secret_value())
        refused = server.send_message(_letter(message, channel))
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()
    return refused


def _connected(channel: Email, timeout: float) -> smtplib.SMTP:
    """Return a connection with the security that the channel asks for; without it, none."""
    if channel.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(channel.server, channel.port, timeout=timeout, context=context)
    server = smtplib.SMTP(channel.server, channel.port, timeout=timeout)
    if channel.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except Exception:
            server.close()
            raise
    return server


def _letter(message: Message, channel: Email) -> EmailMessage:
    """Return the mail: the subject is the sentence, and all of one incident are one thread."""
    incident, words = message.incident, message.words
    letter = EmailMessage()
    letter["Subject"] = one_line(f"[{incident.severity}] {words.text}", 200)
    letter["From"], letter["To"] = channel.sender, ", ".join(channel.to)
    letter["Date"] = format_datetime(incident.updated)
    domain = channel.sender.partition("@")[2]
    letter["Message-ID"] = make_msgid(domain=domain)
    letter["References"] = f"<{incident.incident_id}@{domain}>"
    letter["X-Kansoku-Delivery"] = message.key
    letter.set_content("\n\n".join([*words.lines(), words.link]) + "\n")
    return letter


def _command(message: Message, channel: Command) -> Outcome:
    try:
        done = subprocess.run(  # what the rules file's owner wrote; no shell, data on stdin only
            channel.command,
            input=message.json(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=channel.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(False, False, f"killed after {channel.timeout} s")
    except OSError as error:
        return Outcome(False, True, f"cannot be run: {type(error).__name__}")
    return Outcome(done.returncode == 0, done.returncode == 0, f"exit code {done.returncode}")
