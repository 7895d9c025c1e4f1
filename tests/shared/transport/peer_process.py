"""A peer in its own process, to be killed: reads an offer as one JSON line, prints the answer, talks for ever."""

import asyncio
import json
import sys

from shared.frames import Channel, Outgoing
from shared.transport.webrtc import WebRtcTransport


async def main() -> None:
    transport = WebRtcTransport()
    answer = await transport.accept_offer(json.loads(sys.stdin.readline()))
    print(json.dumps(answer), flush=True)
    await transport.wait_open()
    while True:
        await transport.send(Outgoing(Channel.RT, b"alive"))
        await asyncio.sleep(0.05)


asyncio.run(main())
