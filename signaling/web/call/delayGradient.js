/**
 * Whether a queue builds up on the path, from how the transit of bundles changes (shared/core/delay_gradient.py, where its
 * sources stand).
 *
 *     arrivals -> transit (arrived - sent) -> slope over the last second -> compared with an adaptive threshold
 *
 * Must import types only. Invariant: constant memory; the clocks of the two ends are never compared, only their differences.
 */

/** @import { Arrival } from "./ackHistory.js" */

/** The slope is taken over so many bundles, of at most this time. */
const WINDOW_ARRIVALS = 8;
const WINDOW_MS = 1000;
/** The slope is stated as growth over this time. */
const TREND_SPAN_MS = 240;
const THRESHOLD_START_MS = 12.5;
const THRESHOLD_MIN_MS = 6;
const THRESHOLD_MAX_MS = 600;
/** K_u and K_d of draft-ietf-rmcat-gcc-02, section 5.4, per millisecond. */
const GAIN_UP = 0.01;
const GAIN_DOWN = 0.00018;
/** A trend this far beyond the threshold does not move it. */
const OUTLIER_MS = 15;
/** Time between bundles that one step of adaptation counts at most. */
const ADAPT_MAX_MS = 100;
/** The base delay is the least of the last 22 to 30 s. */
const BASE_STEP_MS = 7500;
const BASE_STEPS = 4;
/** Less than this above the base delay is jitter, not a queue, whatever the trend says. */
const QUEUE_FLOOR_MS = 25;
/** A transit that jumps by this is another clock or path: begin anew. */
const RESTART_MS = 5000;

/** What the trend says of the path. over: a queue grows. under: it shrinks, or the path became faster. */
export const Usage = Object.freeze({
  NORMAL: /** @type {const} */ ("normal"),
  OVER: /** @type {const} */ ("over"),
  UNDER: /** @type {const} */ ("under"),
});
/** @typedef {typeof Usage[keyof typeof Usage]} UsageOf */

/** Feed arrivals in the order in which they were sent; `usage` and `queueMs` follow. */
export class DelayGradient {
  /** @type {(readonly [number, number])[]} Time sent and transit, ms. */
  #window = [];
  /** @type {{step: number, leastMs: number}[]} */
  #bases = [];
  /** @type {Arrival | null} */
  #last = null;
  #thresholdMs = THRESHOLD_START_MS;
  #trendMs = 0;
  #overInRow = 0;
  /** Transit above the base delay. */
  queueMs = 0;
  /** @type {UsageOf} */
  usage = Usage.NORMAL;

  /**
   * Take one arrival in. One that was not sent after the last is ignored.
   * @param {Arrival} arrival
   */
  add(arrival) {
    if (this.#last !== null && arrival.sentUs <= this.#last.sentUs) return;
    const transitMs = (arrival.arrivedUs - arrival.sentUs) / 1000;
    const before = this.#window.at(-1);
    if (before !== undefined && Math.abs(transitMs - before[1]) > RESTART_MS) {
      this.#window = [];
      this.#bases = [];
    }
    const elapsedMs = this.#last === null ? 0 : (arrival.sentUs - this.#last.sentUs) / 1000;
    this.#last = arrival;
    this.#noteBase(Math.floor(arrival.sentUs / 1000), transitMs);
    const sentMs = arrival.sentUs / 1000;
    this.#window = [...this.#window.slice(1 - WINDOW_ARRIVALS), /** @type {const} */ ([sentMs, transitMs])];
    while (sentMs - this.#window[0][0] > WINDOW_MS) this.#window.shift();
    this.#judge(elapsedMs);
  }

  /** @param {number} sentMs @param {number} transitMs */
  #noteBase(sentMs, transitMs) {
    const step = Math.floor(sentMs / BASE_STEP_MS);
    this.#bases = this.#bases.filter((base) => base.step > step - BASE_STEPS);
    const last = this.#bases.at(-1);
    if (last?.step === step) last.leastMs = Math.min(last.leastMs, transitMs);
    else this.#bases = [...this.#bases.slice(1 - BASE_STEPS), { step, leastMs: transitMs }];
    this.queueMs = transitMs - Math.min(...this.#bases.map(({ leastMs }) => leastMs));
  }

  /**
   * Sections 5.3 and 5.4: over-use needs two bundles in a row beyond the threshold, and no fall of the trend.
   * @param {number} elapsedMs
   */
  #judge(elapsedMs) {
    const beforeMs = this.#trendMs;
    this.#trendMs = slope(this.#window) * TREND_SPAN_MS;
    if (this.#trendMs > this.#thresholdMs) {
      this.#overInRow += 1;
      if (this.#overInRow > 1 && this.#trendMs >= beforeMs && this.queueMs >= QUEUE_FLOOR_MS) {
        this.usage = Usage.OVER;
        this.#overInRow = 0;
      }
    } else {
      this.#overInRow = 0;
      this.usage = this.#trendMs < -this.#thresholdMs ? Usage.UNDER : Usage.NORMAL;
    }
    this.#adapt(Math.min(elapsedMs, ADAPT_MAX_MS));
  }

  /** @param {number} elapsedMs */
  #adapt(elapsedMs) {
    const beyondMs = Math.abs(this.#trendMs) - this.#thresholdMs;
    if (beyondMs <= OUTLIER_MS) this.#thresholdMs += elapsedMs * (beyondMs > 0 ? GAIN_UP : GAIN_DOWN) * beyondMs;
    this.#thresholdMs = Math.min(Math.max(this.#thresholdMs, THRESHOLD_MIN_MS), THRESHOLD_MAX_MS);
  }
}

/**
 * Least-squares slope of (x, y) points; 0 for fewer than three.
 * @param {readonly (readonly [number, number])[]} points
 */
function slope(points) {
  const count = points.length;
  if (count < 3) return 0;
  /** @param {(point: readonly [number, number]) => number} of */
  const sum = (of) => points.reduce((all, point) => all + of(point), 0);
  const [meanX, meanY] = [sum(([x]) => x) / count, sum(([, y]) => y) / count];
  const spread = sum(([x]) => (x - meanX) ** 2);
  return spread ? sum(([x, y]) => (x - meanX) * (y - meanY)) / spread : 0;
}
