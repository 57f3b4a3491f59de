"""Where a webhook may go: resolved once, and only to addresses of the public internet, or that the operator allows."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from app.settings import settings

Address = IPv4Address | IPv6Address
TUNNELS = tuple(map(ip_network, ("2002::/16", "2001::/32")))
"""IPv6 that carries an IPv4 address inside: what it leads to cannot be told by its own range."""
UNICAST = ip_network("2000::/3")
"""All of IPv6 that is routed between networks; what else is old, of one site, or translated into IPv4."""
RESERVED = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Of protocols, relays and examples; not all of it is private to Python 3.11."""


class Refused(Exception):
    """This URL is none that a webhook may go to; the message says why and names no address."""


@dataclass(frozen=True)
class Place:
    """A URL with its host resolved. What is connected to is `address`, so that a second look-up cannot lead elsewhere."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""
    address: Address

    @property
    def url(self) -> str:
        literal = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{self.scheme}://{literal}:{self.port}{self.target}"

    @property
    def host_header(self) -> str:
        usual = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


def resolve(url: str) -> Place:
    """The place of a URL. Raises Refused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("is no URL") from None
    if not (url.isascii() and url.isprintable()):
        raise Refused("must be of printable ASCII")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise Refused("must be http or https with a host and without a user")
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("has a host that cannot be found") from None
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not (_allowed(address) or _public(address)):
            raise Refused("leads into a private network; the operator can allow it (GAN_ADVISOR_WEBHOOK_NETWORKS)")
    if parts.scheme == "http" and not all(map(_allowed, addresses)):
        raise Refused("must be https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, target, addresses[0])


def _plain(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _public(address: Address) -> bool:
    address = _plain(address)
    if address.version == 6 and address not in UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in some for some in (*TUNNELS, *RESERVED))


def _allowed(address: Address) -> bool:
    address = _plain(address)
    return any(address in ip_network(network, strict=False) for network in settings().webhook_networks)
