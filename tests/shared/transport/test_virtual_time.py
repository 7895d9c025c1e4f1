"""The event loop that does not wait."""

import asyncio
import time

import pytest

from shared.transport.virtual_time import loop_now_us, run_virtual


def test_an_hour_of_sleep_takes_no_real_time() -> None:
    async def main() -> int:
        for _ in range(3600):
            await asyncio.sleep(1)
        return loop_now_us()

    begin_s = time.monotonic()
    assert run_virtual(main()) == 3_600_000_000
    assert time.monotonic() - begin_s < 5


def test_timers_fire_in_order_at_their_exact_microsecond() -> None:
    async def main() -> list[tuple[str, int]]:
        fired: list[tuple[str, int]] = []
        loop = asyncio.get_running_loop()
        for name, at_us in (("c", 333_334), ("a", 100_001), ("b", 333_333)):
            loop.call_at(at_us / 1e6, lambda fired_name: fired.append((fired_name, loop_now_us())), name)
        await asyncio.sleep(1)
        return fired

    assert run_virtual(main()) == [("a", 100_001), ("b", 333_333), ("c", 333_334)]


def test_timeouts_follow_virtual_time() -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_virtual(main())


def test_a_program_that_would_wait_for_ever_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="virtual time stands still"):
        run_virtual(main())
