"""The asyncio edge of both ends: WebRTC peer, wire counter, in-process link with virtual time, signaling
client.

May import `shared`, asyncio, aiortc and aiohttp, nothing of `sender`, `receiver`, `models` or `signaling`.
Invariant: transports move opaque messages; no module here knows what is in them.
"""
