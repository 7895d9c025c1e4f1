/**
 * How a page sends: on the voice rung or with motion, and how often (shared/core/ladder.py as far as it concerns these two).
 *
 *     estimate, loss, queue, feedback --+
 *     the other end's pin --------------+--> Ladder.decide --> Plan
 *
 * Must not import transports, clocks or encoders. Invariant: voice is in every plan; no plan is dearer than MAX_KBPS unless it
 * is the cheapest; going down takes no time, going up takes UP_WAIT_MS and is undone at once when it was wrong.
 */

import { Rung } from "../codec/frames.js";
import { longestPacketMs } from "./bundler.js";
import { BUNDLE_MAX_MS, OPUS_BITRATE_MIN_BPS, PACKET_WIRE_BYTES } from "./limits.js";

/** @import { LinkState } from "./rateControl.js" */

/** What a call costs at most. */
const MAX_KBPS = 20;
const UP_WAIT_MS = 800;
const UP_MARGIN = 1.05;
/** A queue this long is drained on the lowest rung that is allowed. */
const OVER_QUEUE_MS = 200;
/** Nothing is added on top of a queue this long. */
const UP_QUEUE_MS = 150;
/** A peer that acknowledges nothing for this long gets the cheapest motion, whatever was estimated. */
const FEEDBACK_TIMEOUT_MS = 3000;
/** Coded motion by pictures a second: the upper end of what calls take. */
const MOTION_KBPS = new Map([
  [25, 1.5],
  [12.5, 0.9],
  [0, 0],
]);
/** Connectivity checks and SACK chunks on top of our messages. */
const EVERYTHING_ELSE_KBPS = 0.6;
/** SCTP rounds messages up to four bytes: the mean of it. */
const PADDING_BYTES = 1.5;
/** Of the wire (codec/wireBundle.js): a bundle's own, a voice packet's and a motion section's headers. */
const BUNDLE_HEADER_BYTES = 6;
const VOICE_HEADER_BYTES = 2;
const MOTION_HEADER_BYTES = 3;
const VOICE_KBPS = OPUS_BITRATE_MIN_BPS / 1000;

/**
 * How to send from now on. bundleMs: 40..200. motionFps: 25, 12.5 or, on the voice rung, 0. redundancy: repeats; null follows
 * the measured loss, false: none, since the loss is a queue's.
 * @typedef {Readonly<{rung: number, bundleMs: number, motionFps: number, redundancy: false | null}>} Plan
 */

/** Every way to send, from cheap to dear. @type {readonly Plan[]} */
const STEPS = Object.freeze([
  step(Rung.VOICE, BUNDLE_MAX_MS, 0),
  step(Rung.MOTION, BUNDLE_MAX_MS, 12.5),
  step(Rung.MOTION, 160, 25),
  step(Rung.MOTION, 120, 25),
  step(Rung.MOTION, 80, 25),
]);
const AFFORDABLE = STEPS.map((_, place) => place).filter((place) => place === 0 || wireKbps(STEPS[place]) <= MAX_KBPS);

/** Ask `decide` at each acknowledgement and now and then; it says what is best, and remembers what it said. */
export class Ladder {
  /** @type {number | null} */
  #pinned = null;
  /** @type {number | null} */
  #changedUs = null;
  /** @type {number | null} */
  #startedUs = null;
  #place = AFFORDABLE[AFFORDABLE.length - 1];

  /** The plan that `decide` gave last, repeats aside; before that the one to begin with. */
  get plan() {
    return STEPS[this.#place];
  }

  /**
   * The peer's wish.
   * @param {number | null} rung null: free again.
   */
  pin(rung) {
    this.#pinned = rung;
  }

  /**
   * The plan for now.
   * @param {LinkState} link
   * @param {number} nowUs
   * @returns {Plan}
   */
  decide(link, nowUs) {
    this.#startedUs ??= nowUs;
    const allowed = this.#allowed;
    let best = this.#best(allowed, link, nowUs);
    if (link.congested || link.queueMs > UP_QUEUE_MS) {
      if (allowed.includes(this.#place)) best = Math.min(best, this.#place);
      if (link.congested) this.#changedUs = nowUs;
    }
    const rested = this.#changedUs === null || nowUs - this.#changedUs >= UP_WAIT_MS * 1000;
    if (best !== this.#place && (best < this.#place || !allowed.includes(this.#place) || rested)) {
      this.#place = best;
      this.#changedUs = nowUs;
    }
    // Repeats follow the loss, unless a queue loses what it cannot hold: then they would only make it longer.
    const crowded = link.congested || link.queueMs > OVER_QUEUE_MS;
    return Object.freeze({ ...this.plan, redundancy: crowded ? false : null });
  }

  /** Places of the steps that pin and cost allow, cheapest first; at least one. */
  get #allowed() {
    if (this.#pinned === null) return AFFORDABLE;
    const wanted = this.#pinned === Rung.VOICE ? Rung.VOICE : Rung.MOTION;
    return AFFORDABLE.filter((place) => STEPS[place].rung === wanted);
  }

  /**
   * The dearest step that fits; the cheapest when none does.
   * @param {readonly number[]} allowed
   * @param {LinkState} link
   * @param {number} nowUs
   */
  #best(allowed, link, nowUs) {
    const sinceUs = link.feedbackUs ?? this.#startedUs;
    if (sinceUs !== null && nowUs - sinceUs >= FEEDBACK_TIMEOUT_MS * 1000) {
      return allowed.find((place) => STEPS[place].rung === Rung.MOTION) ?? allowed[0];
    }
    if (link.queueMs > OVER_QUEUE_MS) return allowed[0];
    const repeats = link.limited && link.loss > 0;
    return allowed.findLast((place) => this.#fits(place, link.estimateKbps, repeats)) ?? allowed[0];
  }

  /** @param {number} place @param {number} estimateKbps @param {boolean} repeats */
  #fits(place, estimateKbps, repeats) {
    const margin = place > this.#place ? UP_MARGIN : 1;
    return wireKbps(STEPS[place], repeats) * margin <= estimateKbps;
  }
}

/**
 * What a plan costs on the wire, every header counted, while the person speaks.
 * @param {Plan} plan
 * @param {boolean} repeats With redundancy.
 */
export function wireKbps({ bundleMs, motionFps }, repeats = false) {
  const packetMs = longestPacketMs(bundleMs);
  let ownBytes = PACKET_WIRE_BYTES + BUNDLE_HEADER_BYTES + PADDING_BYTES;
  ownBytes += (VOICE_HEADER_BYTES * bundleMs) / packetMs + MOTION_HEADER_BYTES * (motionFps > 0 ? 1 : 0);
  const motionKbps = MOTION_KBPS.get(motionFps) ?? 0;
  const repeatedKbps = repeats ? (VOICE_KBPS * packetMs) / bundleMs + motionKbps : 0;
  const mediaKbps = VOICE_KBPS + motionKbps + repeatedKbps;
  return (ownBytes * 8) / bundleMs + mediaKbps + EVERYTHING_ELSE_KBPS;
}

/** @param {number} rung @param {number} bundleMs @param {number} motionFps @returns {Plan} */
function step(rung, bundleMs, motionFps) {
  return Object.freeze({ rung, bundleMs, motionFps, redundancy: null });
}
