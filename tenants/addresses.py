"""Whose address a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64


def client_network(request: HttpRequest) -> str:
    """The client's IPv4 address, or the /64 of its IPv6 address: one household or host has all of these.

    Behind MEMORY_TRUSTED_PROXY_HOPS proxies it is the entry of X-Forwarded-For that the outermost of them appended.
    What stands left of it is the client's own word and not believed; without a usable entry the peer's address counts.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    return _network(_forwarded(request)) or _network(peer) or peer


def _forwarded(request: HttpRequest) -> str:
    hops = settings.MEMORY_TRUSTED_PROXY_HOPS
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return entries[-hops].strip() if 0 < hops <= len(entries) else ""


def _network(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
