/**
 * What is computed for every picture: face, crop, mask, motion, and the draft of a keyframe when one is due
 * (sender/pipeline.py).
 *
 * Must not import engines or codecs. Invariant: motion is coded in the crop of, and against, a reference that the receiver
 * is known to have; a crop that moved takes effect with its own keyframe.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { faceExtent, sameCrop, SteadyCrop, toCrop } from "./crop.js";
import { cut } from "./image.js";
import { KeyframePolicy } from "./keyframePolicy.js";
import { personMask } from "./motionEncoder.js";
import { ReferenceChoice } from "./referenceChoice.js";

/** @import { Graph } from "../render/engine.js" */
/** @import { Crop, Picture } from "./image.js" */
/** @import { MotionEncoder, View } from "./motionEncoder.js" */
/** @import { Reference } from "./referenceChoice.js" */
/** @import { FaceTracker } from "./tracker.js" */

/** A face missing in fewer pictures in a row is not called lost, only skipped. */
const LOST_AFTER_PICTURES = 3;

/**
 * The person's mask guides the keypoints only coarsely and moves little, but costs as much as everything else together
 * in WebAssembly; so motion uses each for this many pictures. Keyframes get their own. Keypoints are then off by 0.36 of a
 * quantiser step in the mean for the oldest mask (by 0.30 with 5; 20 clips, docs/LOG.md, ninth session).
 */
const MASK_EVERY = 8;

/** @typedef {Readonly<{mask: Float32Array, crop: Crop, age: number}>} Mask */
/** @typedef {Readonly<{symbols: Int16Array, keyframeId: number}>} Motion */
/** @typedef {Readonly<{mediaMs: number, crop: Crop, view: View, kind: "first" | "full"}>} Draft A view that shall become a keyframe. */
/**
 * Outcome of one picture. rgb: what the receiver should show, null before the first face. motion: symbols, and the keyframe
 * that they are relative to.
 * @typedef {Readonly<{state: "waiting" | "running" | "lost", faces: number, rgb: Uint8ClampedArray | null,
 *   motion: Motion | null, draft: Draft | null}>} Processed
 */

/** One per call; feed every picture in order. */
export class FacePipeline {
  #tracker;
  #segmentation;
  #coder;
  #crop = new SteadyCrop();
  #policy = new KeyframePolicy();
  #choice = new ReferenceChoice();
  #missing = 0;
  /** @type {Motion | null} */
  #last = null;
  /** @type {Mask | null} */
  #mask = null;
  /** @type {"waiting" | "running" | "lost"} */
  #state = "waiting";

  /** @param {FaceTracker} tracker @param {Graph} segmentation @param {MotionEncoder} coder */
  constructor(tracker, segmentation, coder) {
    this.#tracker = tracker;
    this.#segmentation = segmentation;
    this.#coder = coder;
  }

  /** Another receiver: it has no keyframe yet. */
  restart() {
    this.#policy = new KeyframePolicy();
    this.#choice = new ReferenceChoice();
    this.#last = null;
  }

  /**
   * @param {Picture} picture
   * @param {number} mediaMs
   * @param {readonly Reference[]} usable References that motion may name, oldest first.
   * @param {Readonly<{calling: boolean, requested: boolean, free: boolean, spare: boolean}>} wishes calling: somebody wants
   *   motion and keyframes; else the crop is all. requested: a new reference is wanted. free: it could be built now. spare:
   *   the call keeps to its rate even with one that is only worth it, because no reference is near.
   * @returns {Promise<Processed>}
   */
  async process(picture, mediaMs, usable, { calling, requested, free, spare }) {
    const face = await this.#tracker.update(picture);
    if (face === null || !face.landmarks.every(Number.isFinite)) return this.#withoutFace(picture, usable);
    this.#missing = 0;
    this.#state = "running";
    const { crop, moved } = this.#crop.update(picture.width, picture.height, faceExtent(face.landmarks));
    const active = this.#choice.choose(usable, face.landmarks);
    const used = active?.crop ?? crop;
    const common = { state: this.#state, faces: face.count };
    if (!calling) return { ...common, rgb: cut(picture, used, PICTURE_SIZE_PX), motion: null, draft: null };
    const worth = spare && this.#choice.wantsAnother;
    const kind = this.#policy.decide(mediaMs, face.landmarks, { wanted: moved || requested, free, worth });
    /** @type {Draft | null} */
    let draft = null;
    if (kind !== null) {
      if (this.#policy.beginsAnew) this.#choice.beginAnew();
      this.#mask = null; // a keyframe has its own
      draft = { mediaMs, crop, kind, view: await this.#view(picture, face.landmarks, crop) };
    }
    const same = draft !== null && sameCrop(used, crop);
    const view = same ? /** @type {Draft} */ (draft).view : await this.#view(picture, face.landmarks, used);
    return { ...common, rgb: view.rgb, motion: active && (await this.#motion(view, active)), draft };
  }

  /** @param {View} view @param {Reference} active */
  async #motion(view, { keyframeId, code }) {
    const previous = this.#last?.keyframeId === keyframeId ? this.#last.symbols : null;
    const symbols = await this.#coder.encode(view, code, previous);
    this.#last = { symbols, keyframeId };
    return this.#last;
  }

  /** @param {Picture} picture @param {readonly Reference[]} usable @returns {Processed} */
  #withoutFace(picture, usable) {
    this.#missing += 1;
    if (this.#state === "running" && this.#missing >= LOST_AFTER_PICTURES) this.#state = "lost";
    const crop = usable.at(-1)?.crop ?? this.#crop.crop;
    const rgb = crop === null ? null : cut(picture, crop, PICTURE_SIZE_PX);
    return { state: this.#state, faces: 0, rgb, motion: null, draft: null };
  }

  /** @param {Picture} picture @param {Float32Array} landmarks @param {Crop} crop @returns {Promise<View>} */
  async #view(picture, landmarks, crop) {
    const rgb = cut(picture, crop, PICTURE_SIZE_PX);
    return { rgb, landmarks: toCrop(landmarks, crop), mask: await this.#maskOf(rgb, crop) };
  }

  /** @param {Uint8ClampedArray} rgb @param {Crop} crop */
  async #maskOf(rgb, crop) {
    const last = this.#mask;
    if (last !== null && last.age < MASK_EVERY - 1 && sameCrop(last.crop, crop)) {
      this.#mask = { ...last, age: last.age + 1 };
      return last.mask;
    }
    const mask = await personMask(this.#segmentation, rgb);
    this.#mask = { mask, crop, age: 0 };
    return mask;
  }
}
