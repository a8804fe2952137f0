"""The certificate that OTLP is served with, and the authorities whose clients are let in."""

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kansoku_collector.errors import SettingsError
from kansoku_collector.receive import certificate

log = logging.getLogger("kansoku")


@dataclass
class Tls:
    """PEM files; a renewed certificate is taken up by new connections, without a restart."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    _stamp: tuple[int, ...] = field(default=(), init=False)

    @classmethod
    def of(cls, settings: Any) -> "Tls | None":
        """Return what the settings name, None without a certificate; raise SettingsError when it is wrong."""
        if settings.tls_cert is None:
            if settings.tls_key or settings.tls_client_ca:
                raise SettingsError("KANSOKU_TLS_KEY and KANSOKU_TLS_CLIENT_CA need KANSOKU_TLS_CERT")
            return None
        if settings.tls_key is None:
            raise SettingsError("KANSOKU_TLS_CERT needs KANSOKU_TLS_KEY")
        tls = cls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        certificate.check(tls.cert, tls.key, tls.client_ca)
        tls.warn()
        tls.changed()
        return tls

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context the certificate as it is on disk now."""
        # Without a password OpenSSL would ask the terminal for that of an encrypted key, and wait.
        context.load_cert_chain(self.cert, self.key, password="")
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)

    def warn(self) -> None:
        """Say in the log when the certificate is over, or soon will be."""
        if sentence := certificate.problem(self.cert):
            log.warning("%s", sentence)

    def changed(self) -> bool:
        """Tell whether a file has changed since this was asked last."""
        try:
            stamp = tuple(path.stat().st_mtime_ns for path in (self.cert, self.key))
        except OSError:
            return False
        found, self._stamp = stamp != self._stamp, stamp
        return found

    def for_uvicorn(self) -> dict[str, Any]:
        """Return the options of uvicorn."""
        demanded = {"ssl_ca_certs": str(self.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
        return {"ssl_certfile": str(self.cert), "ssl_keyfile": str(self.key)} | (
            demanded if self.client_ca is not None else {}
        )

    def for_grpc(self) -> Any:
        """Return the credentials of a gRPC server, which reads the files again for new connections."""
        import grpc  # noqa: PLC0415 - only with gRPC

        def read() -> Any:
            authorities = self.client_ca.read_bytes() if self.client_ca is not None else None
            pair = (self.key.read_bytes(), self.cert.read_bytes())
            return grpc.ssl_server_certificate_configuration([pair], authorities)

        stamp = [self._stamp]

        def fetch() -> Any:
            if stamp[0] == self._stamp:
                return None
            stamp[0] = self._stamp
            return read()

        return grpc.dynamic_ssl_server_credentials(
            read(), fetch, require_client_authentication=self.client_ca is not None
        )
