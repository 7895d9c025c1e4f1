"""shared.transport.fingerprints."""

import pytest

from shared.transport.fingerprints import fingerprints_of
from shared.transport.memory_link import MemoryLink
from shared.transport.webrtc import WebRtcTransport
from tests.shared.transport.pairs import webrtc_pair


@pytest.mark.network
async def test_each_end_of_a_connection_sees_the_others_certificate() -> None:
    async with webrtc_pair() as (one, other):
        ours, theirs = fingerprints_of(one), fingerprints_of(other)
    assert ours is not None and theirs is not None
    assert (ours.local, ours.remote) == (theirs.remote, theirs.local) and ours.local != ours.remote


async def test_before_the_handshake_there_is_nothing_to_compare() -> None:
    transport = WebRtcTransport()
    with pytest.raises(RuntimeError, match="once the call is open"):
        fingerprints_of(transport)
    await transport.close()


async def test_a_link_inside_a_process_has_none() -> None:
    link = MemoryLink()
    assert fingerprints_of(link.a) is None
    await link.a.close()
    await link.b.close()
