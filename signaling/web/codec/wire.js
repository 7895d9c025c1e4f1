/**
 * Messages of the two data channels as bytes: bundles, keyframe and video parts, acknowledgements, control frames
 * (shared/wire.py).
 *
 * `shared/PROTOCOL.md` is the specification; `tests/golden/wire` holds its examples. Must not import coders, state
 * machines or clocks. Invariant: `parse` raises `RemoteError`s only, and `messageBytes(parse(data))` equals data for
 * every message this module wrote. Byte strings in parsed messages are views into the message.
 */

import { ByteReader, joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage, UnsupportedVersion } from "./errors.js";
import { KEYFRAME_MAX_BYTES, KEYFRAME_MAX_PARTS, KEYFRAME_PART_PAYLOAD_BYTES, MESSAGE_MAX_BYTES } from "./limits.js";
import { ackBody, parseAck } from "./wireAck.js";
import { bundleBody, bundleType, isBundle, parseBundle } from "./wireBundle.js";
import { parseVideoPart, videoPartBody } from "./wireVideo.js";

/** @import { Ack } from "./wireAck.js" */
/** @import { Bundle } from "./wireBundle.js" */
/** @import { VideoPart } from "./wireVideo.js" */

export const PROTOCOL_VERSION = 1;
const TYPE_KEYFRAME_PART = 1;
const TYPE_ACK = 2;
const TYPE_CONTROL = 3;
const TYPE_VIDEO_PART = 5;

/**
 * Part `index` of `count` (1..16) of one keyframe of `totalBytes` with checksum `crc32` (crc32.js) over all of it.
 * @typedef {Readonly<{type: "KeyframePart", keyframeId: number, index: number, count: number, totalBytes: number,
 *   crc32: number, payload: Uint8Array}>} KeyframePart
 */

/**
 * A control message, still packed: see control.js.
 * @typedef {Readonly<{type: "ControlFrame", payload: Uint8Array}>} ControlFrame
 */

/**
 * A message of a type that this version does not know. Receivers ignore it.
 * @typedef {Readonly<{type: "Unknown", code: number}>} Unknown
 */

/** @typedef {Bundle | KeyframePart | VideoPart | Ack | ControlFrame} Message */

/**
 * A message as it is sent.
 * @param {Message} message
 * @throws {RangeError} A number does not fit its field.
 */
export function messageBytes(message) {
  switch (message.type) {
    case "Bundle":
      return joinBytes([firstByte(bundleType(message)), bundleBody(message)]);
    case "KeyframePart":
      return joinBytes([firstByte(TYPE_KEYFRAME_PART), partBody(message)]);
    case "VideoPart":
      return joinBytes([firstByte(TYPE_VIDEO_PART), videoPartBody(message)]);
    case "Ack":
      return joinBytes([firstByte(TYPE_ACK), ackBody(message)]);
    case "ControlFrame":
      return joinBytes([firstByte(TYPE_CONTROL), message.payload]);
  }
}

/** @param {number} type */
function firstByte(type) {
  return packUints([(PROTOCOL_VERSION << 4) | type, 1]);
}

/** @param {KeyframePart} part */
function partBody(part) {
  const place = packUints([part.keyframeId, 1], [part.index, 1], [part.count, 1]);
  return joinBytes([place, packUints([part.totalBytes, 2], [part.crc32, 4]), part.payload]);
}

/**
 * One received message.
 * @param {Uint8Array} data
 * @returns {Message | Unknown}
 * @throws {UnsupportedVersion | MalformedMessage} Nothing else.
 */
export function parse(data) {
  if (!data.length) throw new MalformedMessage("empty message");
  if (data.length > MESSAGE_MAX_BYTES) {
    throw new MalformedMessage(`message of ${data.length} bytes, at most ${MESSAGE_MAX_BYTES} are allowed`);
  }
  const reader = new ByteReader(data);
  const first = reader.uint(1);
  const [version, type] = [first >> 4, first & 15];
  if (version !== PROTOCOL_VERSION) {
    throw new UnsupportedVersion(`protocol version ${version}, this end speaks ${PROTOCOL_VERSION}`);
  }
  if (isBundle(type)) return parseBundle(reader, type);
  if (type === TYPE_KEYFRAME_PART) return parsePart(reader);
  if (type === TYPE_VIDEO_PART) return parseVideoPart(reader);
  if (type === TYPE_CONTROL) return Object.freeze({ type: "ControlFrame", payload: reader.rest() });
  if (type !== TYPE_ACK) return Object.freeze({ type: "Unknown", code: type });
  const ack = parseAck(reader);
  reader.expectEnd();
  return ack;
}

/** @param {ByteReader} reader @returns {KeyframePart} */
function parsePart(reader) {
  const [keyframeId, index, count] = [reader.uint(1), reader.uint(1), reader.uint(1)];
  const [totalBytes, crc32, payload] = [reader.uint(2), reader.uint(4), reader.rest()];
  if (count < 1 || count > KEYFRAME_MAX_PARTS || index >= count) {
    throw new MalformedMessage(`keyframe part ${index} of ${count}, at most ${KEYFRAME_MAX_PARTS} are allowed`);
  }
  if (totalBytes < count || totalBytes > KEYFRAME_MAX_BYTES) {
    throw new MalformedMessage(`keyframe of ${totalBytes} bytes in ${count} parts`);
  }
  if (payload.length < 1 || payload.length > Math.min(KEYFRAME_PART_PAYLOAD_BYTES, totalBytes)) {
    throw new MalformedMessage(`keyframe part with ${payload.length} bytes of ${totalBytes}`);
  }
  return Object.freeze({ type: "KeyframePart", keyframeId, index, count, totalBytes, crc32, payload });
}
