/**
 * The pictures that a peer sends as such: thumbnails for the network, and video for the eyes (receiver/render_call.py).
 *
 *     VideoUnit --> UnitDecoder, one of a kind --> PictureShelf, one of a kind --> thumbnail, video
 *
 * Must not import networks. Invariant: units of a kind are decoded one after the other; what waits is at most VIDEO_QUEUE of
 * them, and one that is left out breaks its chain by itself.
 */

import { nowUs } from "../call/clock.js";
import { PICTURE_SIZE_PX, VIDEO_HOLD_MAX_MS, VIDEO_LEAVE_MS, VIDEO_QUEUE } from "../call/limits.js";
import { PictureState, poseMsOf } from "../codec/due.js";
import { RemoteError, UnknownReference } from "../codec/errors.js";
import { VideoKind } from "../codec/frames.js";
import { resized } from "../face/image.js";
import { PictureShelf } from "./pictureShelf.js";
import { UnitDecoder } from "./unitDecoder.js";

/** @import { PictureDue } from "../codec/due.js" */
/** @import { VideoUnit } from "../codec/frames.js" */
/** @import { DecodedPicture } from "./pictureShelf.js" */

/** One connection's. */
export class SentPictures {
  #decoders = [new UnitDecoder(), new UnitDecoder()];
  #shelves = [new PictureShelf(), new PictureShelf()];
  /** @type {VideoUnit[][]} By kind. */
  #queues = [[], []];
  #busy = [false, false];
  #onBroken;

  /**
   * @param {(kind: number, malformed: boolean) => void} onBroken Pictures of this kind cannot be decoded until one stands
   *   alone; malformed: by the peer's fault.
   */
  constructor(onBroken) {
    this.#onBroken = onBroken;
  }

  /**
   * Decode a picture for its time.
   * @param {VideoUnit} unit
   */
  add(unit) {
    const queue = this.#queues[unit.kind];
    queue.push(unit);
    if (queue.length > VIDEO_QUEUE) queue.shift();
    void this.#work(unit.kind);
  }

  /** Free the decoders: another connection begins. */
  close() {
    this.#queues = [[], []];
    this.#decoders.forEach((decoder) => decoder.close());
  }

  /** @param {number} kind */
  async #work(kind) {
    if (this.#busy[kind]) return;
    this.#busy[kind] = true;
    for (let unit = this.#queues[kind].shift(); unit !== undefined; unit = this.#queues[kind].shift()) {
      try {
        for (const picture of await this.#decoders[kind].decode(unit, nowUs())) this.#shelves[kind].put(picture);
      } catch (error) {
        const remote = error instanceof RemoteError;
        if (!remote) console.error("a picture that was sent could not be decoded", error);
        this.#onBroken(kind, remote && !(error instanceof UnknownReference));
      }
    }
    this.#busy[kind] = false;
  }

  /**
   * The small picture that corrects the rebuilt one of this time, null: none is near.
   * @param {number} mediaMs
   */
  thumbnail(mediaMs) {
    return this.#shelves[VideoKind.THUMBNAIL].nearest(mediaMs);
  }

  /**
   * The picture as it was sent; null without one, and once the newest pose is newer by VIDEO_LEAVE_MS. frozen: it stands
   * because nothing newer came.
   * @param {PictureDue} due
   * @returns {Readonly<{picture: DecodedPicture, frozen: boolean}> | null}
   */
  video(due) {
    const picture = this.#shelves[VideoKind.VIDEO].newest(due.mediaMs);
    if (picture === null) return null;
    const poseMs = poseMsOf(due);
    const frozen = due.mediaMs - picture.mediaMs > VIDEO_HOLD_MAX_MS;
    const motionGoesOn = poseMs !== null && poseMs - picture.mediaMs > VIDEO_LEAVE_MS;
    return motionGoesOn || (due.state === PictureState.VOICE && frozen) ? null : Object.freeze({ picture, frozen });
  }
}

/**
 * As the canvas takes it, 256 x 256.
 * @param {DecodedPicture} picture
 */
export function atFullSize({ rgb, sidePx }) {
  return sidePx === PICTURE_SIZE_PX ? rgb : resized(rgb, sidePx, sidePx, PICTURE_SIZE_PX);
}
