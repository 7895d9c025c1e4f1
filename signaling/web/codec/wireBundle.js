/**
 * The bundle: voice, motion and small pictures of the last 40 to 200 ms, perhaps with an acknowledgement (shared/wire.py).
 *
 * Must not import coders, state machines or clocks. Invariant: `parseBundle` raises `MalformedMessage` only. Media
 * times in it are wrapped (24 bits). Format: PROTOCOL.md, section 4.
 */

import { joinBytes, packUints } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import {
  BASE_UNIT_MS,
  BUNDLE_MAX_MOTION_FRAMES,
  BUNDLE_MAX_VOICE_PACKETS,
  VOICE_PACKET_MAX_BYTES,
} from "./limits.js";
import { unwrapMs, wrapMs } from "./mediaTime.js";
import { ackBody, parseAck } from "./wireAck.js";
import { parseUnits, unitBytes } from "./wireVideo.js";

/** @import { ByteReader } from "./byteReader.js" */
/** @import { VideoUnit, VoicePacket } from "./frames.js" */
/** @import { Ack } from "./wireAck.js" */

/** The bit of the type that makes a message a bundle; the others say which sections are present. */
const TYPE_BUNDLE = 8;
/** A bundle with pictures: the sections present are named behind the last of them. */
const TYPE_VIDEO_BUNDLE = 4;
const VOICE = 1;
const MOTION = 2;
const ACK = 4;

const VOICE_DURATIONS_MS = [20, 40, 60, 80, 100, 120];
const VOICE_GAP_UNIT_MS = 20;
const VOICE_GAP_MAX = 7;
const MOTION_STEPS_MS = [20, 40, 80, 160];
const MOTION_OFFSET_MIN_MS = -512;
const MOTION_OFFSET_MAX_MS = 511;

/**
 * A run of equally spaced motion frames of one keyframe. keyframeId: 0..255 where nothing is predicted; null with a
 * prediction base, whose keyframe it is. mediaMs: wrapped time of the first frame. stepMs: 20, 40, 80
 * or 160. count: 1 to 8 frames. baseDistanceMs: the prediction base's distance before mediaMs (multiple of 20, 0:
 * absolute). coded: range-coded symbols.
 * @typedef {Readonly<{keyframeId: number | null, mediaMs: number, stepMs: number, count: number,
 *   baseDistanceMs: number, coded: Uint8Array}>} MotionSection
 */

/**
 * seq: 0..65535, one more for each bundle sent. Voice packets carry wrapped media times, in order, apart by whole
 * gaps of 20 ms (0..7). video: in coding order, times wrapped; may be left out when there is none. At least one of
 * voice, motion and video is there.
 * @typedef {Readonly<{type: "Bundle", seq: number, voice: readonly VoicePacket[], motion: readonly MotionSection[],
 *   ack: Ack | null, video?: readonly VideoUnit[]}>} Bundle
 */

/**
 * The bundle's own time: that of its first voice packet, else motion frame, else picture (wrapped).
 * @param {Bundle} bundle
 */
export function bundleMediaMs(bundle) {
  const [first] = [...bundle.voice.slice(0, 1), ...bundle.motion.slice(0, 1), ...(bundle.video ?? [])];
  return first.mediaMs;
}

/**
 * Whether messages of this type (low four bits of the first byte) are bundles.
 * @param {number} type
 */
export function isBundle(type) {
  return (type & TYPE_BUNDLE) !== 0 || type === TYPE_VIDEO_BUNDLE;
}

/**
 * The type of a bundle: without pictures it has a bit for each kind of section.
 * @param {Bundle} bundle
 */
export function bundleType(bundle) {
  return bundle.video?.length ? TYPE_VIDEO_BUNDLE : TYPE_BUNDLE | sectionsOf(bundle);
}

/** @param {Bundle} bundle */
function sectionsOf(bundle) {
  return (bundle.voice.length ? VOICE : 0) | (bundle.motion.length ? MOTION : 0) | (bundle.ack ? ACK : 0);
}

/**
 * Everything after the first byte.
 * @param {Bundle} bundle
 * @throws {RangeError} A number does not fit its field.
 */
export function bundleBody(bundle) {
  const mediaMs = bundleMediaMs(bundle);
  const pieces = [packUints([bundle.seq, 2], [mediaMs, 3])];
  pieces.push(unitBytes(bundle.video ?? [], mediaMs, sectionsOf(bundle)));
  if (bundle.ack) pieces.push(ackBody(bundle.ack));
  return joinBytes([...pieces, ...voicePieces(bundle.voice), ...motionPieces(bundle.motion, mediaMs)]);
}

/** @param {readonly VoicePacket[]} packets */
function voicePieces(packets) {
  let endMs = packets.length ? packets[0].mediaMs : 0;
  return packets.flatMap((packet, i) => {
    const more = i + 1 < packets.length ? 1 : 0;
    const gap = fitting(wrapMs(packet.mediaMs - endMs) / VOICE_GAP_UNIT_MS, 0, VOICE_GAP_MAX);
    const code = placeOf(packet.durationMs, VOICE_DURATIONS_MS);
    const size = fitting(packet.data.length, 1, VOICE_PACKET_MAX_BYTES);
    endMs = packet.mediaMs + packet.durationMs;
    return [packUints([(more << 15) | (code << 12) | (gap << 9) | size, 2]), packet.data];
  });
}

/** @param {readonly MotionSection[]} sections @param {number} bundleMs */
function motionPieces(sections, bundleMs) {
  return sections.flatMap((section, i) => {
    const more = i + 1 < sections.length ? 1 : 0;
    const away = unwrapMs(section.mediaMs, bundleMs) - bundleMs;
    const offset = fitting(away, MOTION_OFFSET_MIN_MS, MOTION_OFFSET_MAX_MS) - MOTION_OFFSET_MIN_MS;
    const step = placeOf(section.stepMs, MOTION_STEPS_MS);
    const count = fitting(section.count, 1, BUNDLE_MAX_MOTION_FRAMES) - 1;
    const timing = (more << 15) | (count << 12) | (step << 10) | offset;
    const timed = packUints([timing, 2]);
    return more
      ? [sectionHead(section), timed, packUints([section.coded.length, 2]), section.coded]
      : [sectionHead(section), timed, section.coded];
  });
}

/** Its base, and the keyframe where no base tells it. @param {MotionSection} section */
function sectionHead({ keyframeId, baseDistanceMs }) {
  return keyframeId === null ? packUints([baseDistanceMs / BASE_UNIT_MS, 1]) : packUints([0, 1], [keyframeId, 1]);
}

/** @param {number} value @param {readonly number[]} among */
function placeOf(value, among) {
  return fitting(among.indexOf(value), 0, among.length - 1);
}

/** @param {number} value @param {number} low @param {number} high */
function fitting(value, low, high) {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(`a bundle has no place for this duration, gap, step, offset or size (${value})`);
}

/**
 * The bundle after the first byte.
 * @param {ByteReader} reader
 * @param {number} type Low four bits of the first byte.
 * @returns {Bundle}
 * @throws {MalformedMessage} It breaks a rule of PROTOCOL.md, section 4.
 */
export function parseBundle(reader, type) {
  const seq = reader.uint(2);
  const mediaMs = reader.uint(3);
  const pictures = type === TYPE_VIDEO_BUNDLE ? parseUnits(reader, mediaMs) : null;
  const video = pictures?.video ?? Object.freeze([]);
  const sections = pictures?.sections ?? type;
  if (!video.length && !(sections & (VOICE | MOTION))) {
    throw new MalformedMessage("bundle without voice, motion and pictures");
  }
  const ack = sections & ACK ? parseAck(reader) : null;
  const voice = sections & VOICE ? parseVoice(reader, mediaMs) : Object.freeze([]);
  const motion = sections & MOTION ? parseMotion(reader, mediaMs) : Object.freeze([]);
  reader.expectEnd();
  /** @type {Bundle} */
  const bundle = Object.freeze({ type: "Bundle", seq, voice, motion, ack, video });
  if (bundleMediaMs(bundle) !== mediaMs) {
    throw new MalformedMessage("bundle whose time is not that of its first motion frame or picture");
  }
  return bundle;
}

/** @param {ByteReader} reader @param {number} startMs @returns {readonly VoicePacket[]} */
function parseVoice(reader, startMs) {
  /** @type {VoicePacket[]} */
  const packets = [];
  let endMs = startMs;
  for (let more = 1; more; ) {
    if (packets.length === BUNDLE_MAX_VOICE_PACKETS) {
      throw new MalformedMessage(`more than ${BUNDLE_MAX_VOICE_PACKETS} voice packets in one bundle`);
    }
    const header = reader.uint(2);
    const gap = (header >> 9) & 7;
    const durationMs = VOICE_DURATIONS_MS[(header >> 12) & 7];
    const sizeBytes = header & 0x1ff;
    if (durationMs === undefined || sizeBytes < 1 || sizeBytes > VOICE_PACKET_MAX_BYTES) {
      throw new MalformedMessage("voice packet with a wrong duration code or size");
    }
    if (gap && !packets.length) throw new MalformedMessage("gap before the first voice packet");
    const mediaMs = wrapMs(endMs + gap * VOICE_GAP_UNIT_MS);
    packets.push(Object.freeze({ mediaMs, durationMs, data: reader.take(sizeBytes) }));
    endMs = mediaMs + durationMs;
    more = header >> 15;
  }
  return Object.freeze(packets);
}

/** @param {ByteReader} reader @param {number} bundleMs @returns {readonly MotionSection[]} */
function parseMotion(reader, bundleMs) {
  /** @type {MotionSection[]} */
  const sections = [];
  let frames = 0;
  for (let more = 1; more; ) {
    const baseDistanceMs = reader.uint(1) * BASE_UNIT_MS;
    const keyframeId = baseDistanceMs ? null : reader.uint(1);
    const timing = reader.uint(2);
    more = timing >> 15;
    const count = ((timing >> 12) & 7) + 1;
    frames += count;
    if (frames > BUNDLE_MAX_MOTION_FRAMES) {
      throw new MalformedMessage(`more than ${BUNDLE_MAX_MOTION_FRAMES} motion frames in one bundle`);
    }
    const mediaMs = wrapMs(bundleMs + (timing & 0x3ff) + MOTION_OFFSET_MIN_MS);
    const stepMs = MOTION_STEPS_MS[(timing >> 10) & 3];
    const coded = more ? reader.take(reader.uint(2)) : reader.rest();
    sections.push(Object.freeze({ keyframeId, mediaMs, stepMs, count, baseDistanceMs, coded }));
  }
  return Object.freeze(sections);
}
