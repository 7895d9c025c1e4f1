/**
 * From what was guessed to what was received: the difference fades out instead of jumping (shared/core/pose_blend.py).
 *
 * Must import limits only. Invariant: `duration` after the last guess nothing of the guess is left, and what is shown is
 * what was received, number for number.
 */

import { clamp } from "./integers.js";
import { MOTION_BLEND_MS } from "./limits.js";

/** @import { Estimate } from "./concealment.js" */

/** The difference that still fades. */
export class PoseBlend {
  /** @type {Estimate | null} */
  #difference = null;
  #startMs = 0;
  #durationMs = MOTION_BLEND_MS;

  /** Jump: another keyframe's numbers cannot be mixed with these. */
  clear() {
    this.#difference = null;
  }

  /**
   * Fade from guessed to received, both for the same moment.
   * @param {Estimate} guessed
   * @param {Estimate} received
   * @param {number} startMs Media time of the last guess.
   * @param {number} guessingMs How long there were only guesses; a short gap is left as quickly.
   */
  start(guessed, received, startMs, guessingMs) {
    this.#difference = Object.freeze({
      vector: guessed.vector.map((value, i) => value - received.vector[i]),
      voiceShare: guessed.voiceShare - received.voiceShare,
    });
    this.#startMs = startMs;
    this.#durationMs = Math.min(guessingMs, MOTION_BLEND_MS);
  }

  /**
   * How much of the difference is left at mediaMs, 0..1.
   * @param {number} mediaMs
   */
  left(mediaMs) {
    if (this.#difference === null || mediaMs - this.#startMs >= this.#durationMs) return 0;
    return 1 - (mediaMs - this.#startMs) / this.#durationMs;
  }

  /**
   * target with what is left of the difference; target itself when nothing is.
   * @param {Estimate} target
   * @param {number} mediaMs
   * @returns {Estimate}
   */
  apply(target, mediaMs) {
    const left = this.left(mediaMs);
    const difference = this.#difference;
    if (difference === null || left === 0) return target;
    return Object.freeze({
      vector: target.vector.map((value, i) => value + difference.vector[i] * left),
      voiceShare: clamp(target.voiceShare + difference.voiceShare * left, 0, 1),
    });
  }
}
