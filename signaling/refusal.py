"""The one exception by which the service says no to a peer: a code for programs, a sentence for people.

Invariant: the sentences are fixed, so that nothing a peer sent is ever echoed to it, to its partner or to a log.
"""

from typing import Final

from shared.errors import RemoteError
from shared.signaling_messages import Error, ErrorCode

_SENTENCES: Final = {
    ErrorCode.MALFORMED: "The message does not follow the protocol.",
    ErrorCode.BAD_TOKEN: "The token is not one that this server signed. Ask for a new one.",
    ErrorCode.EXPIRED_TOKEN: "The token has expired. Ask for a new one.",
    ErrorCode.USED_TOKEN: "The token was used before; each lets one person in once. Ask for a new one.",
    ErrorCode.WRONG_ROOM: "The token is for another room.",
    ErrorCode.WRONG_ROLE: "The token is for another role.",
    ErrorCode.ROLE_TAKEN: "The room already has somebody in this role; sender and receiver meet each other.",
    ErrorCode.ROOM_FULL: "The room already has its two people.",
    ErrorCode.TOO_MANY_ROOMS: "No further room can be opened now. Try again in a minute.",
    ErrorCode.TOO_MANY_CONNECTIONS: "Too many connections are open. Close one, or try again later.",
    ErrorCode.RATE_LIMITED: "Messages come too fast; this one was dropped.",
    ErrorCode.NOT_JOINED: "The first message must be join.",
    ErrorCode.ALREADY_JOINED: "This connection has joined already.",
    ErrorCode.NO_PEER: "Nobody else is in the room yet.",
    ErrorCode.JOIN_DEADLINE: "No join message came in time.",
    ErrorCode.BUSY: "The server cannot admit anybody now. Try again later.",
}


class Refused(RemoteError):
    """What a peer asked for is not allowed; `as_message()` is what it is told."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(_SENTENCES[code])
        self.code = code

    def as_message(self) -> Error:
        """The error message that goes to the peer."""
        return Error(self.code, _SENTENCES[self.code])
