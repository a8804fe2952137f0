"""The address at which readers open the dashboard, in the one form that browsers use."""

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def read_address(text: str) -> str:
    """Return an address without what a browser leaves out of an origin; raise ValueError with a sentence.

    read_address("HTTPS://Kansoku.example.com:443/") == "https://kansoku.example.com"
    """
    if not (text := text.strip()):
        return ""
    parts = urlsplit(text)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("write an address such as https://kansoku.example.com, or with a path after it")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the address has no user, no `?` and no `#`")
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}"
