"""Reads the size and pixel format of a keyframe's AV1 picture before any decoder sees its bytes.

Must import the standard library and `shared.errors` only. Invariant: what passes is exactly one sequence header and one
frame (with an optional temporal delimiter before them), so the size read here is the largest a decoder can be made to
allocate; everything else raises MalformedMessage, after reading at most the sequence header's bits.

Source: AV1 Bitstream & Decoding Process Specification, sections 4.10.5 (leb128), 5.3 (OBU header), 5.5 (sequence
header); field names stand at the functions.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from shared.errors import MalformedMessage

_LEB128_MAX_BYTES: Final = 8


class ObuType(IntEnum):
    """OBU types that a keyframe may hold (section 6.2.2)."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME = 6


class Chroma(IntEnum):
    """Chroma layouts of profile 0, the only one accepted."""

    MONO = 0
    YUV420 = 420


@dataclass(frozen=True, slots=True)
class SequenceHeader:
    """What the sequence header says about every picture that follows it.

    width_px, height_px: 1..65536, the largest frame. bit_depth: 8 or 10. matrix: matrix coefficients (ITU-T H.273; 2 is
    unspecified). full_range: whether luma spans 0..255 rather than 16..235.
    """

    width_px: int
    height_px: int
    bit_depth: int
    chroma: Chroma
    matrix: int
    full_range: bool


class _Obu(NamedTuple):
    type: ObuType
    payload: bytes


class _Bits:
    """Bits of a byte string, most significant first (section 4.10.2)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        if count > self._left:
            raise MalformedMessage("AV1 sequence header is cut short")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.read(1) == 1


def parse_sequence_header(data: bytes) -> SequenceHeader:
    """The one sequence header of a keyframe's temporal unit. Raises MalformedMessage on anything else."""
    obus = _split_obus(data)
    if obus and obus[0].type is ObuType.TEMPORAL_DELIMITER:
        obus = obus[1:]
    if [obu.type for obu in obus] != [ObuType.SEQUENCE_HEADER, ObuType.FRAME]:
        raise MalformedMessage("AV1 keyframe must be one sequence header and one frame")
    return _sequence_header(_Bits(obus[0].payload))


def check_inter_frame(data: bytes) -> None:
    """Raises MalformedMessage unless the temporal unit is one frame that keeps to the sequence header before it."""
    obus = _split_obus(data)
    if obus and obus[0].type is ObuType.TEMPORAL_DELIMITER:
        obus = obus[1:]
    if [obu.type for obu in obus] != [ObuType.FRAME]:
        raise MalformedMessage("AV1 picture between keyframes must be one frame")


def strip_temporal_delimiter(data: bytes) -> bytes:
    """The temporal unit without its two-byte delimiter, which a single picture does not need."""
    return data[2:] if data[:2] == b"\x12\x00" else data


def _split_obus(data: bytes) -> list[_Obu]:
    """open_bitstream_unit(), section 5.3.1; at most three are of interest, so a flood of tiny ones ends early."""
    obus: list[_Obu] = []
    position = 0
    while position < len(data):
        header = data[position]
        forbidden, extension, has_size = header & 0x80, header & 0x04, header & 0x02
        if forbidden or extension or not has_size:
            raise MalformedMessage("AV1 keyframe needs plain OBUs that carry their size")
        size, position = _leb128(data, position + 1)
        end = position + size
        if end > len(data) or len(obus) == 3:
            raise MalformedMessage("AV1 OBU reaches past the keyframe's end, or there are too many")
        obus.append(_Obu(_obu_type(header >> 3 & 0x0F), data[position:end]))
        position = end
    return obus


def _obu_type(number: int) -> ObuType:
    try:
        return ObuType(number)
    except ValueError:
        raise MalformedMessage(f"AV1 OBU type {number} has no place in a keyframe") from None


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """leb128(), section 4.10.5: the value and the position after it."""
    value = 0
    for index in range(_LEB128_MAX_BYTES):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value, position + index + 1
    raise MalformedMessage("AV1 OBU size is cut short or too long")


def _sequence_header(bits: _Bits) -> SequenceHeader:
    """sequence_header_obu(), section 5.5.1."""
    if bits.read(3) != 0:
        raise MalformedMessage("AV1 keyframe must be of profile 0")
    still_picture, reduced = bits.flag(), bits.flag()
    if reduced and not still_picture:
        raise MalformedMessage("AV1 reduced header without still picture")
    if reduced:
        bits.read(5)  # seq_level_idx[0]
    else:
        _operating_point(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width_px, height_px = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    if not reduced and bits.flag():  # frame_id_numbers_present_flag
        bits.read(4 + 3)  # delta_frame_id_length_minus_2, additional_frame_id_length_minus_1
    bits.read(3)  # use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if not reduced:
        _inter_tools(bits)
    bits.read(3)  # enable_superres, enable_cdef, enable_restoration
    return _color_config(bits, width_px, height_px)


def _operating_point(bits: _Bits) -> None:
    """The middle of section 5.5.1, for one operating point and no timing: a single picture has no use for more."""
    if bits.flag():  # timing_info_present_flag
        raise MalformedMessage("AV1 keyframe must not carry timing")
    display_delay = bits.flag()
    if bits.read(5) != 0:  # operating_points_cnt_minus_1
        raise MalformedMessage("AV1 keyframe must have one operating point")
    bits.read(12)  # operating_point_idc[0]
    if bits.read(5) > 7:  # seq_level_idx[0]
        bits.read(1)  # seq_tier[0]
    if display_delay and bits.flag():
        bits.read(4)  # initial_display_delay_minus_1[0]


def _inter_tools(bits: _Bits) -> None:
    """Tools for further frames, which a keyframe does not have; read only to get past them (section 5.5.1)."""
    bits.read(4)  # interintra, masked compound, warped motion, dual filter
    order_hint = bits.flag()
    if order_hint:
        bits.read(2)  # enable_jnt_comp, enable_ref_frame_mvs
    choose_screen_content = bits.flag()
    screen_content = choose_screen_content or bits.flag()
    if screen_content and not bits.flag():  # seq_choose_integer_mv
        bits.read(1)  # seq_force_integer_mv
    if order_hint:
        bits.read(3)  # order_hint_bits_minus_1


def _color_config(bits: _Bits, width_px: int, height_px: int) -> SequenceHeader:
    """color_config(), section 5.5.2, for profile 0."""
    bit_depth = 10 if bits.flag() else 8
    chroma = Chroma.MONO if bits.flag() else Chroma.YUV420
    primaries, transfer, matrix = (bits.read(8), bits.read(8), bits.read(8)) if bits.flag() else (2, 2, 2)
    if (primaries, transfer, matrix) == (1, 13, 0):
        raise MalformedMessage("AV1 keyframe of profile 0 cannot be RGB")
    full_range = bits.flag()
    if chroma is Chroma.YUV420:
        bits.read(2)  # chroma_sample_position
        bits.read(1)  # separate_uv_delta_q
    bits.read(1)  # film_grain_params_present
    return SequenceHeader(width_px, height_px, bit_depth, chroma, matrix, full_range)
