"""Where the ML backend is reached: by this machine, by Label Studio, and by people."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from annotator.settings import NO_ADDRESS, Settings, load_credentials

BACKEND_URL = "backend_url"
"""The field of the credentials file with the address that Label Studio was given."""


def backend_url(settings: Settings) -> str:
    """Where the ML backend answers on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def address_for_studio(settings: Settings) -> str:
    """Where Label Studio reaches the ML backend: as `onetag connect` was told, else on this machine."""
    return load_credentials(settings.data_dir).get(BACKEND_URL) or backend_url(settings)


def page_url(settings: Settings) -> str:
    """Where people open the page, without a slash at its end; empty where no browser is known to reach it.

    Where nobody gave an address, Label Studio's way to the backend serves: on this machine for a Label Studio
    on this machine, else by a number or a name with a dot. Other names, such as those of containers, are
    known to no browser.
    """
    if settings.address:
        return "" if settings.address == NO_ADDRESS else f"{settings.address}/page"
    parts = urlsplit(address_for_studio(settings))
    host = parts.hostname or ""
    if _is_loopback(host):
        reached = _is_loopback(urlsplit(settings.label_studio_url or "").hostname or "")
    else:
        reached = "." in host or ":" in host
    netloc = parts.netloc.rpartition("@")[2]  # never a password
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}/page" if reached else ""


def exposure(settings: Settings) -> str | None:
    """What it means that the ML backend listens beyond this machine, for people; None where it does not.

    >>> exposure(Settings(host="localhost")) is None
    True
    """
    if _is_loopback(settings.host):
        return None
    return (
        f"The ML backend listens on {settings.host}, beyond this machine, and speaks no TLS: who reads the "
        "network reads the secret, tasks and answers, and who reaches the port may knock. "
        "Put a proxy with TLS in front of it, and let the port be reached from there alone."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # another name
        return False
