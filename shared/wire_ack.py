"""The acknowledgement: what one end has received, and what it asks for.

Stands alone as a message or inside a bundle (two-way calls). Must not import coders, state machines or clocks.
Invariant: `parse_ack` raises `MalformedMessage` only; every field it returns is in its documented range.
"""

from dataclasses import dataclass
from typing import Final

from shared.byte_reader import ByteReader, pack_uints
from shared.errors import MalformedMessage
from shared.frames import VideoKind
from shared.limits import ARRIVAL_GAPS_MAX, GALLERY_SIZE

PROTOCOL_VERSION: Final = 1
TYPE_ACK: Final = 2
AGE_MAX_MS: Final = 0xFFFF
JITTER_MAX_MS: Final = 0xFF

_ACK_COUNT = 0x07
_ACK_REQUEST = 0x08
_ACK_WISHES = 0x10
_ACK_BASES_LOST = 0x20
_ACK_MOTION = 0x40
_ACK_REPORT = 0x80
_WISH_KEYFRAME = 0x01
_WISH_INTRA = {VideoKind.THUMBNAIL: 0x02, VideoKind.VIDEO: 0x04}
GAP_MAX_TICKS: Final = 0xFF
TICK_WRAP: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Parts of a keyframe that the receiver lacks: bit i of `missing` (16 bits) is part i; all ones: all of it."""

    keyframe_id: int
    missing: int


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What arrived. highest_seq: newest bundle; history: bit i set = bundle highest_seq-1-i was received and decoded.

    age_ms: time from the newest bundle's arrival to this report (0..65535). jitter_ms: interarrival jitter
    (RFC 3550, section 6.4.1), 0..255; both saturate. arrival_ticks: when the newest bundle arrived, in ARRIVAL_TICK_US
    of a clock of the receiver's own, 0..65535, wraps. gaps_ticks: for the received bundles before it, newest first, at
    most ARRIVAL_GAPS_MAX, how long before the next newer one each arrived, 0..255; cut at the first that is outside.
    """

    highest_seq: int
    history: int
    age_ms: int
    jitter_ms: int
    arrival_ticks: int = 0
    gaps_ticks: tuple[int, ...] = ()

    def __bytes__(self) -> bytes:
        return pack_uints(
            (self.highest_seq, 2),
            (self.history, 4),
            (min(self.age_ms, AGE_MAX_MS), 2),
            (min(self.jitter_ms, JITTER_MAX_MS), 1),
            (self.arrival_ticks, 2),
            (len(self.gaps_ticks), 1),
        ) + bytes(self.gaps_ticks)


@dataclass(frozen=True, slots=True)
class Ack:
    """What one end has received from the other.

    newest_motion_ms: wrapped time of the newest decoded motion frame. keyframes_held: ids in the gallery, at most
    GALLERY_SIZE. wants_keyframe: please choose a new reference. bases_lost: forget every acknowledged frame, code
    absolute. wants_intra: kinds of video whose next picture shall stand alone, in their order.
    """

    report: BundleReport | None = None
    newest_motion_ms: int | None = None
    keyframes_held: tuple[int, ...] = ()
    request: PartRequest | None = None
    wants_keyframe: bool = False
    bases_lost: bool = False
    wants_intra: tuple[VideoKind, ...] = ()

    def body(self) -> bytes:
        """The acknowledgement without version and type, as it also stands in a bundle."""
        wishes = _WISH_KEYFRAME * self.wants_keyframe | sum(
            _WISH_INTRA[kind] for kind in set(self.wants_intra)
        )
        flags = len(self.keyframes_held) | _ACK_WISHES * bool(wishes) | _ACK_BASES_LOST * self.bases_lost
        pieces = [b""]
        if self.report is not None:
            flags |= _ACK_REPORT
            pieces.append(bytes(self.report))
        if self.newest_motion_ms is not None:
            flags |= _ACK_MOTION
            pieces.append(self.newest_motion_ms.to_bytes(3, "big"))
        pieces.append(bytes(self.keyframes_held))
        if self.request is not None:
            flags |= _ACK_REQUEST
            pieces.append(pack_uints((self.request.keyframe_id, 1), (self.request.missing, 2)))
        pieces[0] = bytes([flags])
        return b"".join(pieces) + (bytes([wishes]) if wishes else b"")

    def __bytes__(self) -> bytes:
        return bytes([PROTOCOL_VERSION << 4 | TYPE_ACK]) + self.body()


def parse_ack(reader: ByteReader) -> Ack:
    """The acknowledgement at the reader's place. Raises MalformedMessage."""
    flags = reader.uint(1)
    report = newest_motion_ms = request = None
    if flags & _ACK_REPORT:
        report = _parse_report(reader)
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
    wishes = reader.uint(1) if flags & _ACK_WISHES else 0
    intra = tuple(kind for kind, bit in _WISH_INTRA.items() if wishes & bit)
    keyframe, lost = bool(wishes & _WISH_KEYFRAME), bool(flags & _ACK_BASES_LOST)
    return Ack(report, newest_motion_ms, held, request, keyframe, lost, intra)


def _parse_report(reader: ByteReader) -> BundleReport:
    numbers = reader.uint(2), reader.uint(4), reader.uint(2), reader.uint(1), reader.uint(2)
    gaps = reader.uint(1)
    if gaps > ARRIVAL_GAPS_MAX:
        raise MalformedMessage(f"acknowledgement describes {gaps} arrivals, at most {ARRIVAL_GAPS_MAX}")
    return BundleReport(*numbers, tuple(reader.take(gaps)))
