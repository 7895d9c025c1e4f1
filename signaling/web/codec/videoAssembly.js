/**
 * Puts the parts of larger pictures together again and keeps the pictures of one kind in order
 * (shared/core/video_assembly.py).
 *
 * Must not import picture decoders. Invariant: what comes out is strictly newer than what came out before; at most
 * VIDEO_UNITS_PENDING pictures of VIDEO_UNIT_MAX_BYTES are held for each kind, none older than the last complete one.
 */

import { joinBytes } from "./byteReader.js";
import { MalformedMessage } from "./errors.js";
import { VideoKind } from "./frames.js";
import { VIDEO_UNITS_PENDING } from "./limits.js";

/** @import { VideoUnit } from "./frames.js" */
/** @import { VideoPart } from "./wireVideo.js" */

/**
 * A picture under reassembly. first: what all its parts must agree with. payloads: by index.
 * @typedef {{first: VideoPart, payloads: Map<number, Uint8Array>}} Pending
 */

/** Pictures of one kind. Times handed in are unwrapped. */
class VideoAssembly {
  /** @type {Map<number, Pending>} By media time. */
  #pending = new Map();
  #newestMs = -1;

  /**
   * A picture that came whole; null when a newer one, or the same, is complete already.
   * @param {VideoUnit} unit
   * @returns {VideoUnit | null}
   */
  addUnit(unit) {
    if (unit.mediaMs <= this.#newestMs) return null;
    this.#newestMs = unit.mediaMs;
    for (const mediaMs of this.#pending.keys()) if (mediaMs <= unit.mediaMs) this.#pending.delete(mediaMs);
    return unit;
  }

  /**
   * The picture when this was its last missing part, else null. A part that contradicts those before it begins a new
   * picture at its time.
   * @param {VideoPart} part
   * @param {number} mediaMs
   * @returns {VideoUnit | null}
   * @throws {MalformedMessage} Its parts do not add up.
   */
  addPart(part, mediaMs) {
    if (mediaMs <= this.#newestMs) return null;
    const before = this.#pending.get(mediaMs);
    const pending = before !== undefined && matches(before.first, part) ? before : this.#begin(part, mediaMs);
    if (pending === null) return null;
    if (!pending.payloads.has(part.index)) pending.payloads.set(part.index, part.payload.slice());
    if (pending.payloads.size < part.count) return null;
    this.#pending.delete(mediaMs);
    const inOrder = Array.from(pending.payloads).sort(([one], [other]) => one - other);
    const data = joinBytes(inOrder.map(([, payload]) => payload));
    if (data.length !== part.totalBytes) {
      throw new MalformedMessage("parts of a picture do not add up to what they claim");
    }
    const { kind, unitId, intra, sidePx } = part;
    return this.addUnit(Object.freeze({ kind, unitId, mediaMs, intra, sidePx, data }));
  }

  /**
   * Room for a picture, at the cost of the oldest; null when this one is the oldest itself.
   * @param {VideoPart} part
   * @param {number} mediaMs
   * @returns {Pending | null}
   */
  #begin(part, mediaMs) {
    this.#pending.delete(mediaMs);
    if (this.#pending.size === VIDEO_UNITS_PENDING) {
      const oldestMs = Math.min(...this.#pending.keys());
      if (mediaMs < oldestMs) return null;
      this.#pending.delete(oldestMs);
    }
    const pending = { first: part, payloads: new Map() };
    this.#pending.set(mediaMs, pending);
    return pending;
  }
}

/** @param {VideoPart} one @param {VideoPart} other */
function matches(one, other) {
  return (
    one.kind === other.kind &&
    one.unitId === other.unitId &&
    one.intra === other.intra &&
    one.sidePx === other.sidePx &&
    one.count === other.count &&
    one.totalBytes === other.totalBytes
  );
}

/** Both kinds, and which of them the receiver wants to begin anew. */
export class VideoReceiver {
  #assemblies = [VideoKind.THUMBNAIL, VideoKind.VIDEO].map(() => new VideoAssembly());
  /** @type {Set<number>} */
  #wanted = new Set();

  /** Kinds whose next picture shall stand alone, in their order. */
  get wanted() {
    return Object.freeze(Array.from(this.#wanted).sort());
  }

  /**
   * Wanted until a picture of this kind that stands alone is complete.
   * @param {number} kind
   */
  wantIntra(kind) {
    this.#wanted.add(kind);
  }

  /**
   * See `VideoAssembly.addUnit`.
   * @param {VideoUnit} unit
   */
  addUnit(unit) {
    return this.#note(this.#assemblies[unit.kind].addUnit(unit));
  }

  /**
   * See `VideoAssembly.addPart`.
   * @param {VideoPart} part
   * @param {number} mediaMs
   */
  addPart(part, mediaMs) {
    return this.#note(this.#assemblies[part.kind].addPart(part, mediaMs));
  }

  /** @param {VideoUnit | null} unit */
  #note(unit) {
    if (unit?.intra) this.#wanted.delete(unit.kind);
    return unit;
  }
}
