/**
 * The acknowledgement: what one end has received, and what it asks for (shared/wire_ack.py).
 *
 * Stands alone as a message or inside a bundle. Must not import coders, state machines or clocks. Invariant: `parseAck`
 * raises `MalformedMessage` only; every field it returns is in its documented range.
 */

import { joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import { VideoKind } from "./frames.js";
import { ARRIVAL_GAPS_MAX, GALLERY_SIZE } from "./limits.js";

/** @import { ByteReader } from "./byteReader.js" */

const AGE_MAX_MS = 0xffff;
const JITTER_MAX_MS = 0xff;

const COUNT = 0x07;
const REQUEST = 0x08;
const WISHES = 0x10;
const BASES_LOST = 0x20;
const MOTION = 0x40;
const REPORT = 0x80;
const WISH_KEYFRAME = 0x01;
const INTRA_KINDS = [VideoKind.THUMBNAIL, VideoKind.VIDEO];
/** @param {number} kind */
const wishIntra = (kind) => 2 << kind;
/** Gaps between arrivals are one byte, the arrival itself two. */
export const GAP_MAX_TICKS = 0xff;
export const TICK_WRAP = 1 << 16;

/**
 * Parts of a keyframe that the receiver lacks: bit i of `missing` (16 bits) is part i; all ones: all of it.
 * @typedef {Readonly<{keyframeId: number, missing: number}>} PartRequest
 */

/**
 * What arrived. highestSeq: newest bundle. history: bit i set (of 32) = bundle highestSeq - 1 - i was received and
 * decoded. ageMs: time from the newest bundle's arrival to this report. jitterMs: interarrival jitter (RFC 3550,
 * section 6.4.1). Writing saturates both, at 65535 and 255. arrivalTicks: when the newest bundle arrived, in
 * ARRIVAL_TICK_US of a clock of the receiver's own, 0..65535, wraps. gapsTicks: for the received bundles before it,
 * newest first, at most ARRIVAL_GAPS_MAX, how long before the next newer one each arrived, 0..255.
 * @typedef {Readonly<{highestSeq: number, history: number, ageMs: number, jitterMs: number, arrivalTicks: number,
 *   gapsTicks: readonly number[]}>} BundleReport
 */

/**
 * What one end has received from the other. newestMotionMs: wrapped time of the newest decoded motion frame.
 * keyframesHeld: ids in the gallery, oldest first. wantsKeyframe: please choose a new reference. basesLost: forget
 * every acknowledged frame, code absolute. wantsIntra: kinds of video whose next picture shall stand alone, in order.
 * @typedef {Readonly<{type: "Ack", report: BundleReport | null, newestMotionMs: number | null,
 *   keyframesHeld: readonly number[], request: PartRequest | null, wantsKeyframe: boolean, basesLost: boolean,
 *   wantsIntra: readonly number[]}>} Ack
 */

/**
 * The acknowledgement without version and type, as it also stands in a bundle.
 * @param {Ack} ack
 * @throws {RangeError} A number does not fit its field.
 */
export function ackBody(ack) {
  const { report, newestMotionMs, keyframesHeld, request } = ack;
  const wishes = ack.wantsIntra.reduce((bits, kind) => bits | wishIntra(kind), ack.wantsKeyframe ? WISH_KEYFRAME : 0);
  const flags =
    keyframesHeld.length |
    (wishes ? WISHES : 0) |
    (ack.basesLost ? BASES_LOST : 0) |
    (report === null ? 0 : REPORT) |
    (newestMotionMs === null ? 0 : MOTION) |
    (request === null ? 0 : REQUEST);
  const pieces = [packUints([flags, 1])];
  if (report !== null) pieces.push(reportBytes(report));
  if (newestMotionMs !== null) pieces.push(packUints([newestMotionMs, 3]));
  for (const keyframeId of keyframesHeld) pieces.push(packUints([keyframeId, 1]));
  if (request !== null) pieces.push(packUints([request.keyframeId, 1], [request.missing, 2]));
  if (wishes) pieces.push(packUints([wishes, 1]));
  return joinBytes(pieces);
}

/** @param {BundleReport} report */
function reportBytes(report) {
  const ageMs = Math.min(report.ageMs, AGE_MAX_MS);
  const jitterMs = Math.min(report.jitterMs, JITTER_MAX_MS);
  const arrived = packUints([report.highestSeq, 2], [report.history, 4], [ageMs, 2], [jitterMs, 1]);
  const { arrivalTicks, gapsTicks } = report;
  const times = packUints([arrivalTicks, 2], [gapsTicks.length, 1], ...gapsTicks.map(oneByte));
  return joinBytes([arrived, times]);
}

/** @param {number} value @returns {readonly [number, number]} */
function oneByte(value) {
  return [value, 1];
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
  const wishes = flags & WISHES ? reader.uint(1) : 0;
  return Object.freeze({
    type: "Ack",
    report,
    newestMotionMs,
    keyframesHeld,
    request,
    wantsKeyframe: (wishes & WISH_KEYFRAME) !== 0,
    basesLost: (flags & BASES_LOST) !== 0,
    wantsIntra: Object.freeze(INTRA_KINDS.filter((kind) => wishes & wishIntra(kind))),
  });
}

/** @param {ByteReader} reader @returns {BundleReport} */
function parseReport(reader) {
  const [highestSeq, history, ageMs, jitterMs] = [reader.uint(2), reader.uint(4), reader.uint(2), reader.uint(1)];
  const [arrivalTicks, gaps] = [reader.uint(2), reader.uint(1)];
  if (gaps > ARRIVAL_GAPS_MAX) {
    throw new MalformedMessage(`acknowledgement describes ${gaps} arrivals, at most ${ARRIVAL_GAPS_MAX}`);
  }
  const gapsTicks = Object.freeze(Array.from(reader.take(gaps)));
  return Object.freeze({ highestSeq, history, ageMs, jitterMs, arrivalTicks, gapsTicks });
}

/** @param {ByteReader} reader @returns {PartRequest} */
function parseRequest(reader) {
  const [keyframeId, missing] = [reader.uint(1), reader.uint(2)];
  if (missing === 0) throw new MalformedMessage("keyframe request for no part");
  return Object.freeze({ keyframeId, missing });
}
