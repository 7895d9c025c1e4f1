/**
 * Decoded motion frames, kept as prediction bases (shared/core/motion_history.py).
 *
 * Must not import the wire's bytes or clocks. Invariant: at most MOTION_HISTORY_FRAMES frames; a media time is decoded
 * once and keeps its symbols, so that both ends predict from the same numbers.
 */

import { MalformedMessage, UnknownReference } from "./errors.js";
import { MOTION_HISTORY_FRAMES } from "./limits.js";
import { unwrapMs } from "./mediaTime.js";
import { decodeMotion, frameDistance } from "./motionCode.js";

/** @import { MotionFrame } from "./frames.js" */
/** @import { CodingTables } from "./tables.js" */
/** @import { MotionSection } from "./wireBundle.js" */

/** The newest decoded frames by media time. */
export class MotionHistory {
  /** @type {Map<number, MotionFrame>} Maps keep the order of insertion: the first entry is the oldest. */
  #frames = new Map();
  #tables;

  /** @param {CodingTables} tables */
  constructor(tables) {
    this.#tables = tables;
  }

  /**
   * New frames of a bundle's sections, and whether every section's base was known. Changes nothing.
   * @param {readonly MotionSection[]} sections
   * @param {number} nearMs Newest media time known, for unwrapping.
   * @returns {{frames: MotionFrame[], complete: boolean}}
   * @throws {MalformedMessage} Nothing else.
   */
  decode(sections, nearMs) {
    /** @type {Map<number, MotionFrame>} */
    const fresh = new Map();
    let complete = true;
    for (const section of sections) {
      try {
        for (const frame of this.#decodeSection(section, nearMs, fresh)) {
          if (!this.#frames.has(frame.mediaMs) && !fresh.has(frame.mediaMs)) fresh.set(frame.mediaMs, frame);
        }
      } catch (error) {
        if (!(error instanceof UnknownReference)) throw error;
        complete = false;
      }
    }
    return { frames: Array.from(fresh.values()), complete };
  }

  /**
   * Keep new frames; the oldest leave.
   * @param {readonly MotionFrame[]} frames
   */
  add(frames) {
    for (const frame of frames) {
      this.#frames.set(frame.mediaMs, frame);
      if (this.#frames.size > MOTION_HISTORY_FRAMES) dropFirst(this.#frames);
    }
  }

  /**
   * @param {MotionSection} section
   * @param {number} nearMs
   * @param {ReadonlyMap<number, MotionFrame>} fresh
   * @returns {MotionFrame[]}
   */
  #decodeSection(section, nearMs, fresh) {
    const { count, stepMs } = section;
    const firstMs = unwrapMs(section.mediaMs, nearMs);
    if (firstMs < 0) throw new MalformedMessage("motion before the start of the media clock");
    const base = section.keyframeId === null ? this.#base(section, firstMs, fresh) : null;
    const keyframeId = base?.keyframeId ?? /** @type {number} */ (section.keyframeId);
    const distance = base === null ? 1 : frameDistance(base.mediaMs, firstMs);
    const rows = decodeMotion(section.coded, count, base === null ? null : base.symbols, distance, this.#tables);
    return rows.map((symbols, i) => Object.freeze({ mediaMs: firstMs + i * stepMs, keyframeId, symbols }));
  }

  /**
   * @param {MotionSection} section
   * @param {number} firstMs
   * @param {ReadonlyMap<number, MotionFrame>} fresh
   */
  #base(section, firstMs, fresh) {
    const baseMs = firstMs - section.baseDistanceMs;
    const base = fresh.get(baseMs) ?? this.#frames.get(baseMs);
    if (base === undefined) {
      throw new UnknownReference(`motion predicted from a frame ${section.baseDistanceMs} ms before it`);
    }
    return base;
  }
}

/**
 * Take the entry that was inserted first out of a map.
 * @param {Map<number, unknown>} map
 */
export function dropFirst(map) {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
