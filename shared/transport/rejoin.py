"""Waits for a lost peer to come back.

Must import the standard library and `shared` only, no transport's implementation. Invariant: it ends in the time that it is
given, whatever the attempts do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from shared.errors import RemoteError, UserError
from shared.transport.base import Transport

RETRY_S: Final = 1.0
"""Pause between attempts to meet the peer again: the service allows 20 messages a second."""
Meet = Callable[[], Awaitable[Transport]]


async def meet_again(meet: Meet, wait_s: float) -> Transport | None:
    """The lost peer's next transport; None when it does not come within wait_s."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            while True:
                with suppress(
                    UserError, RemoteError
                ):  # not there yet, or the lost connection's seat is not free yet
                    return await meet()
                await asyncio.sleep(RETRY_S)
    return None
