/**
 * How much the path carries: the rate controller of draft-ietf-rmcat-gcc-02 for a call that seldom fills its link
 * (shared/core/rate_control.py, where its numbers are explained).
 *
 *     arrivals -> DelayGradient -> over / normal / under -> increase, hold, decrease (section 5.5)
 *     loss ---------------------------------------------> loss-based bound (section 6)          estimate = the lesser
 *
 * `nowUs` is handed in. Must not import transports or clocks. Invariant: the estimate stays within RATE_MIN_KBPS and
 * RATE_MAX_KBPS, and grows to at most 1.5 times what was seen to arrive, so it never claims what was not tried.
 */

import { DelayGradient, Usage } from "./delayGradient.js";

/** @import { Arrival } from "./ackHistory.js" */
/** @import { UsageOf } from "./delayGradient.js" */

const RATE_MIN_KBPS = 8;
export const RATE_MAX_KBPS = 1000;
/** Assumed until the first over-use: the default call. */
export const START_KBPS = 20;
/** Multiplicative increase per second (eta). */
const GROWTH = 1.08;
/** Share of the received rate that is left after over-use (beta). */
const DECREASE = 0.85;
/** The estimate grows to at most this much of the received rate. */
const OVER_RECEIVED = 1.5;
/** Time over which the received rate is measured. */
const RATE_WINDOW_MS = 600;
/** Added to the round trip to make the response time of the additive increase. */
const RESPONSE_MS = 100;
/** Least additive increase per response time. */
const ADDITIVE_MIN_KBPS = 1;
/** Near what over-use showed the link to carry (exponential mean, within three deviations) the increase is additive. */
const CAPACITY_SMOOTHING = 0.05;
const CAPACITY_DEVIATIONS = 3;
const LOSS_HIGH = 0.1;
const LOSS_LOW = 0.02;
const LOSS_GROWTH = 1.05;
/** Loss alone never takes more than this from the call. */
const LOSS_FLOOR_KBPS = 27;
/** The loss-based bound moves at most this often. */
const LOSS_EVERY_MS = 1000;
/** At over-use the link's own rate is what the last few bundles arrived at. */
const LAST_ARRIVALS = 3;
/** A transit that falls by this more than a queue can drain says that the path became faster. */
const FASTER_MS = 30;

/**
 * What is known of the path. receivedKbps: wire rate that arrived lately. queueMs: transit above the base delay. congested:
 * over-use at the last feedback. limited: over-use was seen, so that the estimate is the path's limit and not only what was
 * tried. loss: 0..1. feedbackUs: when feedback last came, null: never.
 * @typedef {Readonly<{estimateKbps: number, receivedKbps: number, queueMs: number, loss: number, congested: boolean,
 *   limited: boolean, feedbackUs: number | null}>} LinkState
 */

/** Hand it what each acknowledgement tells; read `state`. */
export class RateControl {
  #gradient = new DelayGradient();
  /** @type {Arrival[]} */
  #received = [];
  /** @type {Arrival[]} */
  #last = [];
  #delayKbps;
  #lossKbps = RATE_MAX_KBPS;
  #holding = false;
  #probing = true;
  /** @type {{mean: number, variance: number} | null} */
  #capacity = null;
  /** @type {number | null} */
  #updatedUs = null;
  /** @type {number | null} */
  #lossUs = null;
  /** @type {number | null} */
  #reducedUs = null;
  /** @type {LinkState} */
  state;

  /** @param {number} startKbps */
  constructor(startKbps) {
    this.#delayKbps = startKbps;
    const nothing = { receivedKbps: 0, queueMs: 0, loss: 0, congested: false, limited: false, feedbackUs: null };
    this.state = Object.freeze({ estimateKbps: startKbps, ...nothing });
  }

  /**
   * Less is sent from now on: over-use of what was sent before is no news.
   * @param {number} nowUs
   */
  reduced(nowUs) {
    this.#reducedUs = nowUs;
  }

  /**
   * What one acknowledgement told.
   * @param {readonly Arrival[]} arrivals Not told before, oldest first.
   * @param {number} loss 0..1 of the last bundles.
   * @param {number} rttMs
   * @param {number} nowUs
   */
  feedback(arrivals, loss, rttMs, nowUs) {
    const usages = arrivals.map((arrival) => this.#add(arrival));
    const usage = usages.includes(Usage.OVER) ? Usage.OVER : usages.at(-1) ?? Usage.NORMAL;
    const receivedKbps = rateOf(this.#received);
    if (arrivals.length) this.#react(usage, receivedKbps, rttMs, nowUs);
    this.#reactToLoss(loss, nowUs);
    this.state = Object.freeze({
      estimateKbps: Math.min(this.#delayKbps, this.#lossKbps),
      receivedKbps,
      queueMs: this.#gradient.queueMs,
      loss,
      congested: arrivals.length ? usage === Usage.OVER : this.state.congested,
      limited: !this.#probing,
      feedbackUs: nowUs,
    });
  }

  /** @param {Arrival} arrival @returns {UsageOf} */
  #add(arrival) {
    this.#gradient.add(arrival);
    this.#received.push(arrival);
    this.#last = [...this.#last.slice(-1 - LAST_ARRIVALS), arrival];
    while (arrival.sentUs - this.#received[0].sentUs > RATE_WINDOW_MS * 1000) this.#received.shift();
    if (this.#pathBecameFaster()) {
      this.#probing = true;
      this.#holding = false;
      this.#capacity = null;
    }
    const stale = this.#reducedUs !== null && arrival.sentUs < this.#reducedUs;
    // What was sent before less was sent makes the queue longer yet: wait, as while it drains.
    return this.#gradient.usage === Usage.OVER && stale ? Usage.UNDER : this.#gradient.usage;
  }

  /**
   * The last two bundles took less time than a link of the known capacity could have needed for them: a queue drains by at
   * most the time between two bundles, less the time that the second takes itself.
   */
  #pathBecameFaster() {
    if (this.#capacity === null || this.#last.length < LAST_ARRIVALS + 2) return false;
    const earlier = this.#last.slice(0, -2);
    const [before, first, second] = this.#last.slice(-3);
    const ownMs = (first.sizeBytes * 8) / this.#capacity.mean;
    const drainedMs = Math.max(0, (first.sentUs - before.sentUs) / 1000 - ownMs);
    const fallenMs = Math.min(...earlier.map(transitMs)) - Math.max(transitMs(first), transitMs(second) - FASTER_MS);
    return fallenMs >= drainedMs + FASTER_MS;
  }

  // --- section 5.5 --------------------------------------------------------------------------------------------------

  /** @param {UsageOf} usage @param {number} receivedKbps @param {number} rttMs @param {number} nowUs */
  #react(usage, receivedKbps, rttMs, nowUs) {
    const elapsedS = this.#updatedUs === null ? 0 : (nowUs - this.#updatedUs) / 1_000_000;
    this.#updatedUs = nowUs;
    if (usage === Usage.OVER) {
      const lastKbps = rateOf(this.#last.slice(-LAST_ARRIVALS));
      this.#decrease(Math.max(Math.min(receivedKbps, lastKbps), receivedKbps / 2), nowUs);
      return;
    }
    this.#holding = usage === Usage.UNDER && !this.#probing;
    if (!this.#holding) this.#increase(receivedKbps, rttMs, elapsedS);
  }

  /** @param {number} receivedKbps @param {number} nowUs */
  #decrease(receivedKbps, nowUs) {
    if (receivedKbps) {
      this.#noteCapacity(receivedKbps);
      this.#delayKbps = Math.max(Math.min(this.#delayKbps, DECREASE * receivedKbps), RATE_MIN_KBPS);
    }
    this.#probing = false;
    this.#holding = true;
    this.reduced(nowUs);
  }

  /** @param {number} receivedKbps @param {number} rttMs @param {number} elapsedS */
  #increase(receivedKbps, rttMs, elapsedS) {
    const boundKbps = Math.min(OVER_RECEIVED * receivedKbps, RATE_MAX_KBPS);
    let grownKbps = boundKbps;
    if (!this.#probing) {
      const response = Math.min((elapsedS * 1000) / (RESPONSE_MS + rttMs), 1);
      grownKbps = this.#nearCapacity(receivedKbps)
        ? this.#delayKbps + ADDITIVE_MIN_KBPS * response
        : this.#delayKbps * GROWTH ** Math.min(elapsedS, 1);
    }
    // What was granted stays granted: a call that sends less for a while did not learn of a limit.
    this.#delayKbps = Math.max(this.#delayKbps, Math.min(grownKbps, boundKbps));
  }

  /** @param {number} receivedKbps */
  #noteCapacity(receivedKbps) {
    const { mean, variance } = this.#capacity ?? { mean: receivedKbps, variance: receivedKbps ** 2 * 0.01 };
    const deviation = receivedKbps - mean;
    this.#capacity = {
      mean: mean + CAPACITY_SMOOTHING * deviation,
      variance: variance + CAPACITY_SMOOTHING * (deviation ** 2 - variance),
    };
  }

  /**
   * Whether over-use was seen near this rate; a rate far above it makes that a thing of the past.
   * @param {number} receivedKbps
   */
  #nearCapacity(receivedKbps) {
    if (this.#capacity === null) return false;
    const { mean, variance } = this.#capacity;
    const reach = CAPACITY_DEVIATIONS * Math.sqrt(variance);
    if (receivedKbps > mean + reach) this.#capacity = null;
    return Math.abs(receivedKbps - mean) <= reach;
  }

  // --- section 6 ----------------------------------------------------------------------------------------------------

  /** @param {number} loss @param {number} nowUs */
  #reactToLoss(loss, nowUs) {
    if (this.#lossUs !== null && nowUs - this.#lossUs < LOSS_EVERY_MS * 1000) return;
    this.#lossUs = nowUs;
    if (loss > LOSS_HIGH) {
      const boundKbps = Math.min(this.#lossKbps, this.#delayKbps);
      this.#lossKbps = Math.max(boundKbps * (1 - 0.5 * loss), LOSS_FLOOR_KBPS);
    } else if (loss < LOSS_LOW) this.#lossKbps = Math.min(this.#lossKbps * LOSS_GROWTH, RATE_MAX_KBPS);
  }
}

/**
 * kbit/s of everything but the first bundle, by the time from the first arrival to the last; 0 while there are too few.
 * @param {readonly Arrival[]} arrivals
 */
function rateOf(arrivals) {
  if (arrivals.length < LAST_ARRIVALS) return 0;
  const [first, last] = [arrivals[0], arrivals[arrivals.length - 1]];
  const spanMs = (last.arrivedUs - first.arrivedUs) / 1000;
  const sentMs = (last.sentUs - first.sentUs) / 1000;
  const sizeBytes = arrivals.slice(1).reduce((sum, arrival) => sum + arrival.sizeBytes, 0);
  // Arrivals that are closer together than they were sent are a queue's end, not a rate.
  return (sizeBytes * 8) / Math.max(spanMs, sentMs, 1);
}

/** Of two clocks: only differences mean anything. @param {Arrival} arrival */
function transitMs(arrival) {
  return (arrival.arrivedUs - arrival.sentUs) / 1000;
}
