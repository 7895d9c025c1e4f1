/**
 * Makes one bundle of gathered voice and motion: repeats, sections, prediction bases, and the size limit
 * (shared/core/compose.py).
 *
 * Must not import queues or clocks. Invariant: a composed bundle is at most MESSAGE_MAX_BYTES, and every section's
 * base is acknowledged or stands earlier in the same bundle.
 */

import { wrapMs } from "../codec/mediaTime.js";
import { encodeMotion, frameDistance } from "../codec/motionCode.js";
import { messageBytes } from "../codec/wire.js";
import { canBeBase } from "./ackHistory.js";
import { follows, runs } from "./bundler.js";
import { BUNDLE_MAX_MOTION_FRAMES, BUNDLE_MAX_VOICE_PACKETS, MESSAGE_MAX_BYTES } from "./limits.js";

/** @import { MotionFrame, VoicePacket } from "../codec/frames.js" */
/** @import { CodingTables } from "../codec/tables.js" */
/** @import { Ack } from "../codec/wireAck.js" */
/** @import { Bundle, MotionSection } from "../codec/wireBundle.js" */
/** @import { AckHistory } from "./ackHistory.js" */

const MOTION_HEADER_MAX_BYTES = 4;
const LENGTH_BYTES = 2;
/** Room for motion when no voice travels with it: the rest is for the bundle's header and an acknowledgement. */
const MOTION_ALONE_BYTES = MESSAGE_MAX_BYTES - 64;
/** Step named for a run of one frame, where it has no meaning. */
const DEFAULT_STEP_MS = 40;
const MOTION_OFFSET_MIN_MS = -512;
const MOTION_OFFSET_MAX_MS = 511;

/**
 * The next bundle, and how many of `frames` it carries (a prefix of them; the others did not fit).
 * @param {readonly VoicePacket[]} voice In order, each following the one before.
 * @param {readonly MotionFrame[]} frames In order, at most BUNDLE_MAX_MOTION_FRAMES. One of the two is not empty.
 * @param {Ack | null} ack
 * @param {AckHistory} history
 * @param {CodingTables} tables
 * @returns {{bundle: Bundle, carried: readonly MotionFrame[]}}
 */
export function compose(voice, frames, ack, history, tables) {
  const wireVoice = voice.map((packet) => Object.freeze({ ...packet, mediaMs: wrapMs(packet.mediaMs) }));
  /** @type {Omit<Bundle, "motion">} */
  const frame = { type: "Bundle", seq: history.nextSeq, voice: wireVoice, ack };
  const room = voice.length
    ? MESSAGE_MAX_BYTES - messageBytes({ ...frame, motion: [] }).length
    : MOTION_ALONE_BYTES;
  const bundleMs = voice.length ? voice[0].mediaMs : frames[0].mediaMs;
  const { sections, count } = sectionsOf(frames, bundleMs, room, history, tables);
  return { bundle: Object.freeze({ ...frame, motion: sections }), carried: frames.slice(0, count) };
}

/**
 * `voice` behind a repeat of the packet sent before it, where one bundle can say both.
 * @param {VoicePacket | null} last
 * @param {readonly VoicePacket[]} voice
 */
export function withRepeatedVoice(last, voice) {
  const fits = last !== null && voice.length && follows(last, voice[0]) && voice.length < BUNDLE_MAX_VOICE_PACKETS;
  return fits ? [last, ...voice] : voice;
}

/**
 * `frames` behind as many of the frames sent before them as fit, if they are of the same keyframe.
 * @param {readonly MotionFrame[]} last
 * @param {readonly MotionFrame[]} frames
 */
export function withRepeatedMotion(last, frames) {
  if (!frames.length) return frames;
  const free = BUNDLE_MAX_MOTION_FRAMES - frames.length;
  const repeats = last.filter((frame) => frame.keyframeId === frames[0].keyframeId);
  return [...repeats.slice(Math.max(0, repeats.length - free)), ...frames];
}

/**
 * Sections of the longest prefix of `frames` that fits into `room` bytes, and its length.
 * @param {readonly MotionFrame[]} frames
 * @param {number} bundleMs
 * @param {number} room
 * @param {AckHistory} history
 * @param {CodingTables} tables
 */
function sectionsOf(frames, bundleMs, room, history, tables) {
  /** @type {MotionSection[]} */
  const sections = [];
  let count = 0;
  let left = room;
  for (const run of runs(frames)) {
    const offsetMs = run[0].mediaMs - bundleMs;
    if (offsetMs < MOTION_OFFSET_MIN_MS || offsetMs > MOTION_OFFSET_MAX_MS) break;
    const previous = count ? frames[count - 1] : null;
    const base = previous !== null && canBeBase(previous, run[0]) ? previous : history.baseFor(run[0]);
    const section = longest(run, base, left, tables);
    if (section === null) break;
    sections.push(section);
    count += section.count;
    left -= MOTION_HEADER_MAX_BYTES + LENGTH_BYTES + section.coded.length;
    if (section.count < run.length) break;
  }
  return { sections, count };
}

/**
 * The longest start of `run` whose section fits into `room` bytes, null when not even one frame does.
 * @param {readonly MotionFrame[]} run
 * @param {MotionFrame | null} base
 * @param {number} room
 * @param {CodingTables} tables
 * @returns {MotionSection | null}
 */
function longest(run, base, room, tables) {
  const first = run[0];
  const distance = base === null ? 1 : frameDistance(base.mediaMs, first.mediaMs);
  for (let count = run.length; count > 0; count -= 1) {
    const symbols = run.slice(0, count).map((frame) => frame.symbols);
    const coded = encodeMotion(symbols, base?.symbols ?? null, distance, tables);
    if (MOTION_HEADER_MAX_BYTES + LENGTH_BYTES + coded.length <= room) {
      const stepMs = count > 1 ? run[1].mediaMs - first.mediaMs : DEFAULT_STEP_MS;
      const baseDistanceMs = base === null ? 0 : first.mediaMs - base.mediaMs;
      const mediaMs = wrapMs(first.mediaMs);
      const keyframeId = base === null ? first.keyframeId : null;
      return Object.freeze({ keyframeId, mediaMs, stepMs, count, baseDistanceMs, coded });
    }
  }
  return null;
}
