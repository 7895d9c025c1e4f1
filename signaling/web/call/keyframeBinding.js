/**
 * Keyframes bound to one connection: a recorded one of another call, or of other ends, is refused (shared/keyframe_binding.py,
 * PROTOCOL.md section 8).
 *
 *     sending end:   keyframe --> at once on its way;  both nonces known --> keyframe_bound(id, tag)
 *     receiving end: keyframe --> shown;  a tag that fits --> bound;  none within KEYFRAME_BOUND_MAX_MS --> `overdue`
 *
 * Must not import transports or read a clock. Invariant: whatever the peer sends, memory is bounded by the 256 names of keyframes.
 */

import { packKeyframe } from "../codec/keyframeBlob.js";
import { hexOf, sha256 } from "./authentication.js";
import { GALLERY_SIZE, KEYFRAME_BOUND_MAX_MS } from "./limits.js";

/** @import { KeyframeBound } from "../codec/control.js" */
/** @import { Keyframe } from "../codec/frames.js" */
/** @import { CodingTables } from "../codec/tables.js" */
/** @import { End } from "./authentication.js" */

const TEXT = new TextEncoder().encode("facewire keyframe binding 1");
const TAG_BYTES = 16;
/** A name may be used again before the tag of its older keyframe has come. */
const TAGS_OF_A_NAME = 2;

/**
 * The tag, 32 hex digits.
 * @param {End} sender Of the keyframe.
 * @param {End} receiver Of the keyframe.
 * @param {Keyframe} keyframe
 * @param {CodingTables} tables
 */
export async function binding(sender, receiver, keyframe, tables) {
  const name = Uint8Array.of(keyframe.keyframeId);
  const hash = await sha256(TEXT, ...sender, ...receiver, name, packKeyframe(keyframe, tables));
  return hexOf(hash.subarray(0, TAG_BYTES));
}

/** Both directions of one connection. */
export class KeyframeBinding {
  #tables;
  #say;
  /** @type {readonly [End, End] | null} This end and the peer. */
  #ends = null;
  /** @type {Keyframe[]} Sent before the nonces were known. */
  #waiting = [];
  /** @type {Map<number, {keyframe: Keyframe, sinceUs: number}>} */
  #unbound = new Map();
  /** @type {Map<number, readonly string[]>} */
  #tags = new Map();
  /** Whether the peer said that it binds its keyframes; ends of before do not. */
  expected = false;

  /** @param {CodingTables} tables @param {(message: KeyframeBound) => void} say To the peer; hashing takes a moment. */
  constructor(tables, say) {
    this.#tables = tables;
    this.#say = say;
  }

  /** The exchange of nonces is complete. @param {End} own @param {End} peer */
  async known(own, peer) {
    this.#ends = [own, peer];
    await Promise.all([this.#tell(), ...[...this.#unbound.keys()].map((id) => this.#match(id))]);
  }

  /** A keyframe of this end is on its way. @param {Keyframe} keyframe */
  async sent(keyframe) {
    this.#waiting = [...this.#waiting.slice(1 - GALLERY_SIZE), keyframe];
    await this.#tell();
  }

  /**
   * A keyframe of the peer has come. One that replaces an unbound one of its name has no more time than that had left.
   * @param {Keyframe} keyframe
   * @param {number} nowUs
   */
  async came(keyframe, nowUs) {
    const sinceUs = this.#unbound.get(keyframe.keyframeId)?.sinceUs ?? nowUs;
    this.#unbound.set(keyframe.keyframeId, { keyframe, sinceUs });
    await this.#match(keyframe.keyframeId);
  }

  /** The peer's tag, before or after its keyframe. @param {KeyframeBound} message */
  async take({ keyframeId, tag }) {
    this.#tags.set(keyframeId, [...(this.#tags.get(keyframeId) ?? []).slice(1 - TAGS_OF_A_NAME), tag]);
    await this.#match(keyframeId);
  }

  /** Whether a keyframe waited too long for its tag, from a peer that binds its keyframes. @param {number} nowUs */
  overdue(nowUs) {
    const late = (/** @type {{sinceUs: number}} */ { sinceUs }) => nowUs - sinceUs > KEYFRAME_BOUND_MAX_MS * 1000;
    return this.expected && [...this.#unbound.values()].some(late);
  }

  async #tell() {
    if (this.#ends === null) return;
    const [own, peer] = this.#ends;
    const keyframes = this.#waiting;
    this.#waiting = [];
    for (const keyframe of keyframes) {
      const tag = await binding(own, peer, keyframe, this.#tables);
      this.#say({ kind: "keyframe_bound", keyframeId: keyframe.keyframeId, tag });
    }
  }

  /** @param {number} keyframeId */
  async #match(keyframeId) {
    const unbound = this.#unbound.get(keyframeId);
    if (this.#ends === null || unbound === undefined) return;
    const [own, peer] = this.#ends;
    const wanted = await binding(peer, own, unbound.keyframe, this.#tables);
    if (this.#unbound.get(keyframeId) !== unbound || !this.#tags.get(keyframeId)?.includes(wanted)) return;
    this.#unbound.delete(keyframeId);
    this.#tags.delete(keyframeId);
  }
}
