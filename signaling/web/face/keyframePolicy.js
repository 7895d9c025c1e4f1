/**
 * When to send a keyframe: the first face, a moved crop, a request, another person perhaps, a pose without a reference near it
 * (sender/keyframe_policy.py). The first face gives two: a small one at once, so that there is a picture, and a full one
 * at the first good moment.
 *
 * Must not import anything. Invariant: reasons are never lost, only put off: until a good moment (eyes open, mouth
 * closed), at most PATIENCE_MS, until the one before is built, and never less than INTERVAL_MS after the last full one.
 */

/** What a keyframe is for: something to see at once, or the reference. */
export const KeyframeKind = Object.freeze({
  FIRST: /** @type {const} */ ("first"),
  FULL: /** @type {const} */ ("full"),
});

/** A reference with closed eyes or an open mouth hurts every picture after it, so a better one is waited for. */
const PATIENCE_MS = 300;
const INTERVAL_MS = 1000;
/** After this long without a face another person may have sat down. */
const LOST_LONG_MS = 2000;
/** Height to width of an eye from which it counts as open. */
const EYES_OPEN = 0.16;
/** Height to width of the inner lips up to which the mouth counts as closed. */
const MOUTH_CLOSED = 0.12;
/** Points of MediaPipe's face mesh: upper, lower, and the two corners. */
const INNER_LIPS = [13, 14, 78, 308];
const EYES = [
  [159, 145, 33, 133],
  [386, 374, 362, 263],
];

/** Asked once per picture with a face; says whether this one shall become a keyframe. */
export class KeyframePolicy {
  /** @type {number | null} */
  #lastMs = null;
  /** @type {number | null} */
  #sinceMs = null;
  /** @type {number | null} */
  #faceMs = null;
  #begun = false;
  /** Whether the keyframe that is due makes those before it useless. */
  beginsAnew = false;

  /**
   * Whether this picture shall become a keyframe, and of which kind; null: not.
   * @param {number} mediaMs Of this picture.
   * @param {Float32Array} landmarks 468 x 3.
   * @param {Readonly<{wanted: boolean, free: boolean, worth: boolean}>} reasons wanted: the crop is new, or the receiver or
   *   the person asked for a reference. free: a keyframe could be built now. worth: no reference is near.
   */
  decide(mediaMs, landmarks, { wanted, free, worth }) {
    const lostLong = this.#faceMs !== null && mediaMs - this.#faceMs >= LOST_LONG_MS;
    this.#faceMs = mediaMs;
    const anew = this.#lastMs === null || wanted || lostLong;
    if (this.#sinceMs === null && (anew || worth)) {
      this.#sinceMs = mediaMs;
      this.beginsAnew = false;
    }
    this.beginsAnew ||= anew;
    if (!free) return null;
    if (!this.#begun) {
      this.#begun = true;
      return KeyframeKind.FIRST;
    }
    if (this.#sinceMs === null || !this.#isDue(mediaMs, this.#sinceMs, landmarks)) return null;
    this.#lastMs = mediaMs;
    this.#sinceMs = null;
    return KeyframeKind.FULL;
  }

  /** @param {number} mediaMs @param {number} sinceMs @param {Float32Array} landmarks */
  #isDue(mediaMs, sinceMs, landmarks) {
    if (this.#lastMs !== null && mediaMs - this.#lastMs < INTERVAL_MS) return false;
    return mediaMs - sinceMs >= PATIENCE_MS || isGoodReference(landmarks);
  }
}

/** @param {Float32Array} landmarks Open eyes and a closed mouth? */
export function isGoodReference(landmarks) {
  const eyesOpen = Math.min(...EYES.map((eye) => opening(landmarks, eye))) >= EYES_OPEN;
  return eyesOpen && opening(landmarks, INNER_LIPS) <= MOUTH_CLOSED;
}

/**
 * Distance of the first two points by that of the last two, in the picture plane.
 * @param {Float32Array} landmarks
 * @param {readonly number[]} points
 */
function opening(landmarks, [upper, lower, left, right]) {
  const distance = (/** @type {number} */ one, /** @type {number} */ other) =>
    Math.hypot(landmarks[3 * one] - landmarks[3 * other], landmarks[3 * one + 1] - landmarks[3 * other + 1]);
  return distance(upper, lower) / Math.max(distance(left, right), 1e-6);
}
