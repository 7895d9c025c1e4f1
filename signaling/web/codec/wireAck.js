/**
 * The acknowledgement: what one end has received, and what it asks for (shared/wire_ack.py).
 *
 * Stands alone as a message or inside a bundle. Must not import coders, state machines or clocks. Invariant: `parseAck`
 * raises `MalformedMessage` only; every field it returns is in its documented range.
 */

import { joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import { GALLERY_SIZE } from "./limits.js";

/** @import { ByteReader } from "./byteReader.js" */

const AGE_MAX_MS = 0xffff;
const JITTER_MAX_MS = 0xff;

const COUNT = 0x07;
const REQUEST = 0x08;
const WANTS_KEYFRAME = 0x10;
const BASES_LOST = 0x20;
const MOTION = 0x40;
const REPORT = 0x80;

/**
 * Parts of a keyframe that the receiver lacks: bit i of `missing` (16 bits) is part i; all ones: all of it.
 * @typedef {Readonly<{keyframeId: number, missing: number}>} PartRequest
 */

/**
 * What arrived. highestSeq: newest bundle. history: bit i set (of 32) = bundle highestSeq - 1 - i was received and
 * decoded. ageMs: time from the newest bundle's arrival to this report. jitterMs: interarrival jitter (RFC 3550,
 * section 6.4.1). Writing saturates both, at 65535 and 255.
 * @typedef {Readonly<{highestSeq: number, history: number, ageMs: number, jitterMs: number}>} BundleReport
 */

/**
 * What one end has received from the other. newestMotionMs: wrapped time of the newest decoded motion frame.
 * keyframesHeld: ids in the gallery, oldest first. wantsKeyframe: please choose a new reference. basesLost: forget
 * every acknowledged frame, code absolute.
 * @typedef {Readonly<{type: "Ack", report: BundleReport | null, newestMotionMs: number | null,
 *   keyframesHeld: readonly number[], request: PartRequest | null, wantsKeyframe: boolean, basesLost: boolean}>} Ack
 */

/**
 * The acknowledgement without version and type, as it also stands in a bundle.
 * @param {Ack} ack
 * @throws {RangeError} A number does not fit its field.
 */
export function ackBody(ack) {
  const { report, newestMotionMs, keyframesHeld, request } = ack;
  const flags =
    keyframesHeld.length |
    (ack.wantsKeyframe ? WANTS_KEYFRAME : 0) |
    (ack.basesLost ? BASES_LOST : 0) |
    (report === null ? 0 : REPORT) |
    (newestMotionMs === null ? 0 : MOTION) |
    (request === null ? 0 : REQUEST);
  const pieces = [packUints([flags, 1])];
  if (report !== null) pieces.push(reportBytes(report));
  if (newestMotionMs !== null) pieces.push(packUints([newestMotionMs, 3]));
  for (const keyframeId of keyframesHeld) pieces.push(packUints([keyframeId, 1]));
  if (request !== null) pieces.push(packUints([request.keyframeId, 1], [request.missing, 2]));
  return joinBytes(pieces);
}

/** @param {BundleReport} report */
function reportBytes(report) {
  const ageMs = Math.min(report.ageMs, AGE_MAX_MS);
  const jitterMs = Math.min(report.jitterMs, JITTER_MAX_MS);
  return packUints([report.highestSeq, 2], [report.history, 4], [ageMs, 2], [jitterMs, 1]);
}

/**
 * The acknowledgement at the reader's place.
 * @param {ByteReader} reader
 * @returns {Ack}
 * @throws {MalformedMessage} It breaks a rule of PROTOCOL.md, section 7.
 */
export function parseAck(reader) {
  const flags = reader.uint(1);
  const report = flags & REPORT ? parseReport(reader) : null;
  const newestMotionMs = flags & MOTION ? reader.uint(3) : null;
  const keyframesHeld = Object.freeze(Array.from(reader.take(flags & COUNT)));
  if (keyframesHeld.length > GALLERY_SIZE || new Set(keyframesHeld).size !== keyframesHeld.length) {
    throw new MalformedMessage(
      `acknowledgement lists ${keyframesHeld.length} keyframes, at most ${GALLERY_SIZE} different ones`,
    );
  }
  const request = flags & REQUEST ? parseRequest(reader) : null;
  const wantsKeyframe = (flags & WANTS_KEYFRAME) !== 0;
  const basesLost = (flags & BASES_LOST) !== 0;
  return Object.freeze({ type: "Ack", report, newestMotionMs, keyframesHeld, request, wantsKeyframe, basesLost });
}

/** @param {ByteReader} reader @returns {BundleReport} */
function parseReport(reader) {
  const [highestSeq, history, ageMs, jitterMs] = [reader.uint(2), reader.uint(4), reader.uint(2), reader.uint(1)];
  return Object.freeze({ highestSeq, history, ageMs, jitterMs });
}

/** @param {ByteReader} reader @returns {PartRequest} */
function parseRequest(reader) {
  const [keyframeId, missing] = [reader.uint(1), reader.uint(2)];
  if (missing === 0) throw new MalformedMessage("keyframe request for no part");
  return Object.freeze({ keyframeId, missing });
}
