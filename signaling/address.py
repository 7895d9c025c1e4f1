"""The address that a request's limits count against.

Invariant: a header that names the client is believed only from a proxy that was named at start; whatever comes, the
answer is a short text.
"""

import ipaddress
from collections.abc import Collection, Sequence


def client_address(remote: str | None, forwarded_for: Sequence[str], proxies: Collection[str]) -> str:
    """The IPv4 address, the /64 of an IPv6 address (a household has a whole one), or "unknown".

    `forwarded_for`: X-Forwarded-For values in order. Behind a named proxy the last one counts, the only one that
    the proxy wrote itself.
    """
    text = remote or ""
    if text in proxies and forwarded_for:
        text = forwarded_for[-1].rsplit(",", 1)[-1].strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
