/**
 * The steady square cut around the face: where it lies and when it moves (sender/crop.py).
 *
 * Must not import networks. Invariant: between two updates that say `moved` the square is the same to the pixel, because
 * every motion code is relative to a keyframe that was cut from the same place.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { roundHalfEven } from "../codec/integers.js";
import { boxOf } from "./roi.js";

/** @import { Crop } from "./image.js" */

/** Width of the face in a fresh square, as a share of its side. */
const TARGET_FACE_SHARE = 0.52;
const LOOSEST_FACE_SHARE = 0.36;
/** A fresh square is made afresh when the face's share leaves these two. */
const TIGHTEST_FACE_SHARE = 0.72;
/** A square picture whose face lies between is call-like already and is used whole. */
const WHOLE_SHARES = [0.35, 0.75];
/** It stays whole until the face leaves these, so that it does not flip back and forth at the border. */
const WHOLE_KEEP_SHARES = [0.25, 0.9];
/** The face's centre may wander this far (share of the side) from where it was when the square was made. */
const DEAD_ZONE = 0.16;
/** Pictures in a row outside the ranges before the square moves (320 ms): a nod is no reason for a new keyframe. */
const OUTSIDE_FRAMES = 8;
/** The face's centre lies a little below the square's: hair needs room above. */
const CENTRE_Y_SHARE = 0.54;
/** A face is about 1.25 times as high as it is wide; its height tells its size when it is turned. */
const HEIGHT_TO_WIDTH = 0.8;

/** @typedef {Readonly<{xPx: number, yPx: number, widthPx: number}>} FaceExtent Centre and width, in picture pixels. */

/**
 * Extent of a mesh, 468 x 3 in picture pixels.
 * @param {Float32Array} landmarks
 * @returns {FaceExtent}
 */
export function faceExtent(landmarks) {
  const { left, top, right, bottom } = boxOf(landmarks, 3);
  const widthPx = Math.max(right - left, HEIGHT_TO_WIDTH * (bottom - top), 1);
  return { xPx: (left + right) / 2, yPx: (top + bottom) / 2, widthPx };
}

/** Decides picture by picture where to cut. One per call. */
export class SteadyCrop {
  /** @type {Crop | null} */
  #crop = null;
  /** @type {FaceExtent | null} */
  #madeFor = null;
  #size = "";
  #whole = false;
  #outsideFrames = 0;

  /** The square in force, null before the first face. */
  get crop() {
    return this.#crop;
  }

  /**
   * Where to cut a picture of this size with this face, and whether that differs from the last one (which asks for a new
   * keyframe). The first answer counts as moved.
   * @param {number} widthPx
   * @param {number} heightPx
   * @param {FaceExtent} face
   * @returns {{crop: Crop, moved: boolean}}
   */
  update(widthPx, heightPx, face) {
    const size = `${widthPx}x${heightPx}`;
    if (this.#crop === null || this.#madeFor === null || this.#size !== size) {
      this.#size = size;
      return this.#make(widthPx, heightPx, face);
    }
    this.#outsideFrames = this.#inside(this.#crop, this.#madeFor, face) ? 0 : this.#outsideFrames + 1;
    if (this.#outsideFrames >= OUTSIDE_FRAMES || cutOff(this.#crop, face)) return this.#make(widthPx, heightPx, face);
    return { crop: this.#crop, moved: false };
  }

  /** @param {Crop} crop @param {FaceExtent} madeFor @param {FaceExtent} face */
  #inside(crop, madeFor, face) {
    const share = face.widthPx / crop.sidePx;
    if (this.#whole) return share >= WHOLE_KEEP_SHARES[0] && share <= WHOLE_KEEP_SHARES[1];
    const wanderPx = Math.max(Math.abs(face.xPx - madeFor.xPx), Math.abs(face.yPx - madeFor.yPx));
    // A face that fills the picture cannot be given its share: what it had at first is then the range's end.
    const firstShare = madeFor.widthPx / crop.sidePx;
    const low = Math.min(LOOSEST_FACE_SHARE, firstShare * 0.85);
    const high = Math.max(TIGHTEST_FACE_SHARE, firstShare * 1.15);
    return wanderPx <= DEAD_ZONE * crop.sidePx && share >= low && share <= high;
  }

  /** @param {number} widthPx @param {number} heightPx @param {FaceExtent} face */
  #make(widthPx, heightPx, face) {
    this.#outsideFrames = 0;
    this.#madeFor = face;
    const last = this.#crop;
    this.#whole = useWhole(widthPx, heightPx, face);
    const crop = this.#whole ? { xPx: 0, yPx: 0, sidePx: widthPx } : fresh(widthPx, heightPx, face);
    this.#crop = Object.freeze(crop);
    return { crop: this.#crop, moved: last === null || !sameCrop(last, crop) };
  }
}

/** @param {Crop} one @param {Crop} other */
export function sameCrop(one, other) {
  return one.xPx === other.xPx && one.yPx === other.yPx && one.sidePx === other.sidePx;
}

/** @param {number} widthPx @param {number} heightPx @param {FaceExtent} face */
function useWhole(widthPx, heightPx, face) {
  if (widthPx !== heightPx) return false;
  const share = face.widthPx / widthPx;
  return widthPx === PICTURE_SIZE_PX || (share >= WHOLE_SHARES[0] && share <= WHOLE_SHARES[1]);
}

/**
 * A square around the face, inside the picture as far as the face then still has room.
 * @param {number} widthPx
 * @param {number} heightPx
 * @param {FaceExtent} face
 */
function fresh(widthPx, heightPx, face) {
  const roomyPx = face.widthPx / TARGET_FACE_SHARE;
  const tightPx = face.widthPx / TIGHTEST_FACE_SHARE;
  const sidePx = Math.max(1, roundHalfEven(Math.min(roomyPx, Math.max(tightPx, Math.min(widthPx, heightPx)))));
  const xPx = keepInside(Math.round(face.xPx - sidePx / 2), sidePx, widthPx);
  const yPx = keepInside(Math.round(face.yPx - sidePx * CENTRE_Y_SHARE), sidePx, heightPx);
  return { xPx, yPx, sidePx };
}

/**
 * Shifts the span into 0..limit; a span that is longer is centred, so that both edges are repeated alike.
 * @param {number} startPx
 * @param {number} sidePx
 * @param {number} limitPx
 */
function keepInside(startPx, sidePx, limitPx) {
  if (sidePx > limitPx) return Math.floor((limitPx - sidePx) / 2);
  return Math.min(Math.max(startPx, 0), limitPx - sidePx);
}

/**
 * Whether the face's centre has left the square's inner half: waiting longer would show half a face.
 * @param {Crop} crop
 * @param {FaceExtent} face
 */
function cutOff(crop, face) {
  const away = [face.xPx - crop.xPx, face.yPx - crop.yPx].map((place) => Math.abs(place - crop.sidePx / 2));
  return Math.max(...away) > (crop.sidePx / 2) * 0.75;
}

/**
 * Picture pixels to pixels of the cut (468 x 3): pixel centres map to pixel centres, depth only scales.
 * @param {Float32Array} landmarks
 * @param {Crop} crop
 */
export function toCrop(landmarks, { xPx, yPx, sidePx }) {
  const scale = PICTURE_SIZE_PX / sidePx;
  return landmarks.map((value, at) => {
    if (at % 3 === 2) return value * scale;
    return (value - (at % 3 ? yPx : xPx) + 0.5) * scale - 0.5;
  });
}
