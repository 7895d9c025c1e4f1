/**
 * Gathers voice and motion and cuts them into what one bundle can say (shared/core/bundler.py).
 *
 * Must not import the wire's bytes beyond its bounds. Invariant: nothing is queued past BUNDLE_STALE_MS of media time;
 * what leaves is in media order and representable in one bundle.
 */

import {
  BUNDLE_MAX_MOTION_FRAMES,
  BUNDLE_MAX_VOICE_PACKETS,
  BUNDLE_STALE_MS,
  MESSAGE_MAX_BYTES,
} from "./limits.js";

/** @import { MotionFrame, VoicePacket } from "../codec/frames.js" */

/** Voice bytes of one bundle: beyond it (over 24 kbit/s) the rest goes into the next one. */
const VOICE_BUDGET_BYTES = Math.floor(MESSAGE_MAX_BYTES / 2);
const FRAME_MS = 40;
const VOICE_GAP_UNIT_MS = 20;
const VOICE_GAP_MAX_UNITS = 7;
const MOTION_STEPS_MS = [20, 40, 80, 160];
/** What a voice packet may last, longest first. */
const VOICE_DURATIONS_MS = [120, 100, 80, 60, 40, 20];

/**
 * The voice and the motion that wait for the next bundle, and when that is due. A bundle leaves when the voice in it is
 * as long as the interval, rounded to whole packets. Without voice the motion sets the pace, and what waits longer than
 * 1.25 intervals leaves in any case.
 */
export class Bundler {
  /** @type {VoicePacket[]} */
  #voice = [];
  /** @type {MotionFrame[]} */
  #motion = [];
  #newestVoiceMs = -1;
  #newestMotionMs = -1;
  /** @type {number | null} */
  #oldestUs = null;
  /** @type {number | null} */
  #voiceUs = null;
  /** Packets and frames that came too late to be sent. */
  dropped = 0;

  /** @param {number} bundleMs */
  constructor(bundleMs) {
    /** The interval, which may change at any time. */
    this.bundleMs = bundleMs;
  }

  /**
   * Queue a packet; one that is not newer than the last is dropped.
   * @param {VoicePacket} packet
   */
  pushVoice(packet) {
    if (packet.mediaMs <= this.#newestVoiceMs) {
      this.dropped += 1;
      return;
    }
    this.#newestVoiceMs = packet.mediaMs;
    this.#voice.push(packet);
    this.dropped += dropStale(this.#voice, packet.mediaMs);
  }

  /**
   * Queue a frame; one that is not newer than the last is dropped.
   * @param {MotionFrame} frame
   */
  pushMotion(frame) {
    if (frame.mediaMs <= this.#newestMotionMs) {
      this.dropped += 1;
      return;
    }
    this.#newestMotionMs = frame.mediaMs;
    this.#motion.push(frame);
    this.dropped += dropStale(this.#motion, frame.mediaMs);
  }

  /**
   * When the next bundle should leave, null: nothing waits. Call it at every poll: it notes what has arrived.
   * @param {number} nowUs
   */
  dueUs(nowUs) {
    if (!this.#voice.length && !this.#motion.length) {
      this.#oldestUs = null;
      return null;
    }
    this.#oldestUs ??= nowUs;
    if (this.#voice.length) this.#voiceUs = nowUs;
    return this.#full(nowUs) ? nowUs : this.#oldestUs + this.bundleMs * 1250;
  }

  /** @param {number} nowUs */
  #full(nowUs) {
    const last = this.#voice.at(-1);
    if (last !== undefined) {
      const waitingMs = this.#voice.reduce((sum, packet) => sum + packet.durationMs, 0);
      return waitingMs + last.durationMs / 2 > this.bundleMs;
    }
    const speaking = this.#voiceUs !== null && nowUs - this.#voiceUs < 2000 * this.bundleMs;
    const waitingMs = this.#newestMotionMs - this.#motion[0].mediaMs + FRAME_MS;
    return !speaking && waitingMs >= this.bundleMs;
  }

  /** Voice and motion for one bundle, both perhaps empty. `putBack` returns motion that did not fit. */
  take() {
    this.#oldestUs = null;
    const motion = this.#motion.splice(0, BUNDLE_MAX_MOTION_FRAMES);
    return { voice: this.#takeVoice(), motion };
  }

  /**
   * Motion that did not fit the bundle stays first in the queue.
   * @param {readonly MotionFrame[]} frames
   */
  putBack(frames) {
    this.#motion.unshift(...frames);
  }

  #takeVoice() {
    /** @type {VoicePacket[]} */
    const taken = [];
    let sizeBytes = 0;
    while (this.#voice.length && taken.length < BUNDLE_MAX_VOICE_PACKETS - 1) {
      const packet = this.#voice[0];
      const last = taken.at(-1);
      sizeBytes += packet.data.length;
      if (last !== undefined && (sizeBytes > VOICE_BUDGET_BYTES || !follows(last, packet))) break;
      taken.push(packet);
      this.#voice.shift();
    }
    return taken;
  }
}

/**
 * Duration of the longest voice packets that fill bundles evenly; 60 where none do.
 * @param {number} bundleMs
 */
export function longestPacketMs(bundleMs) {
  return VOICE_DURATIONS_MS.find((durationMs) => bundleMs % durationMs === 0) ?? 60;
}

/**
 * Whether one bundle can carry `after` behind `packet`: the gap between them is 0 to 7 times 20 ms.
 * @param {VoicePacket} packet
 * @param {VoicePacket} after
 */
export function follows(packet, after) {
  const gapMs = after.mediaMs - packet.mediaMs - packet.durationMs;
  return gapMs % VOICE_GAP_UNIT_MS === 0 && gapMs >= 0 && gapMs <= VOICE_GAP_MAX_UNITS * VOICE_GAP_UNIT_MS;
}

/**
 * Frames cut into runs that a motion section can say: one keyframe, one step.
 * @param {readonly MotionFrame[]} frames
 */
export function runs(frames) {
  /** @type {MotionFrame[][]} */
  const result = [];
  for (const frame of frames) {
    const last = result.at(-1);
    if (last !== undefined && extendsRun(last, frame)) last.push(frame);
    else result.push([frame]);
  }
  return result;
}

/** @param {readonly MotionFrame[]} run @param {MotionFrame} frame */
function extendsRun(run, frame) {
  const [before, last] = [run.at(-2), run[run.length - 1]];
  const stepMs = frame.mediaMs - last.mediaMs;
  const steady = before === undefined || stepMs === last.mediaMs - before.mediaMs;
  return MOTION_STEPS_MS.includes(stepMs) && steady && frame.keyframeId === run[0].keyframeId;
}

/** @param {{mediaMs: number}[]} queue @param {number} newestMs */
function dropStale(queue, newestMs) {
  let dropped = 0;
  while (queue[0].mediaMs < newestMs - BUNDLE_STALE_MS) {
    queue.shift();
    dropped += 1;
  }
  return dropped;
}
