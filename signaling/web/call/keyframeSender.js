/**
 * Delivers keyframes over a lossy channel: paced parts, repaired by request, retried with growing patience
 * (shared/core/keyframe_sender.py).
 *
 * Must not import coders or decoders of pictures. Invariant: the parts never exceed the configured rate, whatever the
 * receiver asks for; a keyframe counts as usable only when the receiver says that it holds it, except the first one.
 */

import { crc32 } from "../codec/crc32.js";
import { messageBytes } from "../codec/wire.js";
import { roundHalfEven } from "../codec/integers.js";
import {
  GALLERY_SIZE,
  KEYFRAME_MAX_PARTS,
  KEYFRAME_PART_PAYLOAD_BYTES,
  KEYFRAME_RESEND_MIN_MS,
  KEYFRAME_TIMEOUT_MAX_MS,
  KEYFRAME_TIMEOUT_MS,
} from "./limits.js";

/** @import { KeyframePart } from "../codec/wire.js" */
/** @import { PartRequest } from "../codec/wireAck.js" */

/** What a part of KEYFRAME_PART_PAYLOAD_BYTES takes at the default pace; at a slower one parts are as much smaller, */
const PART_TIME_MS = 88;
/** but not below this, where headers would be a fifth of them. */
const PART_MIN_BYTES = 400;

/**
 * One keyframe on its way. sentUs: per part, null until first sent. waiting: parts to send, in order.
 * @typedef {{parts: readonly KeyframePart[], sentUs: (number | null)[], waiting: number[], timeoutMs: number,
 *   held: boolean, retryUs: number | null}} Delivery
 */

/** The sender's gallery (the newest GALLERY_SIZE keyframes) and the delivery of its members, oldest first. */
export class KeyframeSender {
  #usPerByte;
  /** @type {Map<number, Delivery>} */
  #gallery = new Map();
  #freeUs = 0;
  partsResent = 0;

  /** @param {number} rateKbps */
  constructor(rateKbps) {
    this.#usPerByte = 8000 / rateKbps;
  }

  /**
   * Send the next parts at this rate; what the last one took of the old rate still counts.
   * @param {number} rateKbps
   */
  pace(rateKbps) {
    this.#usPerByte = 8000 / rateKbps;
  }

  /**
   * Start delivering `blob`; the oldest of the gallery leaves when it is full.
   * @param {number} keyframeId
   * @param {Uint8Array} blob
   */
  push(keyframeId, blob) {
    const parts = split(keyframeId, blob, this.#partBytes(blob.length));
    this.#gallery.delete(keyframeId);
    this.#gallery.set(keyframeId, {
      parts,
      sentUs: parts.map(() => null),
      waiting: parts.map((_, index) => index),
      timeoutMs: KEYFRAME_TIMEOUT_MS,
      held: false,
      retryUs: null,
    });
    const oldest = this.#gallery.keys().next();
    if (this.#gallery.size > GALLERY_SIZE && !oldest.done) this.#gallery.delete(oldest.value);
  }

  /**
   * Large parts cost least; at a slow pace they are small, as one alone would hold up voice for its whole length.
   * @param {number} blobBytes
   */
  #partBytes(blobBytes) {
    const paced = roundHalfEven((PART_TIME_MS * 1000) / this.#usPerByte);
    const least = Math.max(PART_MIN_BYTES, Math.ceil(blobBytes / KEYFRAME_MAX_PARTS));
    return Math.min(KEYFRAME_PART_PAYLOAD_BYTES, Math.max(least, paced));
  }

  /**
   * Whether motion may name it: held by the receiver, or, while it holds none, sent completely.
   * @param {number} keyframeId
   */
  usable(keyframeId) {
    const delivery = this.#gallery.get(keyframeId);
    if (delivery === undefined) return false;
    return this.#deliveries.some((other) => other.held) ? delivery.held : sentOnce(delivery);
  }

  /** The keyframes that motion may name now, oldest first. */
  allUsable() {
    return [...this.#gallery.keys()].filter((keyframeId) => this.usable(keyframeId));
  }

  /**
   * The receiver's gallery, as its newest acknowledgement lists it. Ids that were never sent are ignored.
   * @param {readonly number[]} held
   */
  takeHeld(held) {
    for (const [keyframeId, delivery] of this.#gallery) {
      delivery.held = held.includes(keyframeId) && sentOnce(delivery);
      if (delivery.held) {
        delivery.waiting = [];
        delivery.retryUs = null;
      }
    }
  }

  /**
   * Queue the parts that the receiver misses and that cannot still be on their way.
   * @param {PartRequest} request
   * @param {number} nowUs
   * @param {number | null} rttMs
   */
  takeRequest(request, nowUs, rttMs) {
    const delivery = this.#gallery.get(request.keyframeId);
    if (delivery === undefined || delivery.held) return;
    // On a thin link a part is under way for as long as the pace gives it.
    const ownUs = roundHalfEven(KEYFRAME_PART_PAYLOAD_BYTES * this.#usPerByte);
    const restUs = Math.max(1000 * KEYFRAME_RESEND_MIN_MS, roundHalfEven(1000 * (rttMs ?? 0)), ownUs);
    delivery.sentUs.forEach((sentUs, index) => {
      const asked = (request.missing >> index) & 1 && !delivery.waiting.includes(index);
      if (asked && sentUs !== null && nowUs - sentUs >= restUs) delivery.waiting.push(index);
    });
  }

  /**
   * The parts that the pace allows now: at most one.
   * @param {number} nowUs
   * @returns {KeyframePart[]}
   */
  poll(nowUs) {
    this.#retry(nowUs);
    const delivery = this.#nextDelivery();
    const index = delivery?.waiting[0];
    if (delivery === undefined || index === undefined || nowUs < this.#freeUs) return [];
    delivery.waiting.shift();
    const part = delivery.parts[index];
    this.partsResent += delivery.sentUs[index] === null ? 0 : 1;
    delivery.sentUs[index] = nowUs;
    this.#freeUs = nowUs + roundHalfEven(messageBytes(part).length * this.#usPerByte);
    if (!delivery.waiting.length) {
      delivery.retryUs = nowUs + delivery.timeoutMs * 1000;
      delivery.timeoutMs = Math.min(2 * delivery.timeoutMs, KEYFRAME_TIMEOUT_MAX_MS);
    }
    return [part];
  }

  /** When `poll` will have something, null: when nothing waits. */
  nextUs() {
    if (this.#nextDelivery() !== undefined) return this.#freeUs;
    return this.#retrying()?.retryUs ?? null;
  }

  get #deliveries() {
    return [...this.#gallery.values()];
  }

  #nextDelivery() {
    return this.#deliveries.find((delivery) => delivery.waiting.length);
  }

  /** Only the newest keyframe is repeated unasked: older ones matter to nobody unless a request says so. */
  #retrying() {
    const newest = this.#deliveries.at(-1);
    return newest === undefined || newest.held ? undefined : newest;
  }

  /** @param {number} nowUs */
  #retry(nowUs) {
    const delivery = this.#retrying();
    if (delivery === undefined || delivery.retryUs === null || nowUs < delivery.retryUs) return;
    delivery.retryUs = null;
    delivery.waiting = delivery.parts.map((_, index) => index);
  }
}

/** @param {Delivery} delivery */
function sentOnce(delivery) {
  return !delivery.sentUs.includes(null);
}

/**
 * The parts of a blob: all of `size` bytes but the last.
 * @param {number} keyframeId
 * @param {Uint8Array} blob
 * @param {number} size 1..KEYFRAME_PART_PAYLOAD_BYTES.
 * @returns {readonly KeyframePart[]}
 */
function split(keyframeId, blob, size) {
  const count = Math.ceil(blob.length / size);
  const checksum = crc32(blob);
  return Array.from({ length: count }, (_, index) =>
    Object.freeze({
      type: /** @type {const} */ ("KeyframePart"),
      keyframeId,
      index,
      count,
      totalBytes: blob.length,
      crc32: checksum,
      payload: blob.subarray(index * size, (index + 1) * size),
    }),
  );
}
