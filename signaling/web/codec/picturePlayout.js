/**
 * Pictures in playing order on a 40 ms grid of the media clock: received, interpolated, concealed or held
 * poses (shared/core/picture_playout.py).
 *
 * Must not import renderers. Invariant: media time only rises; a pose is shown only with its own keyframe, and only
 * when that is present; a guess neither begins nor ends with a jump.
 */

import { DampedMotion, valuesOf, vectorOf } from "./concealment.js";
import { PictureState } from "./due.js";
import { modulo } from "./integers.js";
import { interpolateMotion } from "./interpolate.js";
import {
  GALLERY_SIZE,
  HEAD_CONCEAL_MAX_MS,
  INTERPOLATE_MAX_GAP_MS,
  MOTION_BLEND_MS,
  PICTURE_STEP_MS,
} from "./limits.js";
import { enqueue, isQueued, placeIn } from "./mediaQueue.js";
import { dequantiseMotion } from "./motionCode.js";
import { dropFirst } from "./motionHistory.js";
import { SYMBOLS } from "./motionLayout.js";
import { PoseBlend } from "./poseBlend.js";

/** @import { Estimate } from "./concealment.js" */
/** @import { PictureDue } from "./due.js" */
/** @import { MotionFrame } from "./frames.js" */
/** @import { MediaClock } from "./mediaClock.js" */
/** @import { MotionValues } from "./motionLayout.js" */
/** @import { CodingTables } from "./tables.js" */

const STEP_US = PICTURE_STEP_MS * 1000;

/**
 * The last picture, when it was not received. poseMs: of the pose that it rests on, null: on the keyframe itself.
 * @typedef {Readonly<{mediaMs: number, poseMs: number | null, keyframeId: number}>} Guess
 */

/** The queue of poses, the keyframes that are present, and the next tick of the grid. */
export class PicturePlayout {
  #clock;
  #tables;
  #neutral;
  #resting;
  #motion;
  #blend = new PoseBlend();
  /** @type {Guess | null} */
  #guess = null;
  motionExpected = true;
  /** @type {MotionFrame[]} */
  #frames = [];
  /** @type {MotionFrame | null} */
  #pose = null;
  /** @type {Map<number, null>} Ids, in the order in which they came. */
  #keyframes = new Map();
  /** @type {number | null} */
  #nextMs = null;
  #onMotionGrid = false;
  #skipped = 0;
  #late = 0;

  /** @param {MediaClock} clock @param {CodingTables} tables */
  constructor(clock, tables) {
    this.#clock = clock;
    this.#tables = tables;
    this.#neutral = dequantiseMotion(new Int16Array(SYMBOLS), tables); // the pose of the keyframe itself
    /** @type {Estimate} A keyframe without any pose: its own face, whose mouth follows the voice. */
    this.#resting = Object.freeze({ vector: vectorOf(this.#neutral), voiceShare: 1 });
    this.#motion = new DampedMotion(tables);
  }

  /** Pictures that were never asked for in time, or left out because the delay shrank. */
  get skipped() {
    return this.#skipped;
  }

  /** Poses that came too late to be shown. */
  get late() {
    return this.#late;
  }

  /**
   * Poses of this keyframe may be shown from now on; the oldest leaves beyond GALLERY_SIZE.
   * @param {number} keyframeId
   */
  addKeyframe(keyframeId) {
    this.#keyframes.delete(keyframeId);
    this.#keyframes.set(keyframeId, null);
    if (this.#keyframes.size > GALLERY_SIZE) dropFirst(this.#keyframes);
  }

  /**
   * The clock has started with voice at mediaMs: pictures are due from here, WAITING at first.
   * @param {number} mediaMs
   */
  begin(mediaMs) {
    this.#nextMs ??= mediaMs;
  }

  /**
   * The first pose or video picture says where the grid lies: on the sender's own frame times, so that they are shown as sent.
   * @param {number} mediaMs
   */
  joinGrid(mediaMs) {
    if (this.#nextMs === null) this.#nextMs = mediaMs;
    else if (!this.#onMotionGrid) this.#nextMs += modulo(mediaMs - this.#nextMs, PICTURE_STEP_MS);
    this.#onMotionGrid = true;
  }

  /**
   * Queue a pose; what is older than the one on show, and repeats, are dropped.
   * @param {MotionFrame} frame
   */
  push(frame) {
    this.joinGrid(frame.mediaMs);
    if (isQueued(this.#frames, frame.mediaMs)) return;
    if (this.#pose !== null && frame.mediaMs <= this.#pose.mediaMs) this.#late += 1;
    else enqueue(this.#frames, frame);
  }

  /** When the next picture is due, null before the clock started. */
  nextDueUs() {
    return this.#nextMs === null ? null : this.#clock.dueUs(this.#nextMs);
  }

  /**
   * The newest picture that is due, null: none since the last one.
   * @param {number} nowUs
   * @returns {PictureDue | null}
   */
  at(nowUs) {
    const dueUs = this.nextDueUs();
    if (this.#nextMs === null || dueUs === null || nowUs < dueUs) return null;
    const behind = Math.floor((nowUs - dueUs) / STEP_US);
    const mediaMs = this.#nextMs + behind * PICTURE_STEP_MS;
    this.#skipped += behind;
    this.#nextMs = mediaMs + PICTURE_STEP_MS;
    return this.#picture(mediaMs, dueUs + behind * STEP_US);
  }

  /** @param {number} mediaMs @param {number} dueUs @returns {PictureDue} */
  #picture(mediaMs, dueUs) {
    const guessed = this.#guessed(mediaMs);
    this.#advance(mediaMs);
    const pose = this.#pose;
    if (pose === null || !this.#keyframes.has(pose.keyframeId)) return this.#withoutPose(mediaMs, dueUs);
    const { keyframeId } = pose;
    const poseAgeMs = mediaMs - pose.mediaMs;
    const { exact, state } = this.#exact(pose, mediaMs);
    const target = exact === null ? this.#motion.at(poseAgeMs) : { vector: vectorOf(exact), voiceShare: 0 };
    const restsOnAnother = this.#guess?.poseMs !== pose.mediaMs;
    if (guessed !== null && (exact !== null || restsOnAnother)) this.#fade(guessed, target, pose);
    this.#guess = exact === null ? Object.freeze({ mediaMs, poseMs: pose.mediaMs, keyframeId }) : null;
    if (exact !== null && this.#blend.left(mediaMs) === 0) {
      return Object.freeze({ mediaMs, dueUs, state, keyframeId, values: exact, poseAgeMs, voiceShare: 0 });
    }
    const { vector, voiceShare } = this.#blend.apply(target, mediaMs);
    const mixed = exact === null ? this.#guessState(poseAgeMs) : PictureState.BLENDED;
    return Object.freeze({ mediaMs, dueUs, state: mixed, keyframeId, values: valuesOf(vector), poseAgeMs, voiceShare });
  }

  /**
   * What was received for this moment, or lies between two received poses; null: nothing.
   * @param {MotionFrame} pose
   * @param {number} mediaMs
   * @returns {{exact: MotionValues | null, state: "fresh" | "interpolated" | "concealed"}}
   */
  #exact(pose, mediaMs) {
    const values = dequantiseMotion(pose.symbols, this.#tables);
    if (mediaMs === pose.mediaMs) return { exact: values, state: PictureState.FRESH };
    const following = this.#following(pose, mediaMs);
    if (following === null) return { exact: null, state: PictureState.CONCEALED };
    const fraction = (mediaMs - pose.mediaMs) / (following.mediaMs - pose.mediaMs);
    const between = interpolateMotion(values, dequantiseMotion(following.symbols, this.#tables), fraction);
    return { exact: between, state: PictureState.INTERPOLATED };
  }

  /** @param {number} ageMs */
  #guessState(ageMs) {
    if (!this.motionExpected) return PictureState.VOICE;
    return ageMs <= HEAD_CONCEAL_MAX_MS ? PictureState.CONCEALED : PictureState.HELD;
  }

  /**
   * What would be shown now if nothing had come, null unless the last picture was a guess.
   * @param {number} mediaMs
   */
  #guessed(mediaMs) {
    if (this.#guess === null) return null;
    const { poseMs } = this.#guess;
    return poseMs === null ? this.#resting : this.#blend.apply(this.#motion.at(mediaMs - poseMs), mediaMs);
  }

  /**
   * Begin to fade because something came that ends a guess; a new keyframe ends all fading.
   * @param {Estimate} guessed
   * @param {Estimate} target
   * @param {MotionFrame} pose
   */
  #fade(guessed, target, pose) {
    if (this.#guess === null || this.#guess.keyframeId !== pose.keyframeId) {
      this.#blend.clear();
      return;
    }
    const { poseMs, mediaMs: startMs } = this.#guess;
    this.#blend.start(guessed, target, startMs, poseMs === null ? MOTION_BLEND_MS : startMs - poseMs);
  }

  /** @param {number} mediaMs @param {number} dueUs @returns {PictureDue} */
  #withoutPose(mediaMs, dueUs) {
    const keyframeId = Array.from(this.#keyframes.keys()).at(-1) ?? null;
    if (keyframeId === null) {
      const state = PictureState.WAITING;
      return Object.freeze({ mediaMs, dueUs, state, keyframeId, values: null, poseAgeMs: 0, voiceShare: 0 });
    }
    this.#guess = Object.freeze({ mediaMs, poseMs: null, keyframeId });
    this.#blend.clear();
    const state = this.motionExpected ? PictureState.HELD : PictureState.VOICE;
    const { voiceShare } = this.#resting;
    return Object.freeze({ mediaMs, dueUs, state, keyframeId, values: this.#neutral, poseAgeMs: 0, voiceShare });
  }

  /**
   * Make the newest pose up to mediaMs whose keyframe is present the one on show; older ones go.
   * @param {number} mediaMs
   */
  #advance(mediaMs) {
    const usable = this.#frames
      .slice(0, placeIn(this.#frames, mediaMs + 1))
      .filter((frame) => this.#keyframes.has(frame.keyframeId));
    const newest = usable.at(-1);
    if (newest === undefined) return;
    for (const frame of usable) this.#motion.received(frame);
    this.#pose = newest;
    this.#frames.splice(0, this.#frames.indexOf(newest) + 1);
  }

  /**
   * The pose to interpolate towards, null: there is none near enough of the same keyframe.
   * @param {MotionFrame} pose
   * @param {number} mediaMs
   */
  #following(pose, mediaMs) {
    const frame = this.#frames[placeIn(this.#frames, mediaMs + 1)];
    const fits = frame !== undefined && frame.keyframeId === pose.keyframeId;
    return fits && frame.mediaMs - pose.mediaMs <= INTERPOLATE_MAX_GAP_MS ? frame : null;
  }
}
