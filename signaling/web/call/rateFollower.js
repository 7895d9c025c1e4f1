/**
 * Follows the network: what acknowledgements tell becomes a plan, and the encoder sends by it (sender/rate_follower.py).
 *
 *     Encoder.takeArrivals --> RateControl --> Ladder --> Plan --> Encoder.follow; the session does the rest
 *
 * Must not import transports or clocks. Invariant: the encoder always sends by the newest plan.
 */

import { longestPacketMs } from "./bundler.js";
import { Ladder, wireKbps } from "./ladder.js";
import { PICTURE_STEP_MS } from "./limits.js";
import { RATE_MAX_KBPS, RateControl, START_KBPS } from "./rateControl.js";

/** @import { MediaConfig } from "../codec/control.js" */
/** @import { Encoder } from "./encoder.js" */
/** @import { Plan } from "./ladder.js" */

/** The peer hears of another rung at once, of the rest when it has settled: a message costs half a bundle. */
const TELL_AFTER_MS = 2000;
const RTT_UNKNOWN_MS = 100;
/** A keyframe gets at least this on a link that has nothing to spare: 2 KB in 3 s. */
const KEYFRAME_LEAST_KBPS = 6;

/** One direction of a call. Call `acknowledged` after `Encoder.receiveAck`, and `update` now and then. */
export class RateFollower {
  #encoder;
  #ladder = new Ladder();
  #rate;
  /** @type {Plan} */
  #plan;
  /** @type {MediaConfig} */
  #told;
  #changedUs = 0;
  /** @type {number | null} */
  #motionMs = null;

  /** @param {Encoder} encoder */
  constructor(encoder) {
    this.#encoder = encoder;
    this.#plan = this.#ladder.plan;
    this.#rate = new RateControl(Math.max(START_KBPS, wireKbps(this.#plan)));
    this.#follow();
    this.#told = this.mediaConfig;
  }

  /** How this end sends now. */
  get plan() {
    return this.#plan;
  }

  /** What is known of the path. */
  get link() {
    return this.#rate.state;
  }

  /**
   * The peer wants this rung.
   * @param {number | null} rung null: free again.
   */
  pin(rung) {
    this.#ladder.pin(rung);
  }

  /**
   * The encoder took an acknowledgement in.
   * @param {number} nowUs
   */
  acknowledged(nowUs) {
    const rttMs = this.#encoder.rttMs ?? RTT_UNKNOWN_MS;
    this.#rate.feedback(this.#encoder.takeArrivals(), this.#encoder.loss, rttMs, nowUs);
    const { limited, estimateKbps } = this.link;
    const spareKbps = estimateKbps - wireKbps(this.#plan);
    this.#encoder.paceKeyframes(limited ? Math.max(KEYFRAME_LEAST_KBPS, spareKbps) : RATE_MAX_KBPS);
  }

  /**
   * The new plan if anything changed, already followed by the encoder; null: all stays as it is.
   * @param {number} nowUs
   * @returns {Plan | null}
   */
  update(nowUs) {
    const plan = this.#ladder.decide(this.link, nowUs);
    const { rung, bundleMs, motionFps, redundancy } = this.#plan;
    const sameSteps = plan.rung === rung && plan.bundleMs === bundleMs && plan.motionFps === motionFps;
    if (sameSteps && plan.redundancy === redundancy) {
      this.#tell(nowUs);
      return null;
    }
    if (wireKbps(plan) < wireKbps(this.#plan)) this.#rate.reduced(nowUs);
    this.#plan = plan;
    this.#follow();
    this.#changedUs = nowUs;
    this.#tell(nowUs);
    return plan;
  }

  /** Length of the voice packets that the plan asks for. */
  get voicePacketMs() {
    return longestPacketMs(this.#plan.bundleMs);
  }

  /** The plan as the peer is told it; the first is the caller's to send, later ones are pushed by `update`. */
  get mediaConfig() {
    const { motionFps, bundleMs, rung } = this.#plan;
    /** @type {MediaConfig} */
    const config = { kind: "media_config", fpsX10: 10 * motionFps, bundleMs, voiceFrameMs: this.voicePacketMs, rung };
    return Object.freeze(config);
  }

  /**
   * Whether the plan has a place for motion of this time: at 12.5 fps every second frame is left out.
   * @param {number} mediaMs
   */
  wantsMotion(mediaMs) {
    const { motionFps } = this.#plan;
    if (!motionFps) return false;
    const dueMs = this.#motionMs === null ? -Infinity : this.#motionMs + 1000 / motionFps;
    if (mediaMs < dueMs - PICTURE_STEP_MS / 2) return false;
    this.#motionMs = mediaMs;
    return true;
  }

  /** @param {number} nowUs */
  #tell(nowUs) {
    const config = this.mediaConfig;
    const settled = nowUs - this.#changedUs >= TELL_AFTER_MS * 1000;
    const same = config.fpsX10 === this.#told.fpsX10 && config.bundleMs === this.#told.bundleMs;
    if ((same && config.rung === this.#told.rung) || (config.rung === this.#told.rung && !settled)) return;
    this.#told = config;
    this.#encoder.pushControl(config);
  }

  #follow() {
    this.#encoder.follow(this.#plan.bundleMs, this.#plan.redundancy);
  }
}
