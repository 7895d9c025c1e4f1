/**
 * The picture's network in the size that this computer is fast enough for, on its graphics card where that is faster; a smaller one
 * when it is not any more.
 *
 *     smallest, WebAssembly --leaves room--> larger, WebAssembly
 *            +--graphics card: same picture, faster--> largest that is fast enough there
 *
 * The smallest comes first, so that there is something to show soon; a larger one is tried only where the smaller leaves room for it.
 * Must not import state machines. Invariant: what was measured decides; the network in use is always one that was opened whole; a
 * card is used only if its picture is that of the processor.
 */

import { hasGraphicsCard } from "./graphicsCard.js";
import { availableSizes, levelsApart, openRenderer, timedMs } from "./sizes.js";

/** @import { Coding } from "../call/coding.js" */
/** @import { Device, Manifest } from "./engine.js" */
/** @import { Renderer } from "./renderer.js" */

/** Pictures by which networks are compared at the start; their first one, which is slower, does not count. */
const TIMED = 3;
/** Above this a picture takes longer than its time. */
export const TOO_SLOW_MS = 38;
/** A larger network takes at least this much more (lite against nano, WebAssembly: 1.7 to 2.7). */
const LARGER_COSTS = 1.7;
/** A card whose picture is further off computes something else (nano, float32 against int8: 0.4 to 0.6 levels). */
export const CARD_LEVELS_MAX = 3;

/** @typedef {Readonly<{size: string, device: Device, renderer: Renderer, medianMs: number}>} Used */
/**
 * What was wished for. size: null: it is measured. device: null: measured as well; "webgpu": also a card that is only imitated.
 * @typedef {Readonly<{threads: number, size: string | null, device: Device | null}>} Wishes
 */

/** Of one worker. */
export class Networks {
  #open;
  #sizes;
  #used;

  /**
   * @param {(size: string, device: Device, pictures?: number) => Promise<Used>} open
   * @param {readonly string[]} sizes All that there are, largest first.
   * @param {Used} used
   */
  constructor(open, sizes, used) {
    this.#open = open;
    this.#sizes = sizes;
    this.#used = used;
  }

  /** @param {Manifest} manifest @param {Coding} coding @param {Wishes} wishes */
  static async open(manifest, coding, { threads, size: asked, device }) {
    const there = availableSizes(manifest);
    const sizes = asked !== null && there.includes(asked) ? [asked] : there;
    /** @param {string} size @param {Device} where */
    const timed = async (size, where, pictures = TIMED) => {
      const renderer = await openRenderer(size, manifest, coding, threads, where);
      return Object.freeze({ size, device: where, renderer, medianMs: await timedMs(renderer, pictures) });
    };
    const smallest = await timed(sizes[sizes.length - 1], "wasm");
    const card = device === "wasm" ? null : await onCard(smallest, timed, device === "webgpu");
    const used = await largest(card ?? smallest, sizes, timed);
    return new Networks(timed, there, used);
  }

  get size() {
    return this.#used.size;
  }

  get device() {
    return this.#used.device;
  }

  get renderer() {
    return this.#used.renderer;
  }

  get medianMs() {
    return this.#used.medianMs;
  }

  /** The next smaller network from now on, after the smallest on a card that on the processor; false when there is none. */
  async stepDown() {
    const size = this.#sizes[this.#sizes.indexOf(this.size) + 1];
    if (size === undefined) return this.leaveCard();
    this.#used = await this.#open(size, this.device, 1);
    return true;
  }

  /** The card failed: the smallest network on the processor from now on; false when it is there already. */
  async leaveCard() {
    if (this.device === "wasm") return false;
    this.#used = await this.#open(this.#sizes[this.#sizes.length - 1], "wasm", 1);
    return true;
  }
}

/**
 * The same network on the graphics card, if there is one that gives the same picture in less time.
 * @param {Used} known
 * @param {(size: string, device: Device) => Promise<Used>} open
 * @param {boolean} forced A card that is only imitated, or slower, is taken as well.
 */
async function onCard(known, open, forced) {
  if (!(await hasGraphicsCard(forced))) return null;
  try {
    const found = await open(known.size, "webgpu");
    const apart = await levelsApart(known.renderer, found.renderer);
    if (apart > CARD_LEVELS_MAX) console.warn(`The graphics card's picture is ${apart.toFixed(1)} levels off: not used.`);
    return apart <= CARD_LEVELS_MAX && (forced || found.medianMs < known.medianMs) ? found : null;
  } catch (error) {
    console.warn("The graphics card cannot run the networks:", error);
    return null;
  }
}

/**
 * @param {Used} used
 * @param {readonly string[]} sizes
 * @param {(size: string, device: Device) => Promise<Used>} open
 */
async function largest(used, sizes, open) {
  for (const larger of sizes.slice(0, -1).reverse()) {
    if (used.medianMs * LARGER_COSTS > TOO_SLOW_MS) break;
    const candidate = await open(larger, used.device);
    if (candidate.medianMs > TOO_SLOW_MS) break;
    used = candidate;
  }
  return used;
}
