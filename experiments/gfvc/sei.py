"""The generative face video SEI message of H.274 (version 4), as far as it is used here: 2-D coordinates and one matrix.

    GfvFrame (integers) --GfvWriter--> payload bytes --GfvReader--> GfvFrame      sei_message(payload): with type and size

Order and coding of the syntax elements are those of the public reference software VTM with JVET-AJ0207; the text of the
Recommendation was not at hand. What is written and read, in order; "base" is the first message, of the base picture:

    gfv_id ue(v) = 0, gfv_cnt ue(v)                    messages are counted from the base's 0
    gfv_base_picture_flag u(1)                         only where gfv_cnt is 0
    base: gfv_nn_present_flag u(1); with it gfv_nn_mode_idc ue(v) = 1, zero bits to the byte, gfv_nn_tag_uri, gfv_nn_uri st(v)
    base: gfv_chroma_key_info_present_flag u(1) = 0
    others: gfv_drive_picture_fusion_flag u(1) = 0
    gfv_low_confidence_face_parameter_flag u(1)
    gfv_coordinate_present_flag u(1) = 1, gfv_kps_pred_flag u(1)                      0 in the base, 1 in the others
    base: gfv_coordinate_precision_factor_minus1 ue(v), gfv_num_kps_minus1 ue(v), gfv_coordinate_z_present_flag u(1) = 0
    each point: gfv_coordinate_x_abs ue(v), its sign u(1) unless 0, and y alike; others: of the difference (_dx_, _dy_)
    gfv_matrix_present_flag u(1) = 1; others: gfv_matrix_pred_flag u(1) = 1
    base: gfv_matrix_element_precision_factor_minus1 ue(v), gfv_num_matrix_types_minus1 ue(v) = 0, gfv_matrix_type_idx u(6) = 7,
          gfv_num_matrices_minus1 ue(v) = 0, gfv_matrix_width_minus1 ue(v), gfv_matrix_height_minus1 ue(v)
    each element: gfv_matrix_element_int ue(v), gfv_matrix_element_dec u(v), its sign u(1) unless 0; others: of the difference
          (gfv_matrix_delta_element_...), the fraction as ue(v)

Left out: a network inside the message (mode 0), chroma keys, the third coordinate, matrix types below 7 and several of them,
fusion with driving pictures, values that are said anew after the base, the enhancement message. A message with one is refused.

Must import `experiments.gfvc.bits`, numpy and `shared.errors` only. Invariant: writer and reader hold the same base and previous
frame, so differences never drift; bytes raise only MalformedMessage.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.gfvc.bits import BitReader, BitWriter
from shared.errors import MalformedMessage

PAYLOAD_TYPE: Final = 223
"""Of the message in the reference software."""
MATRIX_TYPE: Final = 7
"""The first type whose number, width and height are said: features of the network's own."""
PRECISION_MAX: Final = 32
POINTS_MAX, ELEMENTS_MAX = 1024, 1024
"""Of what is read here; the standard's own limits were not looked up."""
MAGNITUDE_MAX: Final = 1 << 24
"""Of a coordinate or element in its smallest unit: more is refused, so that sums stay exact."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Form:
    """What the base message says once. coordinate_bits, element_bits: fractional bits, 1..32. uri: names the network, "": not."""

    coordinate_bits: int
    element_bits: int
    uri_tag: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class GfvFrame:
    """One face. coordinates: int64 (K, 2), x and y in units of 2**-coordinate_bits. matrix: int64 (height, width) in units of
    2**-element_bits."""

    coordinates: Integers
    matrix: Integers


class GfvWriter:
    """Messages of one face, the first for the base picture."""

    def __init__(self, form: Form) -> None:
        self._form, self._count = form, 0
        self._before: GfvFrame | None = None

    def write(self, frame: GfvFrame) -> bytes:
        """The payload of the next message. ValueError for a frame of another shape, or with numbers that are too large."""
        before = self._before
        _check(frame, before)
        bits = BitWriter()
        bits.ue(0)
        bits.ue(self._count)
        if before is None:
            self._base(bits)
        else:
            bits.u(1, 0)  # no fusion
        bits.u(1, 0)  # not of low confidence
        self._coordinates(bits, frame, before)
        self._matrix(bits, frame, before)
        bits.trail()
        self._before, self._count = frame, self._count + 1
        return bytes(bits)

    def _base(self, bits: BitWriter) -> None:
        bits.u(1, 1)
        bits.u(1, bool(self._form.uri))
        if self._form.uri:
            bits.ue(1)
            bits.align()
            bits.st(self._form.uri_tag)
            bits.st(self._form.uri)
        bits.u(1, 0)  # no chroma key

    def _coordinates(self, bits: BitWriter, frame: GfvFrame, before: GfvFrame | None) -> None:
        bits.u(1, 1)
        bits.u(1, before is not None)
        if before is None:
            bits.ue(self._form.coordinate_bits - 1)
            bits.ue(len(frame.coordinates) - 1)
            bits.u(1, 0)  # two dimensions
        for value in _differences(frame.coordinates, None if before is None else before.coordinates):
            bits.ue(abs(value))
            _sign(bits, value)

    def _matrix(self, bits: BitWriter, frame: GfvFrame, before: GfvFrame | None) -> None:
        bits.u(1, 1)
        fraction = self._form.element_bits
        if before is None:
            height, width = frame.matrix.shape
            for value in (fraction - 1, 0):
                bits.ue(value)
            bits.u(6, MATRIX_TYPE)
            for value in (0, width - 1, height - 1):
                bits.ue(value)
        else:
            bits.u(1, 1)
        for value in _differences(frame.matrix, None if before is None else before.matrix):
            bits.ue(abs(value) >> fraction)
            part = abs(value) & (1 << fraction) - 1
            if before is None:
                bits.u(fraction, part)
            else:
                bits.ue(part)
            _sign(bits, value)


class GfvReader:
    """Reads what a GfvWriter wrote, message by message. form: None until the base message was read."""

    def __init__(self) -> None:
        self.form: Form | None = None
        self._before: GfvFrame | None = None
        self._count = 0

    def read(self, payload: bytes) -> GfvFrame:
        """The frame of the next message. MalformedMessage, with nothing changed, for anything else."""
        bits = BitReader(payload)
        _demand(bits.ue() == 0, "a message of another face")
        _demand(bits.ue() == self._count, "a message is missing")
        uris = ("", "")
        if self._count == 0:
            uris = self._base(bits)
        else:
            _demand(not bits.u(1), "fused pictures are not read here")
        bits.u(1)  # low confidence: the frame is the frame all the same
        coordinates, coordinate_bits = self._coordinates(bits)
        matrix, element_bits = self._matrix(bits)
        frame = GfvFrame(coordinates, matrix)
        if self.form is None:
            self.form = Form(coordinate_bits, element_bits, *uris)
        self._before, self._count = frame, self._count + 1
        return frame

    def _base(self, bits: BitReader) -> tuple[str, str]:
        _demand(bool(bits.u(1)), "the first message is not of the base picture")
        uris = ("", "")
        if bits.u(1):
            _demand(bits.ue() == 1, "a network inside the message is not read here")
            bits.align()
            uris = bits.st(), bits.st()
        _demand(not bits.u(1), "chroma keys are not read here")
        return uris

    def _coordinates(self, bits: BitReader) -> tuple[Integers, int]:
        _demand(bool(bits.u(1)), "a message without coordinates is not read here")
        predicted, before = bits.u(1), self._before
        if before is None or self.form is None:
            _demand(not predicted, "coordinates predicted from each other are not read here")
            precision, count = bits.ue() + 1, bits.ue() + 1
            _demand(
                precision <= PRECISION_MAX and count <= POINTS_MAX,
                "more points or precision than is read here",
            )
            _demand(not bits.u(1), "a third coordinate is not read here")
            return _values([_signed(bits, bits.ue()) for _ in range(2 * count)], (count, 2), None), precision
        _demand(bool(predicted), "coordinates that are said anew are not read here")
        values = [_signed(bits, bits.ue()) for _ in range(before.coordinates.size)]
        return _values(values, before.coordinates.shape, before.coordinates), self.form.coordinate_bits

    def _matrix(self, bits: BitReader) -> tuple[Integers, int]:
        _demand(bool(bits.u(1)), "a message without a matrix is not read here")
        before = self._before
        if before is None or self.form is None:
            precision, types = bits.ue() + 1, bits.ue() + 1
            _demand(precision <= PRECISION_MAX and types == 1, "several matrices are not read here")
            _demand(bits.u(6) >= MATRIX_TYPE, "matrices of this type are not read here")
            _demand(bits.ue() == 0, "several matrices are not read here")
            width, height = bits.ue() + 1, bits.ue() + 1
            _demand(width * height <= ELEMENTS_MAX, "a larger matrix than is read here")
            values = [
                _signed(bits, (bits.ue() << precision) + bits.u(precision)) for _ in range(width * height)
            ]
            return _values(values, (height, width), None), precision
        _demand(bool(bits.u(1)), "a matrix that is said anew is not read here")
        precision = self.form.element_bits
        values = [_signed(bits, (bits.ue() << precision) + bits.ue()) for _ in range(before.matrix.size)]
        return _values(values, before.matrix.shape, before.matrix), precision


def sei_message(payload: bytes) -> bytes:
    """The payload with its type and size (H.274 leaves them to the codec: H.266, 7.3.6): bytes of 255 and a last one."""
    head = bytearray()
    for number in (PAYLOAD_TYPE, len(payload)):
        head += b"\xff" * (number // 255) + bytes([number % 255])
    return bytes(head) + payload


def _check(frame: GfvFrame, before: GfvFrame | None) -> None:
    for values in (frame.coordinates, frame.matrix):
        if values.ndim != 2 or not values.size or np.abs(values).max() > MAGNITUDE_MAX:
            raise ValueError("a frame has coordinates (K, 2) and a matrix, of moderate numbers")
    if (
        frame.coordinates.shape[1] != 2
        or len(frame.coordinates) > POINTS_MAX
        or frame.matrix.size > ELEMENTS_MAX
    ):
        raise ValueError("a frame has at most 1024 points in two dimensions and 1024 elements")
    if before is not None and (frame.coordinates.shape, frame.matrix.shape) != (
        before.coordinates.shape,
        before.matrix.shape,
    ):
        raise ValueError("all frames of a face have one shape")


def _differences(values: Integers, before: Integers | None) -> list[int]:
    return [int(value) for value in (values if before is None else values - before).ravel()]


def _sign(bits: BitWriter, value: int) -> None:
    if value:
        bits.u(1, value < 0)


def _signed(bits: BitReader, magnitude: int) -> int:
    _demand(magnitude <= 2 * MAGNITUDE_MAX, "a number is too large")
    return -magnitude if magnitude and bits.u(1) else magnitude


def _values(values: list[int], shape: tuple[int, ...], before: Integers | None) -> Integers:
    found = np.array(values, np.int64).reshape(shape)
    found = found if before is None else found + before
    _demand(bool(np.abs(found).max() <= MAGNITUDE_MAX), "a number is too large")
    return found


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise MalformedMessage(otherwise)
