/**
 * Runs the two exported graphs, encode_reference and render (models/runtime/graph_backend.py).
 *
 *     picture, mask --> encode_reference --> feat_* ------+
 *                                                         +--> render --> picture
 *     reference and driving mesh, keypoints, codes, voice +
 *
 * Must not import an engine. Invariant: every input that the render graph declares is either a feature of the reference
 * or in the table `drivingInputs`; numbers that reach a network are finite and inside their range.
 */

import { COORDINATE_MAX, PICTURE_SIZE_PX } from "../call/limits.js";
import { UserError } from "../codec/errors.js";
import { clamp } from "../codec/integers.js";
import { resized } from "../face/image.js";
import { drivingPoints, pointsFromShape } from "../codec/meshBasis.js";
import { CODES, KEYPOINTS, MASK_SIDE, MESH_POINTS } from "../codec/motionLayout.js";
import { dequantise } from "../codec/quantiser.js";

/** @import { Keyframe } from "../codec/frames.js" */
/** @import { MeshBasis } from "../codec/meshBasis.js" */
/** @import { MotionValues } from "../codec/motionLayout.js" */
/** @import { CodingTables } from "../codec/tables.js" */
/** @import { Graph, Tensor } from "./engine.js" */
/** @import { DecodedPicture } from "./pictureShelf.js" */

const VOICE_FEATURES = 32;
const THUMBNAIL_SIDE_PX = 64;
const CODE_MAX = 2;
const SIDE = PICTURE_SIZE_PX;

/**
 * A keyframe ready to be moved: the feature tensors, and the numbers that render needs beside them.
 * @typedef {Readonly<{features: Readonly<Record<string, Tensor>>, points: Float32Array, keypoints: Float32Array,
 *   codes: Float32Array}>} ReferenceState
 */

/** The network of one size. It holds nothing of a call. */
export class Renderer {
  #encode;
  #render;
  #tables;
  #basis;

  /** @param {Graph} encode @param {Graph} render @param {CodingTables} tables @param {MeshBasis} basis */
  constructor(encode, render, tables, basis) {
    this.#encode = encode;
    this.#render = render;
    this.#tables = tables;
    this.#basis = basis;
  }

  /**
   * Prepare a keyframe.
   * @param {Keyframe} keyframe
   * @param {Uint8ClampedArray} rgb Its decoded picture, 256 x 256 x 3.
   * @returns {Promise<ReferenceState>}
   */
  async encodeReference(keyframe, rgb) {
    /** @type {Record<string, Tensor>} */
    const given = {
      image: { data: planesOf(rgb), dims: [1, 3, SIDE, SIDE] },
      mask: { data: Float32Array.from(keyframe.mask), dims: [1, 1, MASK_SIDE, MASK_SIDE] },
    };
    const features = await this.#encode.run(picked(given, this.#encode.inputs));
    const anchors = dequantise(keyframe.anchors, this.#tables.anchors);
    return Object.freeze({
      features,
      points: pointsFromShape(keyframe.shape, this.#tables, this.#basis),
      keypoints: anchors.slice(0, 2 * KEYPOINTS),
      codes: anchors.slice(2 * KEYPOINTS),
    });
  }

  /**
   * The picture of one motion code.
   * @param {ReferenceState} state
   * @param {MotionValues} motion
   * @param {Float32Array | null} voice 32 features of the voice at that moment.
   * @param {DecodedPicture | null} thumbnail A small picture of about that moment.
   * @returns {Promise<Uint8Array>} RGB of 256 x 256, interleaved.
   */
  async render(state, motion, voice, thumbnail) {
    const known = { ...state.features, ...this.#drivingInputs(state, motion, voice, thumbnail) };
    const { picture } = await this.#render.run(picked(known, this.#render.inputs));
    const data = /** @type {unknown} */ (picture?.data); // the one tensor that is not of floats
    if (!(data instanceof Uint8Array) || data.length !== 3 * SIDE * SIDE) {
      throw new UserError("These weights give no picture of 256 x 256.");
    }
    return data;
  }

  /**
   * Every render input that is not a feature, with a batch of one.
   * @param {ReferenceState} state
   * @param {MotionValues} motion
   * @param {Float32Array | null} voice
   * @param {DecodedPicture | null} thumbnail
   * @returns {Record<string, Tensor>}
   */
  #drivingInputs(state, motion, voice, thumbnail) {
    const points = bounded(drivingPoints(state.points, motion, this.#basis), COORDINATE_MAX);
    const moved = state.keypoints.map((value, i) => value + motion.keypoints[i]);
    const small = thumbnail === null ? new Float32Array(3 * THUMBNAIL_SIDE_PX ** 2) : thumbnailPlanes(thumbnail);
    return {
      reference_points: { data: state.points, dims: [1, MESH_POINTS, 2] },
      driving_points: { data: points, dims: [1, MESH_POINTS, 2] },
      reference_keypoints: { data: state.keypoints, dims: [1, KEYPOINTS, 2] },
      driving_keypoints: { data: bounded(moved, COORDINATE_MAX), dims: [1, KEYPOINTS, 2] },
      codes: { data: bounded(motion.codes, CODE_MAX), dims: [1, CODES] },
      reference_codes: { data: state.codes, dims: [1, CODES] },
      voice: { data: voice ?? new Float32Array(VOICE_FEATURES), dims: [1, VOICE_FEATURES] },
      voice_present: { data: Float32Array.of(voice === null ? 0 : 1), dims: [1, 1] },
      thumbnail: { data: small, dims: [1, 3, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX] },
      thumbnail_present: { data: Float32Array.of(thumbnail === null ? 0 : 1), dims: [1, 1] },
    };
  }
}

/** @param {Record<string, Tensor>} known @param {readonly string[]} names */
function picked(known, names) {
  const unknown = names.filter((name) => !Object.hasOwn(known, name));
  if (unknown.length) throw new UserError(`These weights are newer than this page (they want ${unknown.join(", ")}).`);
  return Object.fromEntries(names.map((name) => [name, known[name]]));
}

/** @param {DecodedPicture} thumbnail */
function thumbnailPlanes({ rgb, sidePx }) {
  return planesOf(sidePx === THUMBNAIL_SIDE_PX ? rgb : resized(rgb, sidePx, sidePx, THUMBNAIL_SIDE_PX));
}

/** @param {Float32Array} values @param {number} limit */
function bounded(values, limit) {
  return values.map((value) => (Number.isNaN(value) ? 0 : clamp(value, -limit, limit)));
}

/** @param {Uint8ClampedArray} rgb Interleaved. */
export function planesOf(rgb) {
  const pixels = rgb.length / 3;
  const planes = new Float32Array(rgb.length);
  for (let at = 0; at < pixels; at += 1) {
    planes[at] = rgb[3 * at] / 255;
    planes[pixels + at] = rgb[3 * at + 1] / 255;
    planes[2 * pixels + at] = rgb[3 * at + 2] / 255;
  }
  return planes;
}

/**
 * A rendered picture as the bytes of a canvas.
 * @param {Uint8Array | Uint8ClampedArray} rgb Interleaved, 256 x 256.
 * @param {Uint8ClampedArray} rgba Where to: 4 bytes a pixel.
 */
export function intoRgba(rgb, rgba) {
  for (let at = 0; at < SIDE * SIDE; at += 1) {
    rgba[4 * at] = rgb[3 * at];
    rgba[4 * at + 1] = rgb[3 * at + 1];
    rgba[4 * at + 2] = rgb[3 * at + 2];
    rgba[4 * at + 3] = 255;
  }
}
