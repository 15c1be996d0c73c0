"""Whose address a request comes from, and that nobody may choose it."""

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from tenants.addresses import client_network

PEER = "192.0.2.1"


def network(forwarded=None, peer=PEER):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_network(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


def test_without_a_proxy_the_header_is_not_believed():
    assert network("203.0.113.9") == PEER


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", PEER),
        (1, "", PEER),
        (1, None, PEER),
        (1, "203.0.113.9, unknown", PEER),
        (1, "203.0.113.9:80", PEER),
        (1, "203.0.113.9,", PEER),
        (1, "203.0.113.999", PEER),
    ],
)
def test_the_entry_of_the_outermost_trusted_proxy_counts(settings, hops, forwarded, expected):
    settings.MEMORY_TRUSTED_PROXY_HOPS = hops
    assert network(forwarded) == expected


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_ipv6_is_counted_by_its_64_and_ipv4_by_itself(peer, expected):
    assert network(peer=peer) == expected


@given(spoofed=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])), hops=st.integers(1, 3))
def test_nothing_a_client_writes_changes_its_address(spoofed, hops):
    proxies = ", ".join(["203.0.113.9", "10.0.0.1", "10.0.0.2"][:hops])
    with override_settings(MEMORY_TRUSTED_PROXY_HOPS=hops):
        assert network(f"{spoofed}, {proxies}") == "203.0.113.9"
