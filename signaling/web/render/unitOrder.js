/**
 * Coded pictures in the order in which a decoder must see them, or the word that one is missing (receiver/unit_order.py).
 *
 * Must not import decoders. Invariant: what `take` returns follows on what it returned before, without a gap, or stands alone;
 * at most VIDEO_REORDER_UNITS wait.
 */

import { VIDEO_REORDER_UNITS } from "../call/limits.js";

/** @import { VideoUnit } from "../codec/frames.js" */

const IDS = 256;

/** Units of one kind, as they become complete. */
export class UnitOrder {
  /** @type {number | null} */
  #nextId = null;
  #newestMs = -1;
  /** @type {Map<number, VideoUnit>} */
  #waiting = new Map();

  /** True while nothing can be decoded before a unit that stands alone. */
  get broken() {
    return this.#nextId === null;
  }

  /** The units handed out last could not be decoded: what rests on them cannot either. */
  giveUp() {
    this.#nextId = null;
    this.#waiting.clear();
  }

  /**
   * What can be decoded now, in order. A unit older than what was handed out is left out.
   * @param {VideoUnit} unit
   * @returns {readonly VideoUnit[]}
   */
  take(unit) {
    if (unit.mediaMs <= this.#newestMs) return [];
    if (unit.intra) return this.#begin(unit);
    if (this.#nextId === null) return [];
    this.#waiting.set(unit.unitId, unit);
    const ready = this.#ready();
    if (this.#waiting.size > VIDEO_REORDER_UNITS) this.giveUp();
    return ready;
  }

  /** Everything before a unit that stands alone is passed over. @param {VideoUnit} unit */
  #begin(unit) {
    for (const [key, { mediaMs }] of this.#waiting) if (mediaMs <= unit.mediaMs) this.#waiting.delete(key);
    this.#handOut(unit);
    return [unit, ...this.#ready()];
  }

  #ready() {
    const ready = [];
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) {
      this.#waiting.delete(unit.unitId);
      this.#handOut(unit);
      ready.push(unit);
    }
    return ready;
  }

  #next() {
    return this.#nextId === null ? undefined : this.#waiting.get(this.#nextId);
  }

  /** @param {VideoUnit} unit */
  #handOut(unit) {
    this.#nextId = (unit.unitId + 1) % IDS;
    this.#newestMs = unit.mediaMs;
  }
}
