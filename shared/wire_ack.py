"""The acknowledgement: what one end has received, and what it asks for.

Stands alone as a message or inside a bundle (two-way calls). Must not import coders, state machines or clocks.
Invariant: `parse_ack` raises `MalformedMessage` only; every field it returns is in its documented range.
"""

from dataclasses import dataclass
from typing import Final

from shared.byte_reader import ByteReader, pack_uints
from shared.errors import MalformedMessage
from shared.limits import GALLERY_SIZE

PROTOCOL_VERSION: Final = 1
TYPE_ACK: Final = 2
AGE_MAX_MS: Final = 0xFFFF
JITTER_MAX_MS: Final = 0xFF

_ACK_COUNT = 0x07
_ACK_REQUEST = 0x08
_ACK_WANTS_KEYFRAME = 0x10
_ACK_BASES_LOST = 0x20
_ACK_MOTION = 0x40
_ACK_REPORT = 0x80


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Parts of a keyframe that the receiver lacks: bit i of `missing` (16 bits) is part i; all ones: all of it."""

    keyframe_id: int
    missing: int


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What arrived. highest_seq: newest bundle; history: bit i set = bundle highest_seq-1-i was received and decoded.

    age_ms: time from the newest bundle's arrival to this report (0..65535). jitter_ms: interarrival jitter
    (RFC 3550, section 6.4.1), 0..255; both saturate.
    """

    highest_seq: int
    history: int
    age_ms: int
    jitter_ms: int


@dataclass(frozen=True, slots=True)
class Ack:
    """What one end has received from the other.

    newest_motion_ms: wrapped time of the newest decoded motion frame. keyframes_held: ids in the gallery, at most
    GALLERY_SIZE. wants_keyframe: please choose a new reference. bases_lost: forget every acknowledged frame, code
    absolute.
    """

    report: BundleReport | None = None
    newest_motion_ms: int | None = None
    keyframes_held: tuple[int, ...] = ()
    request: PartRequest | None = None
    wants_keyframe: bool = False
    bases_lost: bool = False

    def body(self) -> bytes:
        """The acknowledgement without version and type, as it also stands in a bundle."""
        flags = (
            len(self.keyframes_held)
            | _ACK_WANTS_KEYFRAME * self.wants_keyframe
            | _ACK_BASES_LOST * self.bases_lost
        )
        pieces = [b""]
        if self.report is not None:
            flags |= _ACK_REPORT
            pieces.append(pack_uints((self.report.highest_seq, 2), (self.report.history, 4)))
            pieces.append(
                pack_uints(
                    (min(self.report.age_ms, AGE_MAX_MS), 2),
                    (min(self.report.jitter_ms, JITTER_MAX_MS), 1),
                )
            )
        if self.newest_motion_ms is not None:
            flags |= _ACK_MOTION
            pieces.append(self.newest_motion_ms.to_bytes(3, "big"))
        pieces.append(bytes(self.keyframes_held))
        if self.request is not None:
            flags |= _ACK_REQUEST
            pieces.append(pack_uints((self.request.keyframe_id, 1), (self.request.missing, 2)))
        pieces[0] = bytes([flags])
        return b"".join(pieces)

    def __bytes__(self) -> bytes:
        return bytes([PROTOCOL_VERSION << 4 | TYPE_ACK]) + self.body()


def parse_ack(reader: ByteReader) -> Ack:
    """The acknowledgement at the reader's place. Raises MalformedMessage."""
    flags = reader.uint(1)
    report = newest_motion_ms = request = None
    if flags & _ACK_REPORT:
        report = BundleReport(reader.uint(2), reader.uint(4), reader.uint(2), reader.uint(1))
    if flags & _ACK_MOTION:
        newest_motion_ms = reader.uint(3)
    held = tuple(reader.take(flags & _ACK_COUNT))
    if len(held) > GALLERY_SIZE or len(set(held)) != len(held):
        raise MalformedMessage(
            f"acknowledgement lists {len(held)} keyframes, at most {GALLERY_SIZE} different ones"
        )
    if flags & _ACK_REQUEST:
        request = PartRequest(reader.uint(1), reader.uint(2))
        if request.missing == 0:
            raise MalformedMessage("keyframe request for no part")
    wants, lost = bool(flags & _ACK_WANTS_KEYFRAME), bool(flags & _ACK_BASES_LOST)
    return Ack(report, newest_motion_ms, held, request, wants, lost)
