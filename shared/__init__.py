"""The bitstream and the call's state machines: what sender, receiver, browser and experiments agree on.

Everything outside `shared.transport` is sans-IO: no sockets, no clock, no asyncio; time is handed in as `now_us`.
"""
