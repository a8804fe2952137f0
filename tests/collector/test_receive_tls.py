"""TLS: both doors with a certificate, clients with theirs, and files that are wrong."""

import contextlib
import datetime
import os
import re
import socket
import ssl
import threading
import urllib.error
import urllib.request

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.collector.conftest import PROTOBUF, Running, call, free_port, request_of

from kansoku.delivery.transport import Transport, pack
from kansoku_cli import doctor
from kansoku_collector.errors import SettingsError
from kansoku_collector.receive import certificate
from kansoku_collector.receive.tls import Tls
from kansoku_collector.settings import Settings
from kansoku_dashboard import collector as dashboard
from kansoku_dashboard import settings
from kansoku_dashboard.settings import DashboardSettings

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def usage(*, signs):
    """Return what a key is for; newer versions of Python refuse an authority that does not say so."""
    nothing = dict.fromkeys(
        (
            "content_commitment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, key_encipherment=not signs, key_cert_sign=signs, **nothing)


def pair(folder, name, authority=None):
    """Write NAME.pem and NAME.key, signed by an authority's (certificate, key) or by itself; return both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if authority is None else (authority[0].subject, authority[1])
    now = datetime.datetime.now(datetime.UTC)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(usage(signs=authority is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signed_by, critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)
    return certificate, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of the files."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder):
    """Return an authority."""
    return pair(folder, "authority")


@pytest.fixture(scope="module")
def files(folder, authority):
    """Return the folder, with a server's and a client's certificate of the authority."""
    for name in ("server", "client"):
        pair(folder, name, authority)
    return folder


class Secure(Running):
    """A collector that demands clients' certificates."""

    def call(self, method, path, body=None, headers=None, client=True):
        """Return (status, body, headers) of a request over TLS; status 0 when the connection is refused."""
        folder = self.data.parent
        context = ssl.create_default_context(cafile=folder / "authority.pem")
        if client:
            context.load_cert_chain(folder / "client.pem", folder / "client.key")
        request = urllib.request.Request(
            f"https://localhost:{self.port}{path}", data=body, method=method, headers=headers or {}
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)
        except OSError:
            return 0, b"", {}


@pytest.fixture(scope="module")
def secure(files):
    """Return a collector with TLS on both ports."""
    env = {
        "KANSOKU_GRPC_PORT": str(free_port()),
        "KANSOKU_TLS_CERT": str(files / "server.pem"),
        "KANSOKU_TLS_KEY": str(files / "server.key"),
        "KANSOKU_TLS_CLIENT_CA": str(files / "authority.pem"),
    }
    running = Secure(files / "data", env)
    with contextlib.closing(running):
        yield running.start()


def over_grpc(secure, body, *, client):
    """Export over gRPC with TLS; return the code of the answer."""
    folder = secure.data.parent
    own = [(folder / f"client.{kind}").read_bytes() for kind in ("key", "pem")] if client else [None, None]
    credentials = grpc.ssl_channel_credentials((folder / "authority.pem").read_bytes(), *own)
    target = f"localhost:{secure.env['KANSOKU_GRPC_PORT']}"
    with grpc.secure_channel(target, credentials, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            channel.unary_unary(EXPORT)(body, metadata=tuple(secure.key("ingest").items()), timeout=60)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


def test_clients_with_a_certificate_are_let_in_on_both_ports(secure):
    """What they send is stored."""
    over_http, by_grpc = os.urandom(16), os.urandom(16)
    bodies = [
        request_of({"trace_id": i, "attributes": call()}).SerializeToString() for i in (over_http, by_grpc)
    ]
    assert secure.post("traces", bodies[0])[0] == 200
    assert over_grpc(secure, bodies[1], client=True) is grpc.StatusCode.OK
    assert secure.trace(over_http.hex())["spans"]
    assert secure.trace(by_grpc.hex())["spans"]


def test_the_sdk_and_the_dashboard_believe_and_show_the_certificates_of_the_environment(secure, monkeypatch):
    """By the variables that OpenTelemetry's exporters obey; without them such a collector gets nothing."""
    folder, trace_id = secure.data.parent, os.urandom(16)
    body = pack(request_of({"trace_id": trace_id, "attributes": call()}).SerializeToString())

    def post():
        sender = Transport(
            f"https://localhost:{secure.port}/v1/traces",
            api_key=secure.key("ingest")["authorization"].removeprefix("Bearer "),
            content_type=PROTOBUF,
            timeout=30.0,
            retry_seconds=0.0,
        )
        with contextlib.closing(sender):
            return sender.post(body, threading.Event())

    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(folder / "authority.pem"))
    assert post().outcome == "away"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(folder / "client.pem"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(folder / "client.key"))
    assert post().outcome == "accepted"
    assert secure.trace(trace_id.hex())["spans"]
    keys = {"admin_key": secure.key("admin")["authorization"].removeprefix("Bearer ")}
    settings.use(DashboardSettings(collector_url=f"https://localhost:{secure.port}", **keys))
    assert dashboard.get("/v1/stats")["spans_received"] > 0
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_CERTIFICATE")
    assert "CERTIFICATE_VERIFY_FAILED" in post().reason


def test_clients_without_one_and_plain_text_are_not(secure):
    """Neither gets as far as a request; the key alone is not enough."""
    body = request_of({"attributes": call()}).SerializeToString()
    headers = secure.key("ingest") | {"content-type": PROTOBUF}
    assert secure.call("POST", "/v1/traces", body, headers, client=False)[0] == 0
    assert Running.call(secure, "POST", "/v1/traces", body, headers)[0] == 0
    assert over_grpc(secure, body, client=False) is grpc.StatusCode.UNAVAILABLE


def served(secure, port):
    """Return the serial number of the certificate that a port shows."""
    folder = secure.data.parent
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    context.load_cert_chain(folder / "client.pem", folder / "client.key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as found,
    ):
        return found.getpeercert()["serialNumber"]


def test_a_renewed_certificate_is_taken_up_without_a_restart(secure, files, authority):
    """New connections on both ports see the new certificate soon after its files are replaced."""
    ports = secure.port, secure.env["KANSOKU_GRPC_PORT"]
    before = served(secure, ports[0])
    pair(files, "server", authority)
    for port in ports:
        secure.wait_for(lambda port=port: served(secure, port) != before)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_key": "server.key"}, "need KANSOKU_TLS_CERT"),
        ({"tls_cert": "server.pem"}, "needs KANSOKU_TLS_KEY"),
        ({"tls_cert": "server.pem", "tls_key": "client.key"}, "is not the key of the first certificate"),
        ({"tls_cert": "nothing.pem", "tls_key": "server.key"}, "KANSOKU_TLS_CERT=.*: No such file"),
        ({"tls_cert": "server.key", "tls_key": "server.key"}, "KANSOKU_TLS_CERT=.*no certificate in PEM"),
        ({"tls_cert": "server.pem", "tls_key": "server.pem"}, "KANSOKU_TLS_KEY=.*no private key in PEM"),
        ({"tls_cert": "server.pem", "tls_key": "encrypted.key"}, "write it without a passphrase"),
        (
            {"tls_cert": "server.pem", "tls_key": "server.key", "tls_client_ca": "server.key"},
            "KANSOKU_TLS_CLIENT_CA=.*no certificate in PEM",
        ),
    ],
)
def test_wrong_files_are_named_before_anything_starts(files, given, said):
    """A missing half, a key of another certificate, an encrypted one, and files that are something else."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.BestAvailableEncryption(b"secret")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    (files / "encrypted.key").write_bytes(pem)
    with pytest.raises(SettingsError, match=said):
        Tls.of(Settings(**{name: files / value for name, value in given.items()}))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "was good until .*: clients refuse it"),
        (2, "is good until .*: renew it.*"),
        (40, ""),
        (20000, ""),
    ],
)
def test_the_end_of_a_certificate_is_told_before_it_comes(files, days, said):
    """Over, or over within two weeks: a warning with the moment; clocks of either notation are read."""
    certificate_file = files / "server.pem"
    end = certificate.expires(certificate_file)
    loaded = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    assert end == loaded.not_valid_after_utc
    assert re.fullmatch(
        f".*{said}" if said else "", certificate.problem(certificate_file, end - datetime.timedelta(days))
    )


def test_an_end_far_away_is_read(tmp_path):
    """Years from 2050 on are written with four digits."""
    now = datetime.datetime(2060, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(36500)).not_valid_after(now)
    path = tmp_path / "far.pem"
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    assert certificate.expires(path) == now


def test_the_doctor_tells_of_the_certificate(files):
    """A certificate that is over soon, and a key that is another's, need somebody."""
    chosen = {"tls_cert": files / "server.pem", "port": 1, "gateway_port": 1, "data": files / "nowhere"}

    def told(key):
        found = doctor.examine(Settings(**chosen, tls_key=files / key), lambda: None)
        return [(one.well, one.sentence) for one in found if one.sentence.startswith("TLS")]

    assert [(well, "is good until" in said) for well, said in told("server.key")] == [(False, True)]
    assert [(well, "is not the key" in said) for well, said in told("client.key")] == [(False, True)]
