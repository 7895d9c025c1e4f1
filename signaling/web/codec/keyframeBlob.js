/**
 * A whole keyframe as bytes: what the parts of wire.js carry (shared/keyframe_blob.py).
 *
 * Must not import picture decoders: everything here happens before one sees the bytes. Invariant: `parseKeyframe`
 * raises `RemoteError`s only, and never returns a keyframe whose claims passed a limit. Format: PROTOCOL.md, section
 * 6.
 */

import { ByteReader, joinBytes, packUints } from "./byteReader.js";
import { crc32 } from "./crc32.js";
import { MalformedMessage } from "./errors.js";
import { KeyframeFormat } from "./frames.js";
import { KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX } from "./limits.js";
import { decodeMask, encodeMask } from "./maskCode.js";
import { decodeSymbols, encodeSymbols } from "./shapeCode.js";

/** @import { Keyframe } from "./frames.js" */
/** @import { CodingTables } from "./tables.js" */

const CRC_BYTES = 4;

/**
 * The keyframe's blob; its id travels in the parts.
 * @param {Keyframe} keyframe
 * @param {CodingTables} tables
 * @throws {RangeError} Past a limit.
 */
export function packKeyframe(keyframe, tables) {
  const pieces = [
    encodeSymbols(keyframe.shape, tables.shape, tables.ladder),
    encodeSymbols(keyframe.anchors, tables.anchors, tables.ladder),
    encodeMask(keyframe.mask, tables),
    keyframe.image,
  ];
  const claims = packUints([keyframe.format, 1], [keyframe.widthPx, 2], [keyframe.heightPx, 2], [keyframe.mediaMs, 4]);
  const sizes = pieces.map((piece) => packUints([piece.length, 2]));
  const body = joinBytes([claims, ...sizes, ...pieces]);
  if (body.length + CRC_BYTES > KEYFRAME_MAX_BYTES) {
    throw new RangeError(`keyframe of ${body.length} bytes, at most ${KEYFRAME_MAX_BYTES - CRC_BYTES} can be sent`);
  }
  return joinBytes([body, packUints([crc32(body), CRC_BYTES])]);
}

/**
 * The keyframe in `blob`; sizes are checked before anything is decoded.
 * @param {number} keyframeId
 * @param {Uint8Array} blob
 * @param {CodingTables} tables
 * @returns {Keyframe}
 * @throws {MalformedMessage} Nothing else.
 */
export function parseKeyframe(keyframeId, blob, tables) {
  if (blob.length > KEYFRAME_MAX_BYTES) {
    throw new MalformedMessage(`keyframe of ${blob.length} bytes, at most ${KEYFRAME_MAX_BYTES} are allowed`);
  }
  const reader = new ByteReader(blob);
  const claims = readClaims(reader);
  const sizes = [reader.uint(2), reader.uint(2), reader.uint(2), reader.uint(2)];
  const [shape, anchors, mask, image] = sizes.map((sizeBytes) => reader.take(sizeBytes));
  const crc = reader.uint(CRC_BYTES);
  reader.expectEnd();
  if (crc !== crc32(blob.subarray(0, -CRC_BYTES))) throw new MalformedMessage("keyframe blob fails its checksum");
  if (!image.length) throw new MalformedMessage("keyframe without a picture");
  return Object.freeze({
    keyframeId,
    ...claims,
    image,
    shape: decodeSymbols(shape, tables.shape, tables.ladder),
    anchors: decodeSymbols(anchors, tables.anchors, tables.ladder),
    mask: decodeMask(mask, tables),
  });
}

/** @param {ByteReader} reader */
function readClaims(reader) {
  const [format, widthPx, heightPx, mediaMs] = [reader.uint(1), reader.uint(2), reader.uint(2), reader.uint(4)];
  if (format !== KeyframeFormat.AV1) throw new MalformedMessage(`unknown keyframe format ${format}`);
  if ([widthPx, heightPx].some((side) => side < 1 || side > KEYFRAME_MAX_SIDE_PX)) {
    throw new MalformedMessage(`keyframe claims ${widthPx}x${heightPx} px, at most ${KEYFRAME_MAX_SIDE_PX} a side`);
  }
  return { format, widthPx, heightPx, mediaMs };
}
