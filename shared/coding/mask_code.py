"""The person mask of a keyframe: 32 x 32 bits, row by row, each with an adaptive context of four neighbours.

Must import numpy and the coding modules below it only. Invariant: decode(encode(mask)) == mask; decoding codes
exactly 1024 bits whatever the bytes are. The method is that of JBIG (ITU-T T.82) with a smaller template. Format:
README.md, section 7.
"""

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import MASK_SIDE
from shared.coding.range_coder import AdaptiveBit, RangeDecoder, RangeEncoder
from shared.coding.tables import CodingTables, MaskPlan, load_tables
from shared.errors import UserError


def encode_mask(mask: NDArray[np.uint8], tables: CodingTables | None = None) -> bytes:
    """Code a mask (32, 32) of zeros and ones. Raises UserError for anything else."""
    array = np.asarray(mask)
    if array.shape != (MASK_SIDE, MASK_SIDE) or not np.isin(array, (0, 1)).all():
        raise UserError(
            f"A mask is {MASK_SIDE} x {MASK_SIDE} zeros and ones, not {array.dtype} {array.shape}."
        )
    contexts = _contexts((tables or load_tables()).mask)
    encoder = RangeEncoder()
    above = [0] * (MASK_SIDE + 1)
    for row in array.astype(int).tolist():
        row.append(0)
        for x in range(MASK_SIDE):
            encoder.encode_adaptive(row[x], contexts[context_index(row, above, x)])
        above = row
    return encoder.finish()


def decode_mask(data: bytes, tables: CodingTables | None = None) -> NDArray[np.uint8]:
    """The mask, uint8 (32, 32), read-only. Raises MalformedMessage."""
    contexts = _contexts((tables or load_tables()).mask)
    decoder = RangeDecoder(data)
    rows: list[list[int]] = []
    above = [0] * (MASK_SIDE + 1)
    for _ in range(MASK_SIDE):
        row = [0] * (MASK_SIDE + 1)
        for x in range(MASK_SIDE):
            row[x] = decoder.decode_adaptive(contexts[context_index(row, above, x)])
        rows.append(row[:MASK_SIDE])
        above = row
    decoder.finish()
    mask = np.array(rows, dtype=np.uint8)
    mask.setflags(write=False)
    return mask


def context_index(row: list[int], above: list[int], x: int) -> int:
    """Context 0..15 of position x: left | above left | above | above right, each 0 outside the picture.

    row, above: 33 entries, the last one 0: it stands for both the column right of the picture and, as index -1,
    left of it.
    """
    return row[x - 1] << 3 | above[x - 1] << 2 | above[x] << 1 | above[x + 1]


def _contexts(plan: MaskPlan) -> list[AdaptiveBit]:
    return [AdaptiveBit(probability, plan.rate) for probability in plan.probability]
