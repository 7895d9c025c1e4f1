/**
 * What the voice said about the mouth that a picture's values hold already: the mouth moves by what it says since then
 * (receiver/voice_anchor.py, where it is explained).
 *
 *     values hold                                                 of the voice is taken away
 *     mean + (last pose - mean) * left, left = 1 - voiceShare     mean of said + (said(last's time) - that mean) * left
 *     the keyframe's own mouth, where no pose came                said(the keyframe's time)
 *
 * Must not import engines. Invariant: a picture whose pose has just been received has nothing on top.
 */

import { poseMsOf, RECEIVED } from "../codec/due.js";
import { EXPRESSION_MEAN_POSES } from "../codec/limits.js";

/** @import { PictureDue } from "../codec/due.js" */

/** @typedef {(mediaMs: number) => Promise<Float32Array>} Said */

/** One call's: what the voice said when the poses, or the keyframe, were seen. */
export class VoiceAnchor {
  /** @type {number | null} */
  #keyframeId = null;
  /** @type {number | null} */
  #atMs = null;
  /** @type {Float32Array | null} */
  #said = null;
  /** @type {Float32Array | null} */
  #mean = null;
  #poses = 0;

  /**
   * Expression (16) that a picture holds of the voice already.
   * @param {PictureDue} due
   * @param {number | null} keyframeMs When its keyframe was taken, null: unknown.
   * @param {Float32Array} now What the voice says at due.mediaMs.
   * @param {Said} said What it said at another media time; asked once for each pose or keyframe that was not itself on show.
   */
  async held(due, keyframeMs, now, said) {
    if (due.keyframeId !== this.#keyframeId) this.#begin(due.keyframeId);
    const poseMs = poseMsOf(due);
    if (poseMs === null) return this.#ofKeyframe(keyframeMs ?? due.mediaMs, due, now, said);
    const left = 1 - due.voiceShare;
    if (RECEIVED.includes(due.state)) {
      this.#see(due.mediaMs, now);
      return now.map((value) => left * value);
    }
    if (poseMs !== this.#atMs) this.#see(poseMs, await said(poseMs));
    const [last, mean] = [this.#said ?? now, this.#mean ?? now];
    return mean.map((value, i) => value + left * (last[i] - value));
  }

  /** Poses of one keyframe say nothing of those of another. @param {number | null} keyframeId */
  #begin(keyframeId) {
    this.#keyframeId = keyframeId;
    this.#atMs = null;
    this.#said = null;
    this.#mean = null;
    this.#poses = 0;
  }

  /** @param {number} takenMs @param {PictureDue} due @param {Float32Array} now @param {Said} said */
  async #ofKeyframe(takenMs, due, now, said) {
    if (takenMs === due.mediaMs) this.#said = now;
    else if (this.#said === null || takenMs !== this.#atMs) this.#said = await said(takenMs);
    this.#atMs = takenMs;
    return this.#said;
  }

  /**
   * A pose of this time, in their order: the running mean is that of the poses in `DampedMotion`.
   * @param {number} mediaMs
   * @param {Float32Array} said
   */
  #see(mediaMs, said) {
    this.#poses = Math.min(this.#poses + 1, EXPRESSION_MEAN_POSES);
    const before = this.#mean ?? said;
    this.#mean = before.map((value, i) => value + (said[i] - value) / this.#poses);
    this.#atMs = mediaMs;
    this.#said = said;
  }
}
