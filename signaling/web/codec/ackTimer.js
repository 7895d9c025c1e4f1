/**
 * When to acknowledge: seldom while all is well, soon when something is missing (shared/core/ack_timer.py).
 *
 * Must not import anything but limits. Invariant: two acknowledgements are at least ACK_URGENT_INTERVAL_MS apart, and
 * nothing is sent while nothing arrives and nothing is asked for.
 */

import { ACK_URGENT_INTERVAL_MS, REQUEST_INTERVAL_MS } from "./limits.js";

/** @import { PartRequest } from "./wireAck.js" */

/** Remembers what happened since the last acknowledgement. */
export class AckTimer {
  #intervalUs;
  /** @type {number | null} */
  #lastUs = null;
  #arrived = false;
  #urgent = false;
  /** @type {{request: PartRequest, atUs: number} | null} */
  #asked = null;

  /** @param {number} intervalMs */
  constructor(intervalMs) {
    this.#intervalUs = intervalMs * 1000;
  }

  /**
   * Something arrived that an acknowledgement should report.
   * @param {boolean} urgent Without waiting for the interval.
   */
  arrived(urgent) {
    this.#arrived = true;
    this.#urgent ||= urgent;
  }

  /**
   * When the next acknowledgement is due (0: at once), given what is missing; Infinity: not at all yet.
   * @param {PartRequest | null} request
   */
  dueUs(request) {
    const lastUs = this.#lastUs;
    const due = [
      this.#arrived ? (lastUs === null ? 0 : lastUs + this.#intervalUs) : Infinity,
      this.#urgent ? 0 : Infinity,
      request === null ? Infinity : this.#requestUs(request),
    ];
    return Math.max(Math.min(...due), lastUs === null ? 0 : lastUs + ACK_URGENT_INTERVAL_MS * 1000);
  }

  /**
   * An acknowledgement with this request is being sent.
   * @param {PartRequest | null} request
   * @param {number} nowUs
   */
  sent(request, nowUs) {
    this.#lastUs = nowUs;
    this.#arrived = false;
    this.#urgent = false;
    if (request !== null && this.#requestUs(request) <= nowUs) this.#asked = { request, atUs: nowUs };
  }

  /** @param {PartRequest} request */
  #requestUs(request) {
    if (this.#asked === null) return 0;
    const { request: before, atUs } = this.#asked;
    const same = before.keyframeId === request.keyframeId && before.missing === request.missing;
    return same ? atUs + REQUEST_INTERVAL_MS * 1000 : 0;
  }
}
