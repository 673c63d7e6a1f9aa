"""Where a request comes from: whether a browser was talked into it, and which peer it speaks for.

A browser sends the password or cookie that it knows along with every request to an address, whoever asks: a
page from elsewhere, or a name that was bent to lead here. Only what a person typed in can be trusted, so the
names must be ours. Addresses in numbers and names without a dot cannot be registered by a stranger.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from annotator.settings import Settings, load_credentials

SETTING = "ONETAG_ALLOWED_HOSTS"
SHOWN = 100  # characters of a name, which a stranger may have chosen


class Origins:
    """Tells whether a request comes by a name, and from a page, that are this backend's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Why a request with these headers is not answered, for people; None where it is."""
        if host and not self._is_ours(_name(host)):
            return f"This backend does not know itself as {host[:SHOWN]!r}: if it is, name it in {SETTING}."
        if origin and not self._is_own_page(origin, host or ""):
            return (
                f"A page of {origin[:SHOWN]!r} may not ask this backend: if it is one of its own, "
                f"name its host in {SETTING}."
            )
        return None

    def _is_ours(self, name: str) -> bool:
        given = load_credentials(self._settings.data_dir).get("backend_url", "")  # to Label Studio
        return (
            "." not in name
            or name.endswith(".localhost")
            or _is_number(name)
            or name in self._settings.allowed_hosts
            or name in (self._settings.host.lower(), _name(urlsplit(given).netloc))
        )

    def _is_own_page(self, origin: str, host: str) -> bool:
        netloc = urlsplit(origin).netloc.lower()
        return bool(netloc) and (netloc == host.lower() or _name(netloc) in self._settings.allowed_hosts)


def source_of(address: str) -> str:
    """What one peer can speak from: an IPv4 address, or the network of an IPv6 address.

    >>> source_of("2001:db8::1") == source_of("2001:db8::2")
    True
    """
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:  # a socket of this machine, or what a proxy in front calls it
        return address[:SHOWN]
    if isinstance(read, IPv6Address) and read.ipv4_mapped is None:
        return str(ip_network((read, 64), strict=False))
    return str(read)


def _name(host: str) -> str:
    """The name in a Host header or an address, without its port.

    >>> _name("[::1]:9090"), _name("Host.example.:80")
    ('::1', 'host.example')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return "not.a.name"


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
