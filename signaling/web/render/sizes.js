/**
 * Which networks there are, and which of them this computer is fast enough for.
 *
 * Must not import state machines. Invariant: names come from the manifest, so that another size needs no change here.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { UserError } from "../codec/errors.js";
import { dequantiseMotion } from "../codec/motionCode.js";
import { ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS } from "../codec/motionLayout.js";
import { bestFor, openGraph } from "./engine.js";
import { Renderer } from "./renderer.js";

/** @import { Coding } from "../call/coding.js" */
/** @import { Device, Manifest } from "./engine.js" */

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
 * The network of one size: int8 where there is one, on a graphics card float32. The keyframe's own graph stays in float32: it runs
 * once, and its errors would stay for as long as the keyframe.
 * @param {string} size
 * @param {Manifest} manifest
 * @param {Coding} coding
 * @param {number} threads
 * @param {Device} device
 */
export async function openRenderer(size, manifest, coding, threads, device = "wasm") {
  const encode = await openGraph(`${size}/encode_reference.onnx`, manifest, threads, device);
  const render = await openGraph(bestFor(`${size}/render.onnx`, manifest, device), manifest, threads, device);
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
  const values = stillOf(renderer);
  const state = await renderer.encodeReference(GREY, new Uint8ClampedArray(3 * SIDE * SIDE).fill(128));
  const times = [];
  for (let i = 0; i <= pictures; i += 1) {
    const startMs = performance.now();
    await renderer.render(state, values, null, null);
    if (i) times.push(performance.now() - startMs);
  }
  return times.sort((one, other) => one - other)[pictures >> 1];
}

/**
 * How far two renderers of one size are apart, in levels (0..255) in the mean, on rings that do not move: the same network, run
 * rightly on two devices, differs by what int8 rounds.
 * @param {Renderer} one
 * @param {Renderer} other
 */
export async function levelsApart(one, other) {
  const pictures = [];
  for (const renderer of [one, other]) {
    const state = await renderer.encodeReference(GREY, rings());
    pictures.push(await renderer.render(state, stillOf(renderer), null, null));
  }
  const [first, second] = pictures;
  return first.reduce((sum, level, at) => sum + Math.abs(level - second[at]), 0) / first.length;
}

/** @param {Renderer} renderer */
function stillOf(renderer) {
  const values = motionOfTheKeyframe.get(renderer);
  if (values === undefined) throw new UserError("A network must be opened before it is tried.");
  return values;
}

/** Something of every size and colour. */
function rings() {
  return Uint8ClampedArray.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const x = Math.floor(i / 3) % SIDE;
    const y = Math.floor(i / (3 * SIDE));
    return 128 + 100 * Math.sin(((x - 128) ** 2 + (y - 128) ** 2) / (400 * (1 + (i % 3))));
  });
}

const SIDE = PICTURE_SIZE_PX;

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
