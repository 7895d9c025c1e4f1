"""Talks to a receiver for a minute, to be killed meanwhile: python -m tests.receiver.peer_process URL TOKEN MODEL."""

import asyncio
import sys

from shared.join_token import join_from_token
from shared.transport.signaling_client import connect_call
from tests.receiver.remote import Remote


async def main(url: str, token: str, model: str) -> None:
    transport = await connect_call(url, join_from_token(token))
    print("talking", flush=True)
    await Remote(transport, model=model).talk(60_000)


asyncio.run(main(*sys.argv[1:]))
