/**
 * How often a peer may make this end do something that costs more than it cost the peer to ask
 * (shared/core/token_bucket.py).
 *
 * Must not import clocks. Invariant: never more than `burst` at once and `perS` in the long run, whatever the clock does.
 */

/** `take` for each event, with the local clock in microseconds. */
export class TokenBucket {
  /** @type {number} */
  #perUs;
  /** @type {number} */
  #burst;
  /** @type {number} */
  #level;
  /** @type {number | null} */
  #lastUs = null;

  /** @param {number} perS @param {number} burst */
  constructor(perS, burst) {
    this.#perUs = perS / 1e6;
    this.#burst = this.#level = burst;
  }

  /**
   * True when one more event is within the rate; a clock that steps back gives nothing.
   * @param {number} nowUs
   */
  take(nowUs) {
    const lastUs = this.#lastUs ?? nowUs;
    this.#level = Math.min(this.#burst, this.#level + Math.max(0, nowUs - lastUs) * this.#perUs);
    this.#lastUs = Math.max(nowUs, lastUs);
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }
}
