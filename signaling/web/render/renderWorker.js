/**
 * The worker that rebuilds pictures: keyframes and poses in, a canvas drawn.
 *
 * One picture waits at most and the newest wins (receiver/render_worker.py). Must not import state machines. Invariant:
 * every picture drawn carries the mark; what fails is told to the call, and the last picture stays.
 */

import { nowUs } from "../call/clock.js";
import { loadCoding } from "../call/coding.js";
import { GALLERY_SIZE, PICTURE_SIZE_PX } from "../call/limits.js";
import { PictureState } from "../codec/due.js";
import { RemoteError } from "../codec/errors.js";
import { resized } from "../face/image.js";
import { readManifest } from "./engine.js";
import { decodeKeyframePicture } from "./keyframePicture.js";
import { intoRgba } from "./renderer.js";
import { Screen } from "./screen.js";
import { availableSizes, openRenderer, timedMs } from "./sizes.js";
import { VoiceFeatures } from "./voiceFeatures.js";

/** @import { Keyframe } from "../codec/frames.js" */
/** @import { PictureDue } from "../codec/due.js" */
/** @import { ReferenceState, Renderer } from "./renderer.js" */

/**
 * canvas: where to draw. port: the call. threads, size: of the network; size null: the largest that is fast enough. ears:
 * whether the voice moves the mouth too.
 * @typedef {{canvas: OffscreenCanvas, port: MessagePort, threads: number, size: string | null, ears: boolean}} RenderStart
 */

const REPORT_EVERY = 25;
/** Pictures by which networks are compared at the start; their first one, which is slower, does not count. */
const TIMED = 3;
/** Above this a picture takes longer than its time: the next smaller network, if there is one. */
const TOO_SLOW_MS = 38;

class RenderWorker {
  #port;
  #screen;
  #threads;
  #coding;
  #manifest;
  /** @type {string[]} Names of networks, largest first. */
  #sizes;
  /** @type {Renderer} */
  #renderer;
  #size = "";
  #ears;
  /** @type {Map<number, {keyframe: Keyframe, rgb: Uint8ClampedArray, state: ReferenceState}>} */
  #gallery = new Map();
  /** @type {PictureDue | null} */
  #waiting = null;
  /** @type {Keyframe[]} */
  #keyframes = [];
  #busy = false;
  /** @type {{state: ReferenceState, values: Float32Array} | null} */
  #last = null;
  #rgba = new Uint8ClampedArray(4 * PICTURE_SIZE_PX * PICTURE_SIZE_PX);
  /** @type {number[]} */
  #times = [];
  #dropped = 0;
  #shown = 0;

  /**
   * @param {RenderStart} start
   * @param {import("../call/coding.js").Coding} coding
   * @param {import("./engine.js").Manifest} manifest
   * @param {string} size
   * @param {Renderer} renderer
   * @param {VoiceFeatures | null} ears
   */
  constructor(start, coding, manifest, size, renderer, ears) {
    this.#port = start.port;
    this.#threads = start.threads;
    this.#screen = new Screen(start.canvas);
    this.#coding = coding;
    this.#manifest = manifest;
    this.#sizes = availableSizes(manifest);
    this.#size = size;
    this.#renderer = renderer;
    this.#ears = ears;
    this.#screen.wait();
    this.#port.onmessage = ({ data }) => this.#take(data);
  }

  /** @param {any} message */
  #take(message) {
    if (message.type === "show") {
      this.#dropped += this.#waiting === null ? 0 : 1;
      this.#waiting = message.due;
    } else if (message.type === "keyframe") {
      this.#keyframes = [...this.#keyframes.slice(-1), message.keyframe];
    } else if (message.type === "heard") this.#ears?.push(message.mediaMs, message.pcm);
    else if (message.type === "reset") this.#reset();
    void this.#work();
  }

  /** Another connection, perhaps to somebody else: ids of keyframes begin anew, and nobody is shown with an earlier face. */
  #reset() {
    this.#gallery = new Map();
    this.#keyframes = [];
    this.#waiting = null;
    this.#ears?.reset();
  }

  /** One thing after the other; a keyframe goes first, because pictures need it. */
  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#keyframes.length || this.#waiting !== null) {
      const keyframe = this.#keyframes.shift();
      if (keyframe !== undefined) await this.#prepare(keyframe);
      else await this.#show(/** @type {PictureDue} */ (this.#waiting));
      // Messages that came meanwhile are looked at before the next picture: the newest wins.
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.#busy = false;
  }

  /** @param {Keyframe} keyframe */
  async #prepare(keyframe) {
    const { keyframeId } = keyframe;
    const gallery = this.#gallery;
    try {
      const { widthPx, heightPx } = keyframe;
      const decoded = await decodeKeyframePicture(keyframe.image, widthPx, heightPx);
      const whole = widthPx === PICTURE_SIZE_PX && heightPx === PICTURE_SIZE_PX;
      const rgb = whole ? decoded : resized(decoded, widthPx, heightPx, PICTURE_SIZE_PX);
      const state = await this.#renderer.encodeReference(keyframe, rgb);
      if (gallery !== this.#gallery) return;
      gallery.delete(keyframeId);
      gallery.set(keyframeId, { keyframe, rgb, state });
      const oldest = gallery.keys().next();
      if (gallery.size > GALLERY_SIZE && !oldest.done) gallery.delete(oldest.value);
      this.#port.postMessage({ type: "reference", keyframeId, usable: true, malformed: false });
    } catch (error) {
      if (gallery !== this.#gallery) return;
      const malformed = error instanceof RemoteError;
      if (!malformed) console.error("a reference could not be prepared", error);
      this.#port.postMessage({ type: "reference", keyframeId, usable: false, malformed });
    }
  }

  /** @param {PictureDue} due */
  async #show(due) {
    this.#waiting = null;
    try {
      const computeMs = await this.#draw(due);
      this.#shown += 1;
      this.#port.postMessage({ type: "shown", dueUs: due.dueUs, computed: computeMs > 0 });
      if (computeMs > 0) await this.#note(computeMs);
    } catch (error) {
      console.error("a picture could not be rendered", error);
      this.#port.postMessage({ type: "failed" });
    }
  }

  /** @param {PictureDue} due @returns {Promise<number>} Milliseconds, 0 when nothing had to be computed. */
  async #draw({ state, keyframeId, values, mediaMs }) {
    const reference = keyframeId === null ? undefined : this.#gallery.get(keyframeId)?.state;
    if (reference === undefined || values === null) return 0;
    const same = this.#last?.state === reference && state === PictureState.HELD;
    const vector = Float32Array.of(...values.affine, ...values.expression, ...values.keypoints, ...values.codes);
    if (same && vector.every((value, i) => value === this.#last?.values[i])) return 0;
    const startMs = performance.now();
    const voice = (await this.#ears?.at(mediaMs)) ?? null;
    intoRgba(await this.#renderer.render(reference, values, voice), this.#rgba);
    this.#screen.draw(this.#rgba);
    this.#last = { state: reference, values: vector };
    return performance.now() - startMs;
  }

  /** @param {number} computeMs */
  async #note(computeMs) {
    this.#times.push(computeMs);
    if (this.#times.length < REPORT_EVERY) return;
    const times = this.#times.splice(0).sort((one, other) => one - other);
    const medianMs = times[times.length >> 1];
    const slow = medianMs > TOO_SLOW_MS;
    const next = this.#sizes[this.#sizes.indexOf(this.#size) + 1];
    if (slow && next !== undefined) await this.#stepDown(next);
    postMessage({ type: "speed", size: this.#size, medianMs, slow, dropped: this.#dropped, shown: this.#shown });
  }

  /** @param {string} size */
  async #stepDown(size) {
    this.#renderer = await openRenderer(size, this.#manifest, this.#coding, this.#threads);
    this.#size = size;
    const gallery = this.#gallery;
    for (const [keyframeId, { keyframe, rgb }] of gallery) {
      const state = await this.#renderer.encodeReference(keyframe, rgb);
      gallery.set(keyframeId, { keyframe, rgb, state });
    }
  }
}

/** @param {RenderStart} start */
async function run(start) {
  const [coding, manifest] = await Promise.all([loadCoding(), readManifest()]);
  const there = availableSizes(manifest);
  // What was measured before, in another worker, or was asked for, needs no measuring.
  const sizes = start.size !== null && there.includes(start.size) ? [start.size] : there;
  let [size] = sizes;
  let renderer = await openRenderer(size, manifest, coding, start.threads);
  let medianMs = await timedMs(renderer, sizes.length > 1 ? TIMED : 1);
  for (const smaller of sizes.slice(1)) {
    if (medianMs <= TOO_SLOW_MS) break;
    size = smaller;
    renderer = await openRenderer(size, manifest, coding, start.threads);
    medianMs = await timedMs(renderer, TIMED);
  }
  const ears = start.ears ? await VoiceFeatures.open(manifest) : null;
  new RenderWorker(start, coding, manifest, size, renderer, ears);
  postMessage({ type: "ready", size, medianMs, startedUs: nowUs() });
}

self.onmessage = ({ data }) => {
  run(data).catch((error) => postMessage({ type: "broken", message: String(error?.message ?? error) }));
};
