"""shared.keyframe_image and sender.keyframe_image: a portrait through 2 KB of AV1, its colours, and hostile bytes."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sender.keyframe_image import encode_keyframe_image
from shared.av1_header import parse_sequence_header
from shared.errors import MalformedMessage, UserError
from shared.keyframe_image import decode_keyframe_image
from shared.limits import KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX


def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352])


def psnr_db(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.fixture(scope="module")
def coded() -> bytes:
    return encode_keyframe_image(portrait())


@pytest.mark.parametrize(("max_bytes", "floor_db"), [(1024, 26.5), (2048, 29.5), (4096, 32.5)])
def test_a_portrait_fits_its_bytes_and_stays_recognisable(max_bytes: int, floor_db: float) -> None:
    data = encode_keyframe_image(portrait(), max_bytes)
    assert 0.7 * max_bytes < len(data) <= max_bytes
    decoded = decode_keyframe_image(data, 256, 256)
    assert decoded.shape == (256, 256, 3) and decoded.dtype == np.uint8
    assert psnr_db(decoded, portrait()) > floor_db


@pytest.mark.parametrize("max_bytes", [KEYFRAME_IMAGE_MIN_BYTES, 1024, 2048])
@pytest.mark.parametrize("kind", ["noise", "checkerboard"])
def test_a_picture_that_cannot_be_coded_so_small_is_softened(kind: str, max_bytes: int) -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    if kind == "checkerboard":
        picture = np.where(picture[:, :, :1] > 127, np.uint8(255), np.uint8(0)).repeat(3, axis=2)
    data = encode_keyframe_image(picture, max_bytes)
    assert len(data) <= max_bytes
    assert abs(float(decode_keyframe_image(data, 256, 256).mean()) - float(picture.mean())) < 12


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 90), (0, 0, 0), (255,) * 3]
)
def test_colours_survive(colour: tuple[int, int, int]) -> None:
    flat = np.full((256, 256, 3), colour, np.uint8)
    decoded = decode_keyframe_image(encode_keyframe_image(flat), 256, 256)
    assert np.abs(decoded.astype(int) - flat).mean() < 1.5


def test_coloured_halves_stay_where_they_are() -> None:
    picture = np.zeros((128, 192, 3), np.uint8)
    picture[:, :96], picture[:, 96:] = (210, 60, 40), (30, 90, 200)
    decoded = decode_keyframe_image(encode_keyframe_image(picture), 192, 128)
    assert np.abs(decoded[:, :88].astype(int) - (210, 60, 40)).mean() < 4
    assert np.abs(decoded[:, 104:].astype(int) - (30, 90, 200)).mean() < 4


def test_encoding_is_deterministic(coded: bytes) -> None:
    assert encode_keyframe_image(portrait()) == coded


@pytest.mark.parametrize(
    "claim", [(256, 255), (128, 128), (0, 256), (256, -1), (KEYFRAME_MAX_SIDE_PX + 1, 256), (65536, 65536)]
)
def test_a_claim_that_is_not_the_pictures_size_is_malformed(coded: bytes, claim: tuple[int, int]) -> None:
    with pytest.raises(MalformedMessage, match="claims"):
        decode_keyframe_image(coded, *claim)


def test_the_largest_side_is_accepted() -> None:
    wide = np.full((64, KEYFRAME_MAX_SIDE_PX, 3), 90, np.uint8)
    assert decode_keyframe_image(encode_keyframe_image(wide), KEYFRAME_MAX_SIDE_PX, 64).shape == wide.shape


def test_a_bomb_is_refused_by_its_header(coded: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_decoder(data: bytes) -> None:
        raise AssertionError("a decoder saw the bomb")

    monkeypatch.setattr("shared.keyframe_image._decode_one", no_decoder)
    bits = "000110000011111111" + "1" * 32 + "000000000100001"
    header = int(bits.ljust(72, "0"), 2).to_bytes(9, "big")
    lying = b"\x0a\x09" + header + coded[12:]
    assert parse_sequence_header(lying).width_px == 65536
    with pytest.raises(MalformedMessage, match="65536"):
        decode_keyframe_image(lying, 256, 256)


def test_size_in_bytes_at_the_limit_and_one_past(coded: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"AV1|decode"):
        decode_keyframe_image(coded + bytes(KEYFRAME_MAX_BYTES - len(coded)), 256, 256)
    with pytest.raises(MalformedMessage, match="at most"):
        decode_keyframe_image(coded + bytes(KEYFRAME_MAX_BYTES - len(coded) + 1), 256, 256)


@pytest.mark.parametrize("kept", [0, 1, 2, 11, 12, 13, 14, 15, 40, 500])
def test_a_cut_picture_is_malformed(coded: bytes, kept: int) -> None:
    with pytest.raises(MalformedMessage):
        decode_keyframe_image(coded[:kept], 256, 256)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_give_a_picture_or_malformed(coded: bytes, data: st.DataObject) -> None:
    damaged = bytearray(coded)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode_keyframe_image(bytes(damaged), 256, 256)
    except MalformedMessage:
        return
    assert picture.shape == (256, 256, 3)


@pytest.mark.parametrize("max_bytes", [KEYFRAME_IMAGE_MIN_BYTES - 1, KEYFRAME_MAX_BYTES + 1])
def test_the_byte_limit_has_limits(max_bytes: int) -> None:
    with pytest.raises(UserError, match="choose"):
        encode_keyframe_image(portrait(), max_bytes)


@pytest.mark.parametrize(
    "shape", [(255, 256, 3), (62, 64, 3), (256, KEYFRAME_MAX_SIDE_PX + 2, 3), (256, 256), (64, 64, 4)]
)
def test_wrong_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="RGB"):
        encode_keyframe_image(np.zeros(shape, np.uint8))
