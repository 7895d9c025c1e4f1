"""Puts a link between two pages: every packet of their call passes the project's UDP proxy, which counts it and may lose it.

    page --WebSocket--> [what it says is rewritten] --> signaling service
    page <-- UDP --> [UdpProxy with the link's impairments] <-- UDP --> page

Must not import Playwright (contexts are handed in). Invariant: the pages know no address of each other but the proxy's. The
browser has to be started with `chromium.OWN_ADDRESSES`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from experiments.network.links import Link
from experiments.network.relay import Relay
from shared.signaling_messages import Role
from shared.transport.udp_proxy import ProxyCount

WHOLE_DESCRIPTIONS: Final = """
// A description leaves the page when all its candidates are in it, as a proxy in front of them needs it.
(() => {
  const describe = RTCPeerConnection.prototype.setLocalDescription;
  RTCPeerConnection.prototype.setLocalDescription = async function (...given) {
    await describe.apply(this, given);
    while (this.iceGatheringState !== "complete") {
      await new Promise((go) => this.addEventListener("icegatheringstatechange", go, { once: true }));
    }
  };
})();
"""


class PageLink:
    """One call's link. `attach` both contexts before their pages are opened, with a side of the link each."""

    def __init__(self, relay: Relay, rewrite: Any) -> None:
        self._relay, self._rewrite = relay, rewrite

    def attach(self, context: Any, side: Role) -> None:
        """side: SENDER or RECEIVER; what "forward" means. Pages send both ways all the same."""
        context.add_init_script(WHOLE_DESCRIPTIONS)

        def carry(socket: Any) -> None:
            service = socket.connect_to_server()

            def up(text: str) -> None:
                rewritten = self._rewrite(text, side)
                if rewritten is not None:
                    service.send(rewritten)

            socket.on_message(up)

        context.route_web_socket("**/ws", carry)

    def counts(self) -> tuple[ProxyCount, ProxyCount]:
        """Packets of SENDER's page, and of RECEIVER's, so far."""
        return self._relay.counts()


@contextmanager
def between_pages(link: Link) -> Iterator[PageLink]:
    """The link, for as long as the block lasts."""
    relay = Relay(link)
    with relay.rewriting() as rewrite:
        yield PageLink(relay, rewrite)
