"""An OpenID provider on loopback, a dashboard behind it, and the way of a browser through both."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr
from starlette.testclient import TestClient
from streamlit import config
from streamlit.runtime import Runtime
from streamlit.runtime.secrets import secrets_singleton

from kansoku_dashboard import server, settings
from kansoku_dashboard.settings import DashboardSettings

HERE = "http://testserver"
CLIENT = "kansoku"
SECRET = "a-long-enough-secret"


class Provider:
    """An OpenID provider that lets everybody in as Alice; what it tells of her can be changed."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.reset()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Be as at the start."""
        self.rotate("1")
        self.nonce, self.status, self.asked = "", 200, list[str]()
        self.told: dict[str, Any] = {"email": "alice@example.com", "email_verified": True}
        self.userinfo: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "1"}
        self.given: list[str] = []  # client and secret, read as OAuth has them written
        self.signer: Any = None  # another key than the published one

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on, and publish that one alone."""
        self.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
        self.header = {"alg": "RS256", "kid": kid}

    def id_token(self) -> str:
        """Return what it says of the person, signed."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 60}
        claims |= {"nonce": self.nonce} | self.told
        algorithms = [self.header["alg"]]
        signer = self.signer or self.key
        if algorithms == ["HS256"]:  # with what everybody knows of the key as the secret
            signer = OctKey.import_key(self.key.as_pem(private=False))
        return jwt.encode(self.header, claims, signer, algorithms=algorithms)

    def answer(self, path: str) -> dict[str, object]:
        """Return the JSON of a path."""
        if path == "/token":
            token = self.id_token()
            return {"access_token": "a", "token_type": "Bearer", "id_token": token, "expires_in": 60}
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        if path == "/userinfo":
            return {"sub": "7"} | self.userinfo
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(f"{self.path} {self.headers.get('authorization', '')}".strip())
                body = json.dumps(provider.answer(self.path)).encode()
                self.send_response(provider.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                kind, _, pair = self.headers["authorization"].partition(" ")
                assert kind == "Basic"
                provider.given = [unquote_plus(part) for part in b64decode(pair).decode().split(":", 1)]
                self.do_GET()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def chosen(provider: Provider, **values: object) -> DashboardSettings:
    """Return settings with a login by name."""
    return DashboardSettings(
        **{
            "dashboard_host": "0.0.0.0",
            "dashboard_url": HERE,
            "oidc_metadata_url": f"{provider.issuer}/.well-known/openid-configuration",
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "access": "*@example.com=viewer",
        }
        | values
    )


@contextmanager
def serving(found: DashboardSettings) -> Iterator[TestClient]:
    """Run the server's application; Streamlit allows one runtime and one set of secrets a process."""
    before, Runtime._instance = Runtime._instance, None
    try:
        with TestClient(server.build(found), follow_redirects=False, base_url=HERE) as client:
            yield client
    finally:
        Runtime._instance = before
        secrets_singleton._reset()
        settings.use(DashboardSettings())
        config.set_option("server.baseUrlPath", "")


def ask(client: TestClient, provider: Provider, target: str = "/", base: str = "") -> dict[str, str]:
    """Begin a login as a browser does; return what the provider is asked."""
    answer = client.post(f"{base}/login", params={"next": target})
    answer = client.get(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{provider.issuer}/authorize"), answer.headers
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert query["redirect_uri"] == f"{HERE}{base}/oauth2callback"
    provider.nonce = query["nonce"]
    return query


def finish(client: TestClient, query: dict[str, str], base: str = "") -> str:
    """Come back from the provider; return where that leads."""
    answer = client.get(f"{base}/oauth2callback", params={"code": "c", "state": query["state"]})
    return answer.headers["location"]


def enter(client: TestClient, provider: Provider, target: str = "/", base: str = "") -> str:
    """Go through the login as a browser does; return where it ends."""
    assert finish(client, ask(client, provider, target, base), base) == f"{base}/"
    return client.get(f"{base}/", headers={"accept": "text/html"}).headers.get("location", "")
