/**
 * Jitter buffer and the one media clock of a receiver: when which picture and which voice is due
 * (shared/core/playout.py).
 *
 *     pushVoice  --> VoicePlayout   --+                +--> voiceAt
 *                                     +-- MediaClock --+
 *     pushMotion --> PicturePlayout --+                +--> pictureAt
 *
 * `nowUs`, the local monotonic clock in whole microseconds, is handed in. Must not import renderers, decoders or
 * clocks. Invariant: voice and picture share one clock, so that they are at most 40 ms apart; media time never goes
 * back; memory is bounded.
 */

import { PICTURE_STEP_MS } from "./limits.js";
import { MediaClock } from "./mediaClock.js";
import { PicturePlayout } from "./picturePlayout.js";
import { VoicePlayout } from "./voicePlayout.js";

/** @import { MotionFrame, VoicePacket } from "./frames.js" */
/** @import { CodingTables } from "./tables.js" */

const STEPS_SEEN = 16;

/** One remote person's media in playing order. Poll `pictureAt` and `voiceAt` when `nextDueUs` says so. */
export class Playout {
  #clock = new MediaClock();
  #voice = new VoicePlayout(this.#clock);
  #pictures;
  /** @type {number | null} */
  #newestMotionMs = null;
  /** @type {number[]} */
  #steps = [];
  /** @type {{mediaMs: number, nowUs: number} | null} */
  #still = null;

  /** @param {CodingTables} tables */
  constructor(tables) {
    this.#pictures = new PicturePlayout(this.#clock, tables);
  }

  /**
   * A decoded pose has arrived; its keyframe may come later.
   * @param {MotionFrame} frame
   * @param {number} nowUs
   */
  pushMotion(frame, nowUs) {
    this.#arrived(frame.mediaMs - this.#leadMs(frame.mediaMs), nowUs, false);
    this.#pictures.push(frame);
  }

  /**
   * A voice packet has arrived.
   * @param {VoicePacket} packet
   * @param {number} nowUs
   */
  pushVoice(packet, nowUs) {
    this.#arrived(packet.mediaMs, nowUs, true);
    this.#voice.push(packet, nowUs);
    this.#pictures.begin(packet.mediaMs);
  }

  /**
   * A video picture of this time has arrived: pictures are due from it, and the delay waits for its like.
   * @param {number} mediaMs
   * @param {number} nowUs
   */
  pushVideo(mediaMs, nowUs) {
    this.#arrived(mediaMs, nowUs, false);
    this.#pictures.joinGrid(mediaMs);
  }

  /**
   * A keyframe of this time has arrived: on the voice rung, where nobody speaks, it is all there is to show.
   * @param {number} mediaMs
   * @param {number} nowUs
   */
  pushStill(mediaMs, nowUs) {
    this.#still = { mediaMs, nowUs };
    this.#rest();
  }

  /**
   * The keyframe can be shown now (its picture is decoded).
   * @param {number} keyframeId
   */
  addKeyframe(keyframeId) {
    this.#pictures.addKeyframe(keyframeId);
  }

  /**
   * Whether the sender sends motion: on the voice rung none comes by design, and none is missed.
   * @param {boolean} expected
   */
  expectMotion(expected) {
    this.#pictures.motionExpected = expected;
    this.#rest();
  }

  /**
   * The newest picture due by now, null: none since the last call. Media times are multiples of 40 ms apart.
   * @param {number} nowUs
   */
  pictureAt(nowUs) {
    this.#clock.adapt(nowUs, this.#voice.plays);
    return this.#pictures.at(nowUs);
  }

  /**
   * The next piece of voice due by now; call until null. Pieces follow each other without gaps in local time.
   * @param {number} nowUs
   */
  voiceAt(nowUs) {
    this.#clock.adapt(nowUs, this.#voice.plays);
    return this.#voice.at(nowUs);
  }

  /** When `pictureAt` or `voiceAt` has something, null before any media arrived. */
  nextDueUs() {
    const soonestUs = Math.min(this.#voice.nextDueUs() ?? Infinity, this.#pictures.nextDueUs() ?? Infinity);
    return soonestUs === Infinity ? null : soonestUs;
  }

  /** Poses and voice packets that came too late to be shown or played. */
  get late() {
    return this.#voice.late + this.#pictures.late;
  }

  /** Pictures that were never asked for in time, or left out because the delay shrank. */
  get skippedPictures() {
    return this.#pictures.skipped;
  }

  /** Starts the clock with a still if nothing else will: a keyframe takes longer than voice and would set a long delay. */
  #rest() {
    if (this.#still === null || this.#pictures.motionExpected) return;
    const { mediaMs, nowUs } = this.#still;
    if (this.#clock.dueUs(mediaMs) !== null) return;
    this.#arrived(mediaMs, nowUs, false);
    this.#pictures.begin(mediaMs);
  }

  /** @param {number} mediaMs @param {number} nowUs @param {boolean} voice */
  #arrived(mediaMs, nowUs, voice) {
    const { resyncs } = this.#clock;
    this.#clock.arrived(mediaMs, nowUs, voice);
    if (this.#clock.resyncs !== resyncs) this.#voice.stop();
  }

  /**
   * How much before its own time a pose is needed: at 12.5 fps the picture 40 ms before it rests on it too.
   * @param {number} mediaMs
   */
  #leadMs(mediaMs) {
    if (this.#newestMotionMs !== null && mediaMs > this.#newestMotionMs) {
      this.#steps = [...this.#steps.slice(1 - STEPS_SEEN), mediaMs - this.#newestMotionMs];
    }
    this.#newestMotionMs = Math.max(mediaMs, this.#newestMotionMs ?? 0);
    return Math.max(0, (this.#steps.length ? Math.min(...this.#steps) : PICTURE_STEP_MS) - PICTURE_STEP_MS);
  }
}
