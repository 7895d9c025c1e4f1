/**
 * Which of the keyframes that the receiver holds a picture is coded against: the nearest in pose that is not out of date
 * (sender/reference_choice.py, where what it brings was measured).
 *
 * Must not import networks. Invariant: of several usable references one is always chosen, and the choice does not flutter:
 * another one must be much nearer.
 */

import { GALLERY_SIZE, PICTURE_SIZE_PX } from "../call/limits.js";
import { sameCrop, toCrop } from "./crop.js";
import { normalised } from "./motionEncoder.js";

/** @import { Crop } from "./image.js" */
/** @import { ReferenceCode } from "./motionEncoder.js" */

/** A reference whose mesh is on average this near is as good as any. */
const NEAR_PX = 6;
/** Share of the distance in use that another reference must stay below: a change costs an absolute frame of about 30 bytes. */
const MUCH_NEARER = 0.6;
/** From here on a reference of the new pose would be better. */
const FAR_PX = 10;

/**
 * A keyframe that was sent, as far as later motion needs it. provisional: the small first one, to be left as soon as there is
 * another.
 * @typedef {Readonly<{keyframeId: number, crop: Crop, code: ReferenceCode, provisional: boolean}>} Reference
 */

/** One per call. */
export class ReferenceChoice {
  /** @type {number | null} */
  #used = null;
  #distancePx = 0;
  /** @type {Set<number>} */
  #ids = new Set();
  /** @type {Set<number>} */
  #outdated = new Set();

  /**
   * @param {readonly Reference[]} usable Oldest first.
   * @param {Float32Array} landmarks 468 x 3, px in the whole picture.
   * @returns {Reference | null} null: there is no reference.
   */
  choose(usable, landmarks) {
    this.#ids = new Set(usable.map(({ keyframeId }) => keyframeId));
    for (const keyframeId of this.#outdated) if (!this.#ids.has(keyframeId)) this.#outdated.delete(keyframeId);
    const newest = usable.at(-1);
    if (newest === undefined) return null;
    // A reference of another crop would show the picture from elsewhere: only the newest may change that.
    const serving = usable.filter((reference) => this.#serves(reference, newest));
    const fitting = serving.length ? serving : [newest];
    const distances = fitting.map((reference) => poseDistancePx(reference, landmarks));
    const nearest = distances.indexOf(Math.min(...distances));
    const used = fitting.findIndex(({ keyframeId }) => keyframeId === this.#used);
    const best = used < 0 || worthChanging(distances[used], distances[nearest]) ? nearest : used;
    this.#used = fitting[best].keyframeId;
    this.#distancePx = distances[best];
    return fitting[best];
  }

  /** @param {Reference} reference @param {Reference} newest */
  #serves(reference, newest) {
    const outdated = this.#outdated.has(reference.keyframeId) || (reference.provisional && !newest.provisional);
    return sameCrop(reference.crop, newest.crop) && !outdated;
  }

  /**
   * Whether the gallery has room for a reference of this pose, and nothing near it. A full one keeps what it has: the oldest,
   * which a new one would push out, is as a rule the pose that people return to.
   */
  get wantsAnother() {
    return this.#ids.size > 0 && this.#ids.size < GALLERY_SIZE && this.#distancePx >= FAR_PX;
  }

  /** Somebody asked for a new keyframe, or another person may have sat down: what is held is out of date. */
  beginAnew() {
    for (const keyframeId of this.#ids) this.#outdated.add(keyframeId);
  }
}

/**
 * Mean distance of a mesh (468 x 3, px in the whole picture) from the reference's own, in px of the crop.
 * @param {Reference} reference
 * @param {Float32Array} landmarks
 */
export function poseDistancePx({ crop, code }, landmarks) {
  const points = normalised(toCrop(landmarks, crop));
  let sum = 0;
  for (let at = 0; at < points.length; at += 2) {
    sum += Math.hypot(points[at] - code.points[at], points[at + 1] - code.points[at + 1]);
  }
  return ((sum / (points.length / 2)) * PICTURE_SIZE_PX) / 2;
}

/** @param {number} usedPx @param {number} bestPx */
function worthChanging(usedPx, bestPx) {
  return usedPx > NEAR_PX && bestPx < MUCH_NEARER * usedPx;
}
