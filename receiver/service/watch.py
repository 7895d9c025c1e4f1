"""One port at which viewers watch many calls, each at `/whep/ROOM` and with that room's own key.

    room's SinkSet --> WatchSink (stage) --> viewers of this room only
                           +-- place of WhipServer: /whep/ROOM, Authorization: Bearer KEY

Must be imported only when a port was asked for (aiortc). Invariant: a viewer who was let in by one room's key gets that room's
stage and no other; a room that ends takes its viewers with it, and nobody else's.
"""

from collections.abc import Callable

from receiver.service.config import WATCH_PATH
from receiver.sinks.whep import WatchedSink
from shared.limits import SERVICE_VIEWERS_MAX
from shared.transport.media_peer import MediaPeer
from shared.transport.whip_access import WhipAccess
from shared.transport.whip_http import Busy
from shared.transport.whip_server import WhipServer


class WatchServer:
    """`open` a sink for each room; `close` at the end. Raises UserError when its address cannot be had."""

    def __init__(self, access: WhipAccess) -> None:
        self._server = WhipServer(access, None)
        self._sinks: set[WatchSink] = set()
        self.port = self._server.port

    @property
    def viewers(self) -> int:
        """Of all rooms, just now."""
        return sum(sink.viewers for sink in tuple(self._sinks))

    def open(self, room: str, key: str) -> "WatchSink":
        """Serve a room, until the sink is closed. A room has one sink at a time."""
        sink = WatchSink(self, room)
        self._sinks.add(sink)
        self._server.add_place(_path(room), key, sink.open_viewer)
        return sink

    def forget(self, sink: "WatchSink") -> None:
        """Serve its room no more."""
        if sink in self._sinks:
            self._sinks.remove(sink)
            self._server.remove_place(_path(sink.room))

    def close(self) -> None:
        """Say goodbye to all viewers and free the address."""
        self._server.close()


class WatchSink(WatchedSink):
    """A `Sink` of one room, see `WatchServer.open`."""

    def __init__(self, server: WatchServer, room: str) -> None:
        super().__init__("watch")
        self.room = room
        self._server = server

    async def open_viewer(self, offer: str, on_end: Callable[[], None]) -> MediaPeer:
        """An `OpenSession`. Raises RemoteError and Busy."""
        if self._server.viewers >= SERVICE_VIEWERS_MAX:
            raise Busy("too many viewers")
        return await super().open_viewer(offer, on_end)

    def close(self) -> None:
        """Say goodbye to the room's viewers."""
        self._server.forget(self)


def _path(room: str) -> str:
    return f"{WATCH_PATH}/{room}"
