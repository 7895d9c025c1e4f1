"""shared.transport.quiet_end: chunks of an association whose path is gone."""

from typing import Any

import pytest
from aiortc.rtcsctptransport import Chunk, ShutdownChunk
from OpenSSL import SSL

from shared.transport.quiet_end import QuietEnd


class Association:
    """raises: what the layers below do."""

    def __init__(self, raises: BaseException | None) -> None:
        self.sent: list[Chunk] = []
        self._raises = raises

    async def _send_chunk(self, chunk: Chunk) -> None:
        if self._raises is not None:
            raise self._raises
        self.sent.append(chunk)


async def _send(raises: BaseException | None) -> list[Chunk]:
    made: Any = Association(raises)
    QuietEnd(made)
    await made._send_chunk(ShutdownChunk())
    return list(made.sent)


async def test_what_can_be_sent_is_sent() -> None:
    assert len(await _send(None)) == 1


@pytest.mark.parametrize(
    "gone", [ConnectionError("not connected"), SSL.Error([("SSL routines", "", "shutdown")])]
)
async def test_a_path_that_is_gone_raises_nothing(gone: BaseException) -> None:
    assert await _send(gone) == []


async def test_a_mistake_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="mistake"):
        await _send(ValueError("a mistake"))
