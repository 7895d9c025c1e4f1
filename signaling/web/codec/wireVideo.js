/**
 * Thumbnails and video as bytes: units inside bundles, and parts of larger units as messages of their own
 * (shared/wire_video.py).
 *
 * Must not import coders, state machines or clocks. Invariant: parsing raises `MalformedMessage` only, and every field
 * that it returns is in its documented range. Format: PROTOCOL.md, sections 4 and 5.
 */

import { joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import { VideoKind } from "./frames.js";
import {
  BUNDLE_MAX_VIDEO_UNITS,
  VIDEO_MAX_SIDE_PX,
  VIDEO_MIN_SIDE_PX,
  VIDEO_PART_MAX_BYTES,
  VIDEO_SIDE_UNIT_PX,
  VIDEO_UNIT_MAX_BYTES,
} from "./limits.js";
import { unwrapMs, wrapMs } from "./mediaTime.js";

/** @import { ByteReader } from "./byteReader.js" */
/** @import { VideoUnit } from "./frames.js" */

const OFFSET_MIN_MS = -512;
const OFFSET_MAX_MS = 511;
const SIZE_MAX_BYTES = 0x7ff;
const MORE = 0x80;
const VIDEO = 0x40;
const INTRA = 0x20;
const SIDE = 0x1f;

/**
 * Part `index` of `count` (1..16) of a unit of `totalBytes`. mediaMs: wrapped. Other fields as in `VideoUnit`.
 * @typedef {Readonly<{type: "VideoPart", kind: number, unitId: number, mediaMs: number, intra: boolean, sidePx: number,
 *   index: number, count: number, totalBytes: number, payload: Uint8Array}>} VideoPart
 */

/**
 * The units of a bundle.
 * @param {readonly VideoUnit[]} units
 * @param {number} bundleMs The bundle's own (wrapped) time.
 * @param {number} sections Flags of what follows the units.
 * @throws {RangeError} A number does not fit its field.
 */
export function unitBytes(units, bundleMs, sections) {
  const pieces = units.flatMap((unit, i) => {
    const more = i + 1 < units.length;
    const offset = unwrapMs(unit.mediaMs, bundleMs) - bundleMs;
    if (offset < OFFSET_MIN_MS || offset > OFFSET_MAX_MS || unit.data.length > SIZE_MAX_BYTES) {
      throw new RangeError("a bundle has no place for a picture of this time or size");
    }
    const rest = ((more ? 0 : sections) << 21) | (unit.data.length << 10) | (offset - OFFSET_MIN_MS);
    return [packUints([(more ? MORE : 0) | pictureByte(unit), 1], [unit.unitId, 1], [rest, 3]), unit.data];
  });
  return joinBytes(pieces);
}

/**
 * The units at the reader's place, media times wrapped, and the flags of the sections after them.
 * @param {ByteReader} reader
 * @param {number} bundleMs
 * @returns {{video: readonly VideoUnit[], sections: number}}
 * @throws {MalformedMessage} It breaks a rule of PROTOCOL.md, section 4.
 */
export function parseUnits(reader, bundleMs) {
  /** @type {VideoUnit[]} */
  const units = [];
  let sections = 0;
  for (let more = true; more; ) {
    if (sections || units.length === BUNDLE_MAX_VIDEO_UNITS) {
      throw new MalformedMessage(`more than ${BUNDLE_MAX_VIDEO_UNITS} units, or sections before the last`);
    }
    const [first, unitId, rest] = [reader.uint(1), reader.uint(1), reader.uint(3)];
    more = (first & MORE) !== 0;
    sections = rest >> 21;
    const sizeBytes = (rest >> 10) & SIZE_MAX_BYTES;
    if (!sizeBytes) throw new MalformedMessage("empty picture in a bundle");
    const mediaMs = wrapMs(bundleMs + (rest & 0x3ff) + OFFSET_MIN_MS);
    units.push(Object.freeze({ ...parsePicture(first), unitId, mediaMs, data: reader.take(sizeBytes) }));
  }
  return { video: Object.freeze(units), sections };
}

/**
 * A part after the message's first byte.
 * @param {VideoPart} part
 * @throws {RangeError} A number does not fit its field.
 */
export function videoPartBody(part) {
  const place = packUints([pictureByte(part), 1], [part.unitId, 1], [part.index * 16 + part.count - 1, 1]);
  return joinBytes([place, packUints([part.mediaMs, 3], [part.totalBytes, 2]), part.payload]);
}

/**
 * A part after the message's first byte.
 * @param {ByteReader} reader
 * @returns {VideoPart}
 * @throws {MalformedMessage} It breaks a rule of PROTOCOL.md, section 5.
 */
export function parseVideoPart(reader) {
  const picture = parsePicture(reader.uint(1));
  const [unitId, place, mediaMs, totalBytes] = [reader.uint(1), reader.uint(1), reader.uint(3), reader.uint(2)];
  const [index, count, payload] = [place >> 4, (place & 15) + 1, reader.rest()];
  if (index >= count) throw new MalformedMessage(`part ${index} of ${count} of a picture`);
  if (totalBytes < count || totalBytes > VIDEO_UNIT_MAX_BYTES) {
    throw new MalformedMessage(`picture of ${totalBytes} bytes in ${count} parts`);
  }
  if (payload.length < 1 || payload.length > Math.min(VIDEO_PART_MAX_BYTES, totalBytes)) {
    throw new MalformedMessage(`part with ${payload.length} bytes of a picture of ${totalBytes}`);
  }
  return Object.freeze({ type: "VideoPart", ...picture, unitId, mediaMs, index, count, totalBytes, payload });
}

/** @param {Readonly<{kind: number, intra: boolean, sidePx: number}>} picture */
function pictureByte({ kind, intra, sidePx }) {
  const side = (sidePx - VIDEO_MIN_SIDE_PX) / VIDEO_SIDE_UNIT_PX;
  if (!Number.isInteger(side) || side < 0 || sidePx > VIDEO_MAX_SIDE_PX) {
    throw new RangeError(`a picture with a side of ${sidePx} px cannot be written`);
  }
  return (kind === VideoKind.VIDEO ? VIDEO : 0) | (intra ? INTRA : 0) | side;
}

/** @param {number} first */
function parsePicture(first) {
  const sidePx = VIDEO_MIN_SIDE_PX + (first & SIDE) * VIDEO_SIDE_UNIT_PX;
  if (sidePx > VIDEO_MAX_SIDE_PX) {
    throw new MalformedMessage(`picture with a side of ${sidePx} px, at most ${VIDEO_MAX_SIDE_PX}`);
  }
  return { kind: first & VIDEO ? VideoKind.VIDEO : VideoKind.THUMBNAIL, intra: (first & INTRA) !== 0, sidePx };
}
