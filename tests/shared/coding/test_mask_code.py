"""The mask: round trips, size of a person, garbage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.coding.mask_code import decode_mask, encode_mask
from shared.coding.motion_layout import MASK_SIDE
from shared.errors import MalformedMessage, UserError

SHAPE = (MASK_SIDE, MASK_SIDE)
PERSON_MAX_BYTES = 40


def person(centre: float, top: float, width: float) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:32, 0:32]
    head = ((x - centre) / width) ** 2 + ((y - top) / (1.3 * width)) ** 2 < 1
    shoulders = ((x - centre) / 14) ** 2 + ((y - 33) / 10) ** 2 < 1
    return np.asarray(head | shoulders, dtype=np.uint8)


@given(st.binary(min_size=128, max_size=128))
@settings(max_examples=40)
def test_every_mask_comes_back(bits: bytes) -> None:
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(SHAPE)
    decoded = decode_mask(encode_mask(mask))
    assert np.array_equal(decoded, mask)
    assert decoded.dtype == np.uint8 and not decoded.flags.writeable


@pytest.mark.parametrize(("centre", "top", "width"), [(16, 13, 7), (10, 11, 5), (20, 15, 8), (15.5, 12, 6)])
def test_a_person_fits_in_forty_bytes(centre: float, top: float, width: float) -> None:
    mask = person(centre, top, width)
    data = encode_mask(mask)
    print(f"{len(data)} bytes")
    assert len(data) <= PERSON_MAX_BYTES and np.array_equal(decode_mask(data), mask)


def test_nobody_costs_next_to_nothing() -> None:
    assert len(encode_mask(np.zeros(SHAPE, np.uint8))) <= 8


def test_booleans_are_a_mask_too() -> None:
    assert decode_mask(encode_mask(np.ones(SHAPE, np.bool_))).all()


@given(st.binary(max_size=200))
@settings(max_examples=60)
def test_any_bytes_give_a_mask_or_malformed(data: bytes) -> None:
    try:
        mask = decode_mask(data)
    except MalformedMessage:
        return
    assert mask.shape == SHAPE and mask.max() <= 1


@pytest.mark.parametrize(
    "mask", [np.zeros((32, 31)), np.zeros((1, 32, 32)), np.full(SHAPE, 2), np.full(SHAPE, np.nan)]
)
def test_what_is_no_mask_is_a_user_error(mask: NDArray[np.uint8]) -> None:
    with pytest.raises(UserError, match="32 x 32"):
        encode_mask(mask)
