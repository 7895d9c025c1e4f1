/**
 * Decoded thumbnails and video pictures that wait for their time (receiver/picture_shelf.py).
 *
 * Must not import decoders. Invariant: at most VIDEO_SHELF_PICTURES of a kind, the oldest leave first.
 */

import { THUMBNAIL_MAX_AGE_MS, VIDEO_SHELF_PICTURES } from "../call/limits.js";

/**
 * RGB, interleaved, side x side, as captured at mediaMs.
 * @typedef {Readonly<{mediaMs: number, sidePx: number, rgb: Uint8ClampedArray}>} DecodedPicture
 */

/** Pictures of one kind by media time. */
export class PictureShelf {
  /** @type {DecodedPicture[]} */
  #pictures = [];

  /**
   * Keep a picture; the oldest leaves beyond the limit.
   * @param {DecodedPicture} picture
   */
  put(picture) {
    const later = this.#pictures.findIndex(({ mediaMs }) => mediaMs > picture.mediaMs);
    this.#pictures.splice(later < 0 ? this.#pictures.length : later, 0, picture);
    if (this.#pictures.length > VIDEO_SHELF_PICTURES) this.#pictures.shift();
  }

  /**
   * The newest picture that is not newer than mediaMs, null: none; those before it are forgotten.
   * @param {number} mediaMs
   * @returns {DecodedPicture | null}
   */
  newest(mediaMs) {
    const count = this.#pictures.filter((one) => one.mediaMs <= mediaMs).length;
    this.#pictures.splice(0, Math.max(0, count - 1));
    return count ? this.#pictures[0] : null;
  }

  /**
   * The picture nearest in time, the older of two; null when none is within THUMBNAIL_MAX_AGE_MS.
   * @param {number} mediaMs
   * @returns {DecodedPicture | null}
   */
  nearest(mediaMs) {
    this.#pictures = this.#pictures.filter((one) => one.mediaMs >= mediaMs - THUMBNAIL_MAX_AGE_MS);
    const away = this.#pictures.map((one) => Math.abs(one.mediaMs - mediaMs));
    const least = Math.min(...away);
    return least <= THUMBNAIL_MAX_AGE_MS ? this.#pictures[away.indexOf(least)] : null;
  }
}
