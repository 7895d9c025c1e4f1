"""Lets ICE use 127.0.0.1 when the machine has no other address, so that a demo runs without any network.

Must not import anything of this project. Invariant: with any other address at hand nothing changes.

Workaround. Cause: aioice (0.13) never gathers loopback addresses, and with none left a call on an offline
machine has no candidates. Cost: one method of one `aioice.Connection` instance is wrapped. Remove it when
aioice can be told its addresses.
"""

from aioice import Candidate, Connection, TransportPolicy


def use_loopback_when_alone(connection: Connection) -> None:
    """Wrap one connection, before it gathers its candidates. A relay-only connection is left alone."""
    if connection._transport_policy is not TransportPolicy.ALL:
        return
    gather = connection.get_component_candidates

    async def gather_with_fallback(component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        return await gather(component, addresses or ["127.0.0.1"], timeout)

    connection.get_component_candidates = gather_with_fallback  # type: ignore[method-assign]
