/**
 * The one media clock of a receiver: when on the local clock a moment of the sender's media is due
 * (shared/core/media_clock.py).
 *
 *     dueUs = mediaMs * 1000 + offsetUs        offsetUs = transit that 95 % of the media keep + margin
 *
 * Must not import coders or the wire. Invariant: the offset stays within PLAYOUT_MAX_DELAY_MS of the shortest transit
 * seen in the window; while voice plays only `shift` moves it, at the voice's own seams. The percentile of a sliding
 * window is that of Moon, Kurose and Towsley, "Packet audio playout delay adjustment" (Multimedia Systems, 1998).
 * Times are whole microseconds in doubles, exact below 2**53.
 */

import {
  PLAYOUT_MARGIN_MS,
  PLAYOUT_MAX_DELAY_MS,
  PLAYOUT_RESYNC_MS,
  PLAYOUT_START_MS,
  PLAYOUT_WINDOW_ITEMS,
  PLAYOUT_WINDOW_MS,
} from "./limits.js";

const PERCENTILE = 95;
const ADAPT_EVERY_US = 100_000;
/** Without voice the delay shrinks by at most this every ADAPT_EVERY_US: 4 % faster pictures, which nobody sees. */
const SLEW_US = 4000;
const MAX_DELAY_US = PLAYOUT_MAX_DELAY_MS * 1000;
const MARGIN_US = PLAYOUT_MARGIN_MS * 1000;

/** Transit times (arrival minus media time, microseconds, arbitrary origin) of the last PLAYOUT_WINDOW_MS. */
class TransitWindow {
  /** @type {{atUs: number, transitUs: number}[]} */
  #items = [];

  /**
   * Note one arrival; those that left the window go.
   * @param {number} transitUs
   * @param {number} nowUs
   */
  add(transitUs, nowUs) {
    this.#items.push({ atUs: nowUs, transitUs });
    while (this.#items.length > PLAYOUT_WINDOW_ITEMS || this.#items[0].atUs < nowUs - PLAYOUT_WINDOW_MS * 1000) {
      this.#items.shift();
    }
  }

  /** Forget everything. */
  clear() {
    this.#items = [];
  }

  /** Shortest transit, and the one that PERCENTILE of the items keep; null when empty. */
  bounds() {
    if (!this.#items.length) return null;
    const transits = Float64Array.from(this.#items, (item) => item.transitUs).sort();
    const kept = Math.ceil((transits.length * PERCENTILE) / 100) - 1;
    return { shortestUs: transits[0], keptUs: transits[kept] };
  }
}

/** Maps media time to local time and adapts the playout delay. */
export class MediaClock {
  /** @type {number | null} */
  #offsetUs = null;
  #resyncs = 0;
  #voice = new TransitWindow();
  #motion = new TransitWindow();
  #targetUs = 0;
  #shortestUs = 0;
  #adaptedUs = 0;
  /** @type {{floorUs: number, untilUs: number} | null} */
  #lateFloor = null;
  /** @type {number | null} */
  #implausibleSinceUs = null;

  /** How often the clock was started anew because only impossible arrival times came. */
  get resyncs() {
    return this.#resyncs;
  }

  /**
   * Media of this time arrived. The first starts the clock; only impossible times for a second start it anew.
   * @param {number} mediaMs
   * @param {number} nowUs
   * @param {boolean} voice
   */
  arrived(mediaMs, nowUs, voice) {
    const transitUs = nowUs - mediaMs * 1000;
    if (this.#offsetUs === null) {
      this.#anchor(transitUs, nowUs, voice);
    } else if (this.#plausible(transitUs)) {
      this.#implausibleSinceUs = null;
      (voice ? this.#voice : this.#motion).add(transitUs, nowUs);
    } else if (this.#implausibleSinceUs === null) {
      this.#implausibleSinceUs = nowUs;
    } else if (nowUs - this.#implausibleSinceUs >= PLAYOUT_RESYNC_MS * 1000) {
      this.#resyncs += 1;
      this.#anchor(transitUs, nowUs, voice);
    }
  }

  /**
   * Voice came too late to be played: for a window's length the delay is at least what it would have needed.
   * @param {number} mediaMs
   * @param {number} nowUs
   */
  lateVoice(mediaMs, nowUs) {
    const neededUs = nowUs - mediaMs * 1000 + MARGIN_US;
    if (neededUs > this.#shortestUs + MAX_DELAY_US) return;
    const floorUs = Math.max(neededUs, this.#floorUs(nowUs));
    this.#lateFloor = { floorUs, untilUs: nowUs + PLAYOUT_WINDOW_MS * 1000 };
    this.#targetUs = Math.max(this.#targetUs, floorUs);
  }

  /**
   * Local time at which mediaMs is due, null before the clock started.
   * @param {number} mediaMs
   */
  dueUs(mediaMs) {
    return this.#offsetUs === null ? null : mediaMs * 1000 + this.#offsetUs;
  }

  /** How much longer the delay should be (negative: shorter), in whole milliseconds. */
  get wantedGrowthMs() {
    return this.#offsetUs === null ? 0 : Math.trunc((this.#targetUs - this.#offsetUs) / 1000);
  }

  /**
   * Lengthen (or shorten) the delay now: the voice has made room at a seam.
   * @param {number} byMs
   */
  shift(byMs) {
    if (this.#offsetUs !== null) this.#offsetUs += byMs * 1000;
  }

  /**
   * Measure anew now and then; without voice the delay follows: up at once, down gently.
   * @param {number} nowUs
   * @param {boolean} voicePlays
   */
  adapt(nowUs, voicePlays) {
    if (this.#offsetUs === null || nowUs - this.#adaptedUs < ADAPT_EVERY_US) return;
    this.#adaptedUs = nowUs;
    this.#measure(nowUs);
    if (!voicePlays) this.#offsetUs = Math.max(this.#targetUs, this.#offsetUs - SLEW_US);
  }

  /** @param {number} nowUs */
  #measure(nowUs) {
    const bounds = [this.#voice.bounds(), this.#motion.bounds()].filter((found) => found !== null);
    if (!bounds.length) return;
    this.#shortestUs = Math.min(...bounds.map((found) => found.shortestUs));
    const keptUs = Math.max(...bounds.map((found) => found.keptUs));
    const wantedUs = Math.max(keptUs + MARGIN_US, this.#floorUs(nowUs));
    this.#targetUs = Math.min(wantedUs, this.#shortestUs + MAX_DELAY_US);
  }

  /**
   * What late voice asked for, -Infinity: nothing any more.
   * @param {number} nowUs
   */
  #floorUs(nowUs) {
    return this.#lateFloor === null || nowUs > this.#lateFloor.untilUs ? -Infinity : this.#lateFloor.floorUs;
  }

  /** @param {number} transitUs */
  #plausible(transitUs) {
    return transitUs >= this.#shortestUs - 2 * MAX_DELAY_US && transitUs <= this.#shortestUs + MAX_DELAY_US;
  }

  /** @param {number} transitUs @param {number} nowUs @param {boolean} voice */
  #anchor(transitUs, nowUs, voice) {
    this.#voice.clear();
    this.#motion.clear();
    this.#lateFloor = null;
    this.#implausibleSinceUs = null;
    (voice ? this.#voice : this.#motion).add(transitUs, nowUs);
    this.#shortestUs = transitUs;
    this.#targetUs = transitUs + PLAYOUT_START_MS * 1000;
    this.#offsetUs = this.#targetUs;
    this.#adaptedUs = nowUs;
  }
}
