/**
 * What the sender knows of the receiver: which bundles arrived, hence which frames may be predicted from
 * (shared/core/ack_history.py).
 *
 * Must not import coders. Invariant: a frame counts as acknowledged only when a report names a bundle that carried it and that
 * was really sent; a lying report changes nothing before it is refused. Only while no loss is seen may a frame that is still
 * on its way be a base.
 */

import { MalformedMessage } from "../codec/errors.js";
import { SEQ_WRAP, unwrap, unwrapSeq } from "../codec/mediaTime.js";
import {
  ACK_HISTORY_BITS,
  ARRIVAL_TICK_US,
  BASE_MAX_DISTANCE_MS,
  BASE_UNIT_MS,
  CAREFUL_BUNDLES,
  KNOWN_FRAMES,
  SENT_BUNDLES,
  TRUST_AFTER_BUNDLES,
  TRUSTED_BUNDLES,
} from "./limits.js";

/** @import { MotionFrame } from "../codec/frames.js" */
/** @import { BundleReport } from "../codec/wireAck.js" */

/** Times of arrival are 16 bits. */
const TICK_WRAP = 1 << 16;

/**
 * A bundle on its way. sizeBytes: what was sent since the bundle before it, this one included, on the wire.
 * @typedef {Readonly<{sentUs: number, frames: readonly MotionFrame[], sizeBytes: number}>} SentBundle
 */
/**
 * A bundle that the receiver reports. arrivedUs: on a clock of the receiver's own, in steps of ARRIVAL_TICK_US.
 * @typedef {Readonly<{number: number, sentUs: number, arrivedUs: number, sizeBytes: number}>} Arrival
 */

/** Sent bundles, acknowledged frames, round trip and loss. Numbers of bundles run on; 16 bits of them travel. */
export class AckHistory {
  /** @type {Map<number, SentBundle>} */
  #sent = new Map();
  /** @type {MotionFrame[]} By media time. */
  #known = [];
  #next = 0;
  #newestAcked = -1;
  #carefulUntil = 0;
  /** @type {number | null} */
  #arrivedTicks = null;
  #newestArrival = -1;
  /** @type {Arrival[]} */
  #arrivals = [];
  /** @type {number | null} Smoothed round trip, null until the first acknowledgement. */
  rttMs = null;
  /** Share of the last reported bundles that did not arrive, 0..1. */
  loss = 0;

  /** Sequence number of the next bundle, 0..65535. */
  get nextSeq() {
    return this.#next % SEQ_WRAP;
  }

  /**
   * The bundle `nextSeq` with `frames` is being sent.
   * @param {number} nowUs
   * @param {readonly MotionFrame[]} frames
   * @param {number} sizeBytes See `SentBundle`.
   */
  record(nowUs, frames, sizeBytes) {
    this.#sent.set(this.#next, Object.freeze({ sentUs: nowUs, frames, sizeBytes }));
    this.#next += 1;
    this.#sent.delete(this.#next - 1 - SENT_BUNDLES);
  }

  /**
   * The running number of the report's newest bundle.
   * @param {BundleReport} report
   * @throws {MalformedMessage} It was never sent.
   */
  check(report) {
    const number = unwrapSeq(report.highestSeq, this.#next - 1);
    if (number >= 0 && number < this.#next) return number;
    throw new MalformedMessage(`acknowledges bundle ${report.highestSeq}, which was never sent`);
  }

  /**
   * Take a report in; false when a newer one came before (its frames still count).
   * @param {BundleReport} report
   * @param {number} nowUs
   * @throws {MalformedMessage}
   */
  acknowledge(report, nowUs) {
    const newest = this.check(report);
    for (let number = Math.max(0, newest - ACK_HISTORY_BITS); number <= newest; number += 1) {
      const bundle = this.#sent.get(number);
      const arrived = number === newest || (report.history >>> (newest - 1 - number)) & 1;
      if (bundle && arrived) bundle.frames.forEach((frame) => this.#learn(frame));
    }
    if (newest < this.#newestAcked) return false;
    const bundle = this.#sent.get(newest);
    if (newest > this.#newestAcked && bundle) this.#updateRtt((nowUs - bundle.sentUs) / 1000 - report.ageMs);
    this.#newestAcked = newest;
    this.#noteArrivals(newest, report);
    this.loss = lossOf(report.history, Math.min(newest, ACK_HISTORY_BITS));
    if (this.loss > 0) this.#carefulUntil = this.#next + CAREFUL_BUNDLES;
    return true;
  }

  /** Arrivals that were reported since the last call, oldest first, each bundle once; at most SENT_BUNDLES. */
  takeArrivals() {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    return arrivals;
  }

  /** The receiver lost its history: nothing may be predicted from until it acknowledges again. */
  forgetBases() {
    this.#known = [];
    this.#carefulUntil = this.#next + CAREFUL_BUNDLES;
  }

  /**
   * The newest frame that the receiver has, or by all signs will have, and from which `frame` may be predicted.
   * @param {MotionFrame} frame
   */
  baseFor(frame) {
    const sent = this.#trusting ? [...this.#sent.values()].flatMap((bundle) => bundle.frames) : [];
    const fits = (/** @type {MotionFrame} */ base) => canBeBase(base, frame);
    return sent.findLast(fits) ?? this.#known.findLast(fits) ?? null;
  }

  /** Whether a loss was reported within the last CAREFUL_BUNDLES, or the receiver lost its history. */
  get careful() {
    return this.#next < this.#carefulUntil;
  }

  /** Whether bundles on their way may be counted on: enough arrived, none was lost lately, and reports still come. */
  get #trusting() {
    const onTheWay = this.#next - 1 - this.#newestAcked;
    return this.#newestAcked >= TRUST_AFTER_BUNDLES - 1 && !this.careful && onTheWay <= TRUSTED_BUNDLES;
  }

  /**
   * Arrival times of the newest bundle and of the received ones before it, as far as the report tells.
   * @param {number} newest
   * @param {BundleReport} report
   */
  #noteArrivals(newest, report) {
    const { arrivalTicks, gapsTicks, history } = report;
    let tick = this.#arrivedTicks === null ? arrivalTicks : unwrap(arrivalTicks, this.#arrivedTicks, TICK_WRAP);
    this.#arrivedTicks = tick;
    const told = [{ number: newest, tick }];
    for (let bit = 0; bit < ACK_HISTORY_BITS && told.length <= gapsTicks.length; bit += 1) {
      if (!((history >>> bit) & 1)) continue;
      tick -= gapsTicks[told.length - 1];
      told.push({ number: newest - 1 - bit, tick });
    }
    for (const { number, tick: arrived } of told.reverse()) {
      const bundle = this.#sent.get(number);
      if (number <= this.#newestArrival || bundle === undefined) continue;
      const { sentUs, sizeBytes } = bundle;
      const arrival = Object.freeze({ number, sentUs, arrivedUs: arrived * ARRIVAL_TICK_US, sizeBytes });
      this.#arrivals = [...this.#arrivals.slice(1 - SENT_BUNDLES), arrival];
    }
    this.#newestArrival = Math.max(this.#newestArrival, newest);
  }

  /** @param {MotionFrame} frame */
  #learn(frame) {
    if (this.#known.some((known) => known.mediaMs === frame.mediaMs)) return;
    const after = this.#known.findIndex((known) => known.mediaMs > frame.mediaMs);
    this.#known.splice(after < 0 ? this.#known.length : after, 0, frame);
    if (this.#known.length > KNOWN_FRAMES) this.#known.shift();
  }

  /**
   * Smoothed as in RFC 6298, section 2, with alpha = 1/8.
   * @param {number} sampleMs
   */
  #updateRtt(sampleMs) {
    const bounded = Math.max(0, sampleMs);
    this.rttMs = this.rttMs === null ? bounded : this.rttMs + (bounded - this.rttMs) / 8;
  }
}

/** @param {number} history @param {number} window Bits of it that count, 0..32. */
function lossOf(history, window) {
  let arrived = 0;
  for (let bit = 0; bit < window; bit += 1) arrived += (history >>> bit) & 1;
  return window ? 1 - arrived / window : 0;
}

/**
 * Whether the wire can name `base` for `frame`: same keyframe, 20 to 5100 ms before it, in steps of 20 ms.
 * @param {MotionFrame} base
 * @param {MotionFrame} frame
 */
export function canBeBase(base, frame) {
  const distanceMs = frame.mediaMs - base.mediaMs;
  const fits = distanceMs > 0 && distanceMs <= BASE_MAX_DISTANCE_MS && distanceMs % BASE_UNIT_MS === 0;
  return fits && base.keyframeId === frame.keyframeId;
}
