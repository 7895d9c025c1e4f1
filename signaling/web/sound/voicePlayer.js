/**
 * From due voice to sound: what was decoded, or concealment (receiver/voice_playout.py).
 *
 * Must not import sound cards or decoders. Invariant: every piece that is due gives exactly its duration of sound; at
 * most KEPT_MAX pieces of decoded voice are kept.
 */

import { Concealer, SAMPLES_PER_MS } from "./conceal.js";

/** @import { VoiceDue } from "../codec/due.js" */

/** Decoded packets that wait for their time: as many as the playout queues (PLAYOUT_MAX_QUEUE is far above it). */
const KEPT_MAX = 64;

/** The voice of one remote person. */
export class VoicePlayer {
  /** @type {Map<number, Float32Array>} */
  #decoded = new Map();
  #concealer = new Concealer();
  /** Pieces that had to be made up. */
  concealed = 0;

  /**
   * Sound of a packet.
   * @param {number} mediaMs
   * @param {Float32Array} pcm
   */
  decoded(mediaMs, pcm) {
    this.#decoded.set(mediaMs, pcm);
    const oldest = this.#decoded.keys().next();
    if (this.#decoded.size > KEPT_MAX && !oldest.done) this.#decoded.delete(oldest.value);
  }

  /**
   * Sound for one due piece.
   * @param {VoiceDue} due
   */
  play(due) {
    const samples = due.durationMs * SAMPLES_PER_MS;
    const mediaMs = due.packet?.mediaMs;
    const pcm = mediaMs === undefined ? undefined : this.#decoded.get(mediaMs);
    if (mediaMs === undefined || pcm === undefined) {
      this.concealed += 1;
      return this.#concealer.conceal(samples);
    }
    this.#decoded.delete(mediaMs);
    return this.#concealer.hear(exactly(pcm, samples));
  }
}

/**
 * A packet may be longer or shorter than its message claims; the clock goes by the message.
 * @param {Float32Array} pcm
 * @param {number} samples
 */
function exactly(pcm, samples) {
  if (pcm.length === samples) return pcm;
  const exact = new Float32Array(samples);
  exact.set(pcm.subarray(0, samples));
  return exact;
}
