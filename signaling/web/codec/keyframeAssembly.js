/**
 * Puts keyframe parts together again, with a cap on everything (shared/core/keyframe_assembly.py).
 *
 * Must not import picture decoders. Invariant: at most KEYFRAMES_PENDING keyframes of KEYFRAME_MAX_BYTES are held,
 * and the gallery is a list of at most GALLERY_SIZE numbers.
 */

import { joinBytes } from "./byteReader.js";
import { crc32 } from "./crc32.js";
import { MalformedMessage } from "./errors.js";
import { parseKeyframe } from "./keyframeBlob.js";
import { GALLERY_SIZE, KEYFRAME_IDLE_MS, KEYFRAMES_PENDING } from "./limits.js";
import { dropFirst } from "./motionHistory.js";

/** @import { Keyframe } from "./frames.js" */
/** @import { CodingTables } from "./tables.js" */
/** @import { KeyframePart } from "./wire.js" */
/** @import { PartRequest } from "./wireAck.js" */

const ALL_PARTS = 0xffff;
const IDLE_US = KEYFRAME_IDLE_MS * 1000;

/**
 * A keyframe under reassembly. first: what all its parts must agree with. payloads: by index.
 * @typedef {{first: KeyframePart, payloads: Map<number, Uint8Array>, touchedUs: number}} Pending
 */

/** Keyframes on their way, and the ids (with checksums) of those that are here. */
export class KeyframeAssembly {
  /** @type {Map<number, Pending>} In the order in which they were begun. */
  #pending = new Map();
  /** @type {Map<number, number>} Checksum by id, in the order in which they were completed. */
  #held = new Map();
  #tables;

  /** @param {CodingTables} tables */
  constructor(tables) {
    this.#tables = tables;
  }

  /** Ids in the gallery, oldest first. */
  get held() {
    return Array.from(this.#held.keys());
  }

  /**
   * Take a part in; the keyframe when it was the last one missing, else null. Parts that contradict those before
   * begin a new keyframe under the same id (ids wrap).
   * @param {KeyframePart} part
   * @param {number} nowUs
   * @returns {Keyframe | null}
   * @throws {MalformedMessage} The parts do not make up a keyframe.
   */
  add(part, nowUs) {
    if (this.#held.get(part.keyframeId) === part.crc32) return null;
    const known = this.#pending.get(part.keyframeId);
    const pending = known !== undefined && agree(known.first, part) ? known : this.#begin(part, nowUs);
    if (!pending.payloads.has(part.index)) pending.payloads.set(part.index, part.payload);
    pending.touchedUs = nowUs;
    if (missingParts(pending)) return null;
    this.#pending.delete(part.keyframeId);
    return this.#complete(part, joinBytes(inOrder(pending)));
  }

  /**
   * Its picture cannot be decoded: it is not held after all.
   * @param {number} keyframeId
   */
  forget(keyframeId) {
    this.#held.delete(keyframeId);
  }

  /**
   * What to ask for: parts of a keyframe that has gone quiet, or `wanted`, a keyframe that motion names.
   * @param {number | null} wanted
   * @param {number} nowUs
   * @returns {PartRequest | null}
   */
  request(wanted, nowUs) {
    for (const [keyframeId, pending] of Array.from(this.#pending).reverse()) {
      if (nowUs - pending.touchedUs >= IDLE_US) return Object.freeze({ keyframeId, missing: missingParts(pending) });
    }
    if (wanted === null || this.#held.has(wanted) || this.#pending.has(wanted)) return null;
    return Object.freeze({ keyframeId: wanted, missing: ALL_PARTS });
  }

  /**
   * When the next keyframe under reassembly goes quiet, Infinity: none will.
   * @param {number} nowUs
   */
  quietUs(nowUs) {
    const quiet = Array.from(this.#pending.values(), (pending) => pending.touchedUs + IDLE_US);
    return Math.min(...quiet.filter((timeUs) => timeUs > nowUs));
  }

  /** @param {KeyframePart} part @param {number} nowUs */
  #begin(part, nowUs) {
    /** @type {Pending} */
    const pending = { first: part, payloads: new Map(), touchedUs: nowUs };
    this.#pending.delete(part.keyframeId);
    this.#pending.set(part.keyframeId, pending);
    if (this.#pending.size > KEYFRAMES_PENDING) dropFirst(this.#pending);
    return pending;
  }

  /** @param {KeyframePart} part @param {Uint8Array} blob */
  #complete(part, blob) {
    if (blob.length !== part.totalBytes || crc32(blob) !== part.crc32) {
      throw new MalformedMessage("keyframe parts do not add up to what they claim");
    }
    const keyframe = parseKeyframe(part.keyframeId, blob, this.#tables);
    this.#held.delete(part.keyframeId);
    this.#held.set(part.keyframeId, part.crc32);
    if (this.#held.size > GALLERY_SIZE) dropFirst(this.#held);
    return keyframe;
  }
}

/** @param {KeyframePart} ours @param {KeyframePart} theirs */
function agree(ours, theirs) {
  return ours.count === theirs.count && ours.totalBytes === theirs.totalBytes && ours.crc32 === theirs.crc32;
}

/**
 * Bit i: part i is missing.
 * @param {Pending} pending
 */
function missingParts(pending) {
  let missing = 0;
  for (let i = 0; i < pending.first.count; i += 1) if (!pending.payloads.has(i)) missing |= 1 << i;
  return missing;
}

/** @param {Pending} pending */
function inOrder(pending) {
  return Array.from(pending.payloads).sort(([one], [other]) => one - other).map(([, payload]) => payload);
}
