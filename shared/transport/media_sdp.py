"""What a WHEP player's or WHIP publisher's offer may be, checked before aiortc's parser acts on it.

Must not import aiortc. Invariant: an offer that passes is at most one section of sound and one of pictures in one bundle,
in the direction that was asked for, and makes aiortc create no SCTP association.
"""

from typing import Final

from shared.errors import LimitExceeded, MalformedMessage, RemoteError
from shared.limits import SDP_MAX_CANDIDATES, SIGNALING_SDP_MAX_BYTES

PLAYS: Final = frozenset({"recvonly", "sendrecv"})
"""Directions of a player's offer (draft-ietf-wish-whep-02, "Playback Session Setup")."""
PUBLISHES: Final = frozenset({"sendonly", "sendrecv"})
"""Directions of a publisher's offer (RFC 9725 section 4.2)."""
_DIRECTIONS: Final = PLAYS | PUBLISHES | {"inactive"}


class NotAcceptable(RemoteError):
    """An offer that is well formed, but for another kind of session than the one that is held here (HTTP 406)."""


def check_media_offer(sdp: str, directions: frozenset[str]) -> None:
    """Raise LimitExceeded, MalformedMessage or NotAcceptable unless `sdp` (RFC 8866) may be given to aiortc.

    RFC 9725 sections 4.4.1 (one bundle), 4.4.2 (one track of a kind) and 4.4.3 (all of the offer or nothing).
    """
    if len(sdp.encode("utf-8", "surrogatepass")) > SIGNALING_SDP_MAX_BYTES:
        raise LimitExceeded(f"session description longer than {SIGNALING_SDP_MAX_BYTES} bytes")
    head, *sections = _sections(sdp)
    kinds = [section[0].removeprefix("m=").split(" ")[0] for section in sections]
    if not head or not head[0].startswith("v=0") or not kinds:
        raise MalformedMessage("not a session description with media")
    if sorted(kinds) not in (["audio"], ["video"], ["audio", "video"]):
        raise NotAcceptable("the offer must have at most one audio and one video section, and nothing else")
    _check_lines([line for section in (head, *sections) for line in section])
    _check_bundle(head, sections)
    for section in sections:
        if _direction(section, head) not in directions:
            raise NotAcceptable(f"each section must be {' or '.join(sorted(directions))}")


def _check_lines(lines: list[str]) -> None:
    if sum(line.startswith("a=candidate:") for line in lines) > SDP_MAX_CANDIDATES:
        raise LimitExceeded(f"more than {SDP_MAX_CANDIDATES} ICE candidates")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise MalformedMessage("session description without a DTLS fingerprint")


def _check_bundle(head: list[str], sections: list[list[str]]) -> None:
    """All sections in one group under names of their own: a group of others makes aiortc (1.16) fail in a task of its own."""
    mids = [line.removeprefix("a=mid:") for lines in sections for line in lines if line.startswith("a=mid:")]
    bundles = [line.split(" ")[1:] for line in head if line.startswith("a=group:BUNDLE")]
    if len(sections) == 1 and not bundles and len(mids) <= 1:
        return
    if (
        len(set(mids)) != len(sections)
        or "" in mids
        or [sorted(bundle) for bundle in bundles] != [sorted(mids)]
    ):
        raise NotAcceptable("all sections must be in one BUNDLE group")


def _sections(sdp: str) -> list[list[str]]:
    """The lines before the first m= line, then those of each media section."""
    found: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            found.append([])
        found[-1].append(line)
    return found


def _direction(section: list[str], head: list[str]) -> str:
    """A section's own direction, else the session's, else sendrecv (RFC 8866 section 6.7)."""
    for lines in (section, head):
        for line in lines:
            if line.removeprefix("a=") in _DIRECTIONS and line.startswith("a="):
                return line.removeprefix("a=")
    return "sendrecv"
