"""Ends asyncio tasks in good order. Must import the standard library only."""

import asyncio
from collections.abc import Sequence


async def cancelled(tasks: "Sequence[asyncio.Task[None]]") -> None:
    """Cancels tasks and returns when they have ended."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
