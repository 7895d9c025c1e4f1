/**
 * Which networks there are, and which of them this computer is fast enough for.
 *
 * Must not import state machines. Invariant: names come from the manifest, so that another size needs no change here.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { UserError } from "../codec/errors.js";
import { dequantiseMotion } from "../codec/motionCode.js";
import { ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS } from "../codec/motionLayout.js";
import { openGraph } from "./engine.js";
import { Renderer } from "./renderer.js";

/** @import { Coding } from "../call/coding.js" */
/** @import { Manifest } from "./engine.js" */

/** Largest first. A page does not try "full": it is made for graphics cards. */
const SIZES = ["lite", "nano"];

/**
 * Sizes that the server has, largest first.
 * @param {Manifest} manifest
 */
export function availableSizes(manifest) {
  const found = SIZES.filter((size) => Object.hasOwn(manifest, `${size}/render.onnx`));
  if (!found.length) throw new UserError("This server has no weights for the picture: its installation is not complete.");
  return found;
}

/**
 * The network of one size: int8 where there is one. The keyframe's own graph stays in float32: it runs once, and its
 * errors would stay for as long as the keyframe.
 * @param {string} size
 * @param {Manifest} manifest
 * @param {Coding} coding
 * @param {number} threads
 */
export async function openRenderer(size, manifest, coding, threads) {
  const small = `${size}/render.int8.onnx`;
  const encode = await openGraph(`${size}/encode_reference.onnx`, manifest, threads);
  const render = await openGraph(Object.hasOwn(manifest, small) ? small : `${size}/render.onnx`, manifest, threads);
  const renderer = new Renderer(encode, render, coding.tables, coding.basis);
  motionOfTheKeyframe.set(renderer, dequantiseMotion(new Int16Array(SYMBOLS), coding.tables));
  return renderer;
}

/** @type {WeakMap<Renderer, import("../codec/motionLayout.js").MotionValues>} */
const motionOfTheKeyframe = new WeakMap();

/**
 * Median time of some pictures, measured on a grey keyframe that does not move, after one that does not count.
 * @param {Renderer} renderer
 * @param {number} pictures
 */
export async function timedMs(renderer, pictures) {
  const values = motionOfTheKeyframe.get(renderer);
  if (values === undefined) throw new UserError("A network must be opened before it is timed.");
  const rgb = new Uint8ClampedArray(3 * PICTURE_SIZE_PX * PICTURE_SIZE_PX).fill(128);
  const state = await renderer.encodeReference(GREY, rgb);
  const times = [];
  for (let i = 0; i <= pictures; i += 1) {
    const startMs = performance.now();
    await renderer.render(state, values, null, null);
    if (i) times.push(performance.now() - startMs);
  }
  return times.sort((one, other) => one - other)[pictures >> 1];
}

/** @type {import("../codec/frames.js").Keyframe} */
const GREY = Object.freeze({
  keyframeId: 0,
  mediaMs: 0,
  format: 1,
  widthPx: PICTURE_SIZE_PX,
  heightPx: PICTURE_SIZE_PX,
  image: new Uint8Array(1),
  shape: new Int16Array(SHAPE_SYMBOLS),
  anchors: new Int16Array(ANCHOR_SYMBOLS),
  mask: new Uint8Array(MASK_SIDE * MASK_SIDE).fill(1),
});
