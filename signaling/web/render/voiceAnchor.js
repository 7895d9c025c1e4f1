/**
 * What the voice said about the mouth that a picture's values hold already: the mouth moves by what it says since then
 * (receiver/voice_anchor.py, where it is measured).
 *
 *     values hold                                     of the voice is taken away
 *     a received pose, fading (voiceShare of it gone)  (1 - voiceShare) * said(its time)
 *     the keyframe's own mouth, where no pose came     said(the keyframe's time)
 *
 * Must not import engines. Invariant: a picture whose pose has just been received has nothing on top.
 */

import { poseMsOf, RECEIVED } from "../codec/due.js";

/** @import { PictureDue } from "../codec/due.js" */

/** One call's: what the voice said when the shown pose, or the keyframe, was seen. */
export class VoiceAnchor {
  /** @type {number | null} */
  #atMs = null;
  /** @type {Float32Array | null} */
  #said = null;

  /**
   * Expression (16) that a picture holds of the voice already.
   * @param {PictureDue} due
   * @param {number | null} keyframeMs When its keyframe was taken, null: unknown.
   * @param {Float32Array} now What the voice says at due.mediaMs.
   * @param {(mediaMs: number) => Promise<Float32Array>} said What it said at another media time; asked once for each pose or
   *   keyframe that was not itself on show.
   */
  async held(due, keyframeMs, now, said) {
    const { seenMs, left } = seen(due, keyframeMs);
    if (seenMs === due.mediaMs) this.#said = now;
    else if (this.#said === null || seenMs !== this.#atMs) this.#said = await said(seenMs);
    this.#atMs = seenMs;
    return this.#said.map((value) => left * value);
  }
}

/**
 * When the mouth was seen that values hold, and how much of it they hold.
 * @param {PictureDue} due
 * @param {number | null} keyframeMs
 */
function seen(due, keyframeMs) {
  const poseMs = poseMsOf(due);
  if (poseMs === null) return { seenMs: keyframeMs ?? due.mediaMs, left: 1 };
  return { seenMs: RECEIVED.includes(due.state) ? due.mediaMs : poseMs, left: 1 - due.voiceShare };
}
