/**
 * Which of the last bundles arrived: duplicates out, gaps remembered (shared/core/sequence_window.py).
 *
 * Must not import coders. Invariant: constant memory; a number is accepted once, and only within SEQ_WINDOW of the
 * newest. The 64 flags are BigInts, since neither doubles nor 32-bit operators hold them.
 */

import { modulo } from "./integers.js";
import { ACK_HISTORY_BITS, ARRIVAL_GAPS_MAX, ARRIVAL_TICK_US, SEQ_WINDOW } from "./limits.js";
import { SEQ_WRAP, unwrapSeq } from "./mediaTime.js";
import { GAP_MAX_TICKS, TICK_WRAP } from "./wireAck.js";

/** Received sequence numbers around the newest one. */
export class SequenceWindow {
  /** @type {number | null} */
  #newest = null;
  #seen = 0n;
  #usable = 0n;
  /** @type {Map<number, number>} Arrival of the last usable bundles, by running number. */
  #arrivedTicks = new Map();

  /**
   * Whether bundle `seq` is neither a duplicate nor older than the window.
   * @param {number} seq
   */
  isFresh(seq) {
    if (this.#newest === null) return true;
    const behind = this.#newest - unwrapSeq(seq, this.#newest);
    return behind < 0 || (behind < SEQ_WINDOW && ((this.#seen >> BigInt(behind)) & 1n) === 0n);
  }

  /**
   * Note a fresh bundle; true when it is the newest.
   * @param {number} seq
   * @param {boolean} usable Its motion was decoded, it may be acknowledged.
   * @param {number} nowUs
   */
  add(seq, usable, nowUs) {
    const number = unwrapSeq(seq, this.#newest);
    const ahead = this.#newest === null ? SEQ_WINDOW : number - this.#newest;
    if (ahead > 0) {
      this.#shift(Math.min(ahead, SEQ_WINDOW));
      this.#newest = number;
      for (const old of this.#arrivedTicks.keys()) {
        if (old < number - ACK_HISTORY_BITS) this.#arrivedTicks.delete(old);
      }
    }
    const flag = 1n << BigInt(Math.max(0, -ahead));
    this.#seen |= flag;
    if (usable) {
      this.#usable |= flag;
      this.#arrivedTicks.set(number, Math.floor(nowUs / ARRIVAL_TICK_US));
    }
    return ahead > 0;
  }

  /**
   * Newest usable sequence number and the history before it, as an acknowledgement says them; null before the first.
   * @returns {Readonly<{highestSeq: number, history: number}> | null}
   */
  report() {
    if (this.#newest === null || this.#usable === 0n) return null;
    let behind = 0;
    while (((this.#usable >> BigInt(behind)) & 1n) === 0n) behind += 1;
    const history = Number(BigInt.asUintN(ACK_HISTORY_BITS, this.#usable >> BigInt(behind + 1)));
    return { highestSeq: modulo(this.#newest - behind, SEQ_WRAP), history };
  }

  /** When the newest usable bundle arrived, and the gaps before it, as a BundleReport says them. */
  arrivals() {
    const inOrder = Array.from(this.#arrivedTicks).sort(([one], [other]) => other - one);
    const ticks = inOrder.map(([, tick]) => tick);
    /** @type {number[]} */
    const gapsTicks = [];
    for (let i = 0; i < Math.min(ARRIVAL_GAPS_MAX, ticks.length - 1); i += 1) {
      const gap = ticks[i] - ticks[i + 1];
      if (gap < 0 || gap > GAP_MAX_TICKS) break;
      gapsTicks.push(gap);
    }
    return { arrivalTicks: modulo(ticks.length ? ticks[0] : 0, TICK_WRAP), gapsTicks: Object.freeze(gapsTicks) };
  }

  /** @param {number} ahead */
  #shift(ahead) {
    this.#seen = BigInt.asUintN(SEQ_WINDOW, this.#seen << BigInt(ahead));
    this.#usable = BigInt.asUintN(SEQ_WINDOW, this.#usable << BigInt(ahead));
  }
}
