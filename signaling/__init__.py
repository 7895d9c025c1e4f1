"""The signaling service: rooms of two, join tokens, ICE servers. Peers meet here; the call never passes through.

Imports `shared`, aiohttp and PyJWT; never torch or numpy. Run as `python -m signaling serve|token|secret`.
"""
