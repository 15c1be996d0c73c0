"""Whose address a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The client's IP address, "" if there is none.

    Behind MEMORY_TRUSTED_PROXY_HOPS proxies it is the entry of X-Forwarded-For that the outermost of them appended.
    What stands left of it is the client's own word and not believed; without a usable entry the peer's address counts.
    """
    address = _parsed(_forwarded(request)) or _parsed(request.META.get("REMOTE_ADDR", ""))
    return str(address or "")


def client_network(request: HttpRequest) -> str:
    """The client's IPv4 address, or the /64 of its IPv6 address: one household or host has all of these."""
    address = _parsed(client_address(request))
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address or request.META.get("REMOTE_ADDR", ""))


def _forwarded(request: HttpRequest) -> str:
    hops = settings.MEMORY_TRUSTED_PROXY_HOPS
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return entries[-hops].strip() if 0 < hops <= len(entries) else ""


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
