/**
 * Voice in playing order: packets, concealment for what is missing, and seams where the delay may change
 * (shared/core/voice_playout.py).
 *
 * Must not import decoders. Invariant: what it hands out is gapless in local time while voice plays, and never goes
 * back in media time.
 */

import { VOICE_IDLE_MS, VOICE_QUIET_BYTES, VOICE_SNAP_MS } from "./limits.js";
import { enqueue, isQueued } from "./mediaQueue.js";

/** @import { VoiceDue } from "./due.js" */
/** @import { VoicePacket } from "./frames.js" */
/** @import { MediaClock } from "./mediaClock.js" */

const FILLER_MS = 20;
const SMALL_FILLER_MS = 10;
/** Longest stretch at one seam: voice and picture are never further apart than this. */
const STRETCH_MAX_MS = 40;
/** The delay shrinks only when it is this much longer than the packet that is skipped: no to and fro. */
const SHRINK_SLACK_MS = 10;

/** The queue of voice packets and the play position on the media clock (null: no voice plays). */
export class VoicePlayout {
  #clock;
  /** @type {VoicePacket[]} */
  #queue = [];
  /** @type {number | null} */
  #positionMs = null;
  #endMs = 0;
  #missingMs = 0;
  #quiet = true;
  #late = 0;

  /** @param {MediaClock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /** Whether voice is playing, so that the delay may change at its seams only. */
  get plays() {
    return this.#positionMs !== null;
  }

  /** Packets that came too late to be played. */
  get late() {
    return this.#late;
  }

  /**
   * Queue a packet; too late ones and repeats are dropped.
   * @param {VoicePacket} packet
   * @param {number} nowUs
   */
  push(packet, nowUs) {
    if (packet.mediaMs < this.#endMs - VOICE_SNAP_MS) {
      this.#late += 1;
      this.#clock.lateVoice(packet.mediaMs, nowUs);
    } else if (!isQueued(this.#queue, packet.mediaMs)) {
      enqueue(this.#queue, packet);
    }
  }

  /** Voice stops here; the next packet that is due starts it again. */
  stop() {
    this.#positionMs = null;
  }

  /** When something will be due, null: nothing waits. */
  nextDueUs() {
    if (this.#positionMs !== null) return this.#clock.dueUs(this.#positionMs);
    return this.#queue.length ? this.#clock.dueUs(this.#queue[0].mediaMs) : null;
  }

  /**
   * What is due now, one piece a call; null: nothing.
   * @param {number} nowUs
   * @returns {VoiceDue | null}
   */
  at(nowUs) {
    if (this.#positionMs === null) this.#start(nowUs);
    const dueUs = this.nextDueUs();
    if (this.#positionMs === null || dueUs === null || nowUs < dueUs) return null;
    const growthMs = this.#clock.wantedGrowthMs;
    if (growthMs >= SMALL_FILLER_MS) {
      const stretchMs = Math.min(Math.floor(growthMs / SMALL_FILLER_MS) * SMALL_FILLER_MS, STRETCH_MAX_MS);
      this.#clock.shift(stretchMs);
      return due(this.#positionMs, dueUs, stretchMs, null, true);
    }
    return this.#next(this.#skipQuiet(this.#positionMs), dueUs);
  }

  /**
   * Begin with the first packet that is not over yet.
   * @param {number} nowUs
   */
  #start(nowUs) {
    while (this.#queue.length) {
      const first = this.#queue[0];
      const overUs = this.#clock.dueUs(first.mediaMs + first.durationMs);
      if (first.mediaMs >= this.#endMs && overUs !== null && overUs > nowUs) {
        this.#positionMs = first.mediaMs;
        this.#missingMs = 0;
        return;
      }
      this.#queue.shift();
      this.#late += 1;
    }
  }

  /**
   * Shorten a delay that is too long by one silent packet, or by silence that was never sent; the position after that.
   * @param {number} positionMs
   */
  #skipQuiet(positionMs) {
    const packet = this.#packetAt(positionMs);
    const skippedMs = this.#skippableMs(packet, positionMs);
    if (!skippedMs || -this.#clock.wantedGrowthMs < skippedMs + SHRINK_SLACK_MS) return positionMs;
    if (packet !== null) this.#queue.shift();
    this.#clock.shift(-skippedMs);
    this.#positionMs = this.#endMs = positionMs + skippedMs;
    return this.#positionMs;
  }

  /** @param {VoicePacket | null} packet @param {number} positionMs */
  #skippableMs(packet, positionMs) {
    if (packet !== null) return packet.data.length <= VOICE_QUIET_BYTES ? packet.durationMs : 0;
    return this.#quiet && this.#gapMs(positionMs) >= FILLER_MS ? FILLER_MS : 0;
  }

  /** @param {number} positionMs @param {number} dueUs */
  #next(positionMs, dueUs) {
    while (this.#queue.length && this.#queue[0].mediaMs < positionMs - VOICE_SNAP_MS) this.#queue.shift();
    const packet = this.#packetAt(positionMs);
    if (packet !== null) return this.#play(packet, positionMs, dueUs);
    const fillerMs = this.#gapMs(positionMs) >= FILLER_MS ? FILLER_MS : SMALL_FILLER_MS;
    this.#positionMs = this.#endMs = positionMs + fillerMs;
    this.#missingMs += fillerMs;
    if (this.#missingMs >= VOICE_IDLE_MS) this.stop();
    return due(positionMs, dueUs, fillerMs, null, false);
  }

  /** @param {VoicePacket} packet @param {number} positionMs @param {number} dueUs */
  #play(packet, positionMs, dueUs) {
    this.#queue.shift();
    this.#clock.shift(positionMs - packet.mediaMs);
    this.#positionMs = this.#endMs = packet.mediaMs + packet.durationMs;
    this.#missingMs = 0;
    this.#quiet = packet.data.length <= VOICE_QUIET_BYTES;
    return due(packet.mediaMs, dueUs, packet.durationMs, packet, false);
  }

  /** @param {number} positionMs */
  #packetAt(positionMs) {
    const [first] = this.#queue;
    return first !== undefined && Math.abs(first.mediaMs - positionMs) <= VOICE_SNAP_MS ? first : null;
  }

  /**
   * Media time until the next packet; a filler's length when none is here.
   * @param {number} positionMs
   */
  #gapMs(positionMs) {
    return this.#queue.length ? this.#queue[0].mediaMs - positionMs : FILLER_MS;
  }
}

/**
 * @param {number} mediaMs
 * @param {number} dueUs
 * @param {number} durationMs
 * @param {VoicePacket | null} packet
 * @param {boolean} stretch
 * @returns {VoiceDue}
 */
function due(mediaMs, dueUs, durationMs, packet, stretch) {
  return Object.freeze({ mediaMs, dueUs, durationMs, packet, stretch });
}
