/**
 * Pictures in playing order on a 40 ms grid of the media clock: received, interpolated or held poses
 * (shared/core/picture_playout.py).
 *
 * Must not import renderers. Invariant: media time only rises; a pose is shown only with its own keyframe, and only
 * when that is present.
 */

import { PictureState } from "./due.js";
import { modulo } from "./integers.js";
import { interpolateMotion } from "./interpolate.js";
import { GALLERY_SIZE, INTERPOLATE_MAX_GAP_MS, PICTURE_STEP_MS } from "./limits.js";
import { enqueue, isQueued, placeIn } from "./mediaQueue.js";
import { dequantiseMotion } from "./motionCode.js";
import { dropFirst } from "./motionHistory.js";
import { SYMBOLS } from "./motionLayout.js";

/** @import { PictureDue } from "./due.js" */
/** @import { MotionFrame } from "./frames.js" */
/** @import { MediaClock } from "./mediaClock.js" */
/** @import { CodingTables } from "./tables.js" */

const STEP_US = PICTURE_STEP_MS * 1000;

/** The queue of poses, the keyframes that are present, and the next tick of the grid. */
export class PicturePlayout {
  #clock;
  #tables;
  #neutral;
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
   * Queue a pose; what is older than the one on show, and repeats, are dropped.
   * @param {MotionFrame} frame
   */
  push(frame) {
    this.#joinGrid(frame.mediaMs);
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

  /**
   * The first pose says where the grid lies: on the sender's own frame times, so that poses are shown as sent.
   * @param {number} mediaMs
   */
  #joinGrid(mediaMs) {
    if (this.#nextMs === null) this.#nextMs = mediaMs;
    else if (!this.#onMotionGrid) this.#nextMs += modulo(mediaMs - this.#nextMs, PICTURE_STEP_MS);
    this.#onMotionGrid = true;
  }

  /** @param {number} mediaMs @param {number} dueUs @returns {PictureDue} */
  #picture(mediaMs, dueUs) {
    this.#advance(mediaMs);
    const pose = this.#pose;
    if (pose === null || !this.#keyframes.has(pose.keyframeId)) return this.#withoutPose(mediaMs, dueUs);
    const { keyframeId } = pose;
    const poseAgeMs = mediaMs - pose.mediaMs;
    const values = dequantiseMotion(pose.symbols, this.#tables);
    const following = this.#following(pose, mediaMs);
    if (poseAgeMs === 0 || following === null) {
      const state = poseAgeMs === 0 ? PictureState.FRESH : PictureState.HELD;
      return Object.freeze({ mediaMs, dueUs, state, keyframeId, values, poseAgeMs });
    }
    const fraction = poseAgeMs / (following.mediaMs - pose.mediaMs);
    const between = interpolateMotion(values, dequantiseMotion(following.symbols, this.#tables), fraction);
    return Object.freeze({ mediaMs, dueUs, state: PictureState.INTERPOLATED, keyframeId, values: between, poseAgeMs });
  }

  /** @param {number} mediaMs @param {number} dueUs @returns {PictureDue} */
  #withoutPose(mediaMs, dueUs) {
    const newest = Array.from(this.#keyframes.keys()).at(-1) ?? null;
    return Object.freeze({
      mediaMs,
      dueUs,
      state: newest === null ? PictureState.WAITING : PictureState.HELD,
      keyframeId: newest,
      values: newest === null ? null : this.#neutral,
      poseAgeMs: 0,
    });
  }

  /**
   * Make the newest pose up to mediaMs whose keyframe is present the one on show; older ones go.
   * @param {number} mediaMs
   */
  #advance(mediaMs) {
    for (let place = placeIn(this.#frames, mediaMs + 1) - 1; place >= 0; place -= 1) {
      if (this.#keyframes.has(this.#frames[place].keyframeId)) {
        this.#pose = this.#frames[place];
        this.#frames.splice(0, place + 1);
        return;
      }
    }
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
