/**
 * The picture's network in the size that this computer is fast enough for; a smaller one when it is not any more.
 *
 * The smallest comes first, so that there is something to show soon; a larger one is tried only where the smaller leaves room for it.
 * Must not import state machines. Invariant: what was measured decides; the network in use is always one that was opened whole.
 */

import { availableSizes, openRenderer, timedMs } from "./sizes.js";

/** @import { Coding } from "../call/coding.js" */
/** @import { Manifest } from "./engine.js" */
/** @import { Renderer } from "./renderer.js" */

/** Pictures by which networks are compared at the start; their first one, which is slower, does not count. */
const TIMED = 3;
/** Above this a picture takes longer than its time. */
export const TOO_SLOW_MS = 38;
/** A larger network takes at least this much more (lite against nano, WebAssembly: 1.7 to 2.7). */
const LARGER_COSTS = 1.7;

/** Of one worker. */
export class Networks {
  #manifest;
  #coding;
  #threads;
  #sizes;
  /** @type {{size: string, renderer: Renderer, medianMs: number}} */
  #used;

  /**
   * @param {Manifest} manifest
   * @param {Coding} coding
   * @param {number} threads
   * @param {readonly string[]} sizes
   * @param {{size: string, renderer: Renderer, medianMs: number}} used
   */
  constructor(manifest, coding, threads, sizes, used) {
    this.#manifest = manifest;
    this.#coding = coding;
    this.#threads = threads;
    this.#sizes = sizes;
    this.#used = used;
  }

  /**
   * @param {Manifest} manifest
   * @param {Coding} coding
   * @param {number} threads
   * @param {string | null} asked A size that is known to be right, or was asked for; null: it is measured.
   */
  static async open(manifest, coding, threads, asked) {
    const there = availableSizes(manifest);
    const sizes = asked !== null && there.includes(asked) ? [asked] : there;
    const timed = async (/** @type {string} */ size) => {
      const renderer = await openRenderer(size, manifest, coding, threads);
      return { size, renderer, medianMs: await timedMs(renderer, TIMED) };
    };
    let used = await timed(sizes[sizes.length - 1]);
    for (const larger of sizes.slice(0, -1).reverse()) {
      if (used.medianMs * LARGER_COSTS > TOO_SLOW_MS) break;
      const candidate = await timed(larger);
      if (candidate.medianMs > TOO_SLOW_MS) break;
      used = candidate;
    }
    return new Networks(manifest, coding, threads, there, used);
  }

  get size() {
    return this.#used.size;
  }

  get renderer() {
    return this.#used.renderer;
  }

  get medianMs() {
    return this.#used.medianMs;
  }

  /** The next smaller network from now on; false when there is none. */
  async stepDown() {
    const size = this.#sizes[this.#sizes.indexOf(this.size) + 1];
    if (size === undefined) return false;
    const renderer = await openRenderer(size, this.#manifest, this.#coding, this.#threads);
    this.#used = { size, renderer, medianMs: await timedMs(renderer, 1) };
    return true;
  }
}
