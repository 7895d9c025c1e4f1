/**
 * What is computed for every picture: face, crop, mask, motion, and the draft of a keyframe when one is due
 * (sender/pipeline.py).
 *
 * Must not import engines or codecs. Invariant: motion is coded in the crop and against the reference that the receiver
 * is known to have; a crop that moved takes effect with its own keyframe.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { faceExtent, sameCrop, SteadyCrop, toCrop } from "./crop.js";
import { cut } from "./image.js";
import { KeyframePolicy } from "./keyframePolicy.js";
import { personMask } from "./motionEncoder.js";

/** @import { Graph } from "../render/engine.js" */
/** @import { Crop, Picture } from "./image.js" */
/** @import { MotionEncoder, ReferenceCode, View } from "./motionEncoder.js" */
/** @import { FaceTracker } from "./tracker.js" */

/** A face missing in fewer pictures in a row is not called lost, only skipped. */
const LOST_AFTER_PICTURES = 3;

/**
 * The person's mask guides the keypoints only coarsely and moves little, but costs as much as everything else together
 * in WebAssembly; so motion uses each for this many pictures. Keyframes get their own.
 */
const MASK_EVERY = 5;

/** @typedef {Readonly<{mask: Float32Array, crop: Crop, age: number}>} Mask */
/** A keyframe that was sent, as far as later motion needs it. @typedef {Readonly<{crop: Crop, code: ReferenceCode}>} Reference */
/** @typedef {Readonly<{mediaMs: number, crop: Crop, view: View, kind: "first" | "full"}>} Draft A view that shall become a keyframe. */
/**
 * Outcome of one picture. rgb: what the receiver should show, null before the first face. symbols: motion relative to
 * the active reference.
 * @typedef {Readonly<{state: "waiting" | "running" | "lost", faces: number, rgb: Uint8ClampedArray | null,
 *   symbols: Int16Array | null, draft: Draft | null}>} Processed
 */

/** One per call; feed every picture in order. */
export class FacePipeline {
  #tracker;
  #segmentation;
  #coder;
  #crop = new SteadyCrop();
  #policy = new KeyframePolicy();
  #missing = 0;
  /** @type {{symbols: Int16Array, code: ReferenceCode} | null} */
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
  }

  /**
   * @param {Picture} picture
   * @param {number} mediaMs
   * @param {Reference | null} active The newest reference that motion may name.
   * @param {Readonly<{calling: boolean, requested: boolean, free: boolean}>} wishes calling: somebody wants motion and
   *   keyframes; else the crop is all. requested: a new reference is wanted. free: it could be built now.
   * @returns {Promise<Processed>}
   */
  async process(picture, mediaMs, active, { calling, requested, free }) {
    const face = await this.#tracker.update(picture);
    if (face === null || !face.landmarks.every(Number.isFinite)) return this.#withoutFace(picture, active);
    this.#missing = 0;
    this.#state = "running";
    const { crop, moved } = this.#crop.update(picture.width, picture.height, faceExtent(face.landmarks));
    const used = active?.crop ?? crop;
    const common = { state: this.#state, faces: face.count };
    if (!calling) return { ...common, rgb: cut(picture, used, PICTURE_SIZE_PX), symbols: null, draft: null };
    const kind = this.#policy.decide(mediaMs, face.landmarks, moved || requested, free);
    /** @type {Draft | null} */
    let draft = null;
    if (kind !== null) {
      this.#mask = null; // a keyframe has its own
      draft = { mediaMs, crop, kind, view: await this.#view(picture, face.landmarks, crop) };
    }
    const same = draft !== null && sameCrop(used, crop);
    const view = same ? /** @type {Draft} */ (draft).view : await this.#view(picture, face.landmarks, used);
    return { ...common, rgb: view.rgb, symbols: active && (await this.#motion(view, active.code)), draft };
  }

  /** @param {View} view @param {ReferenceCode} code */
  async #motion(view, code) {
    const previous = this.#last?.code === code ? this.#last.symbols : null;
    const symbols = await this.#coder.encode(view, code, previous);
    this.#last = { symbols, code };
    return symbols;
  }

  /** @param {Picture} picture @param {Reference | null} active @returns {Processed} */
  #withoutFace(picture, active) {
    this.#missing += 1;
    if (this.#state === "running" && this.#missing >= LOST_AFTER_PICTURES) this.#state = "lost";
    const crop = active?.crop ?? this.#crop.crop;
    const rgb = crop === null ? null : cut(picture, crop, PICTURE_SIZE_PX);
    return { state: this.#state, faces: 0, rgb, symbols: null, draft: null };
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
