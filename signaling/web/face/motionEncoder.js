/**
 * From a cut picture and its face mesh to the symbols of the motion code (sender/motion_encoder.py), and the person's
 * mask that both it and a keyframe need (sender/face/segmentation.py).
 *
 * Must not import an engine. Invariant: everything is relative to the reference as the receiver decodes it, never to
 * what only this end knows.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { pointsFromShape } from "../codec/meshBasis.js";
import { quantiseMotion } from "../codec/motionCode.js";
import { KEYPOINTS, MASK_SIDE, MESH_POINTS } from "../codec/motionLayout.js";
import { dequantise, quantise } from "../codec/quantiser.js";
import { planesOf } from "../render/renderer.js";
import { MeshFit } from "./meshFit.js";

/** @import { Coding } from "../call/coding.js" */
/** @import { Graph } from "../render/engine.js" */

/** Side of the soft mask: the resolution of the motion field that it guides. */
export const MASK_PX = 64;
const SIDE = PICTURE_SIZE_PX;

/**
 * A cut picture. rgb: 256 x 256 x 3. landmarks: 468 x 3, pixels of the cut. mask: 64 x 64, 0..1.
 * @typedef {Readonly<{rgb: Uint8ClampedArray, landmarks: Float32Array, mask: Float32Array}>} View
 */
/**
 * What a keyframe carries besides its picture. points: the reference mesh as the receiver decodes it.
 * @typedef {Readonly<{shape: Int16Array, anchors: Int16Array, mask: Uint8Array, points: Float32Array}>} ReferenceCode
 */

/** Runs the analyser network (learned keypoints, eye and mouth codes) and fits the mesh code. */
export class MotionEncoder {
  #graph;
  #coding;
  #fit;

  /** @param {Graph} graph The analyser. @param {Coding} coding */
  constructor(graph, coding) {
    this.#graph = graph;
    this.#coding = coding;
    this.#fit = new MeshFit(coding.basisFile, coding.tables);
  }

  /**
   * The reference code of a keyframe.
   * @param {View} view
   * @returns {Promise<ReferenceCode>}
   */
  async makeReference(view) {
    const { tables, basis } = this.#coding;
    const { keypoints, codes } = await this.#analyse(view);
    const anchors = quantise([...keypoints, ...codes], tables.anchors);
    const shape = this.#fit.shapeFromPoints(normalised(view.landmarks));
    return Object.freeze({
      shape,
      anchors,
      mask: coarseMask(view.mask),
      points: pointsFromShape(shape, tables, basis),
    });
  }

  /**
   * The motion symbols (46) of one picture relative to a reference.
   * @param {View} view
   * @param {ReferenceCode} reference
   * @param {Int16Array | null} previous Those of the picture before, relative to the same: they keep symbols from
   *   flickering.
   */
  async encode(view, reference, previous) {
    const { tables } = this.#coding;
    const { keypoints, codes } = await this.#analyse(view);
    const anchors = dequantise(reference.anchors, tables.anchors);
    const pose = this.#fit.poseAndExpression(reference.points, normalised(view.landmarks));
    const values = {
      ...pose,
      keypoints: keypoints.map((value, i) => value - anchors[i]),
      codes: codes.map((value, i) => value - anchors[2 * KEYPOINTS + i]),
    };
    return quantiseMotion(values, tables, previous);
  }

  /** @param {View} view */
  async #analyse({ rgb, landmarks, mask }) {
    const { keypoints, codes } = await this.#graph.run({
      picture: { data: planesOf(rgb), dims: [1, 3, SIDE, SIDE] },
      points: { data: normalised(landmarks), dims: [1, MESH_POINTS, 2] },
      mask: { data: mask, dims: [1, 1, MASK_PX, MASK_PX] },
    });
    return { keypoints: keypoints.data, codes: codes.data };
  }
}

/**
 * Landmarks (468 x 3, pixels of the cut, integers at pixel centres) as 468 x 2 in -1..1.
 * @param {Float32Array} landmarks
 */
export function normalised(landmarks) {
  const points = new Float32Array(2 * MESH_POINTS);
  for (let point = 0; point < MESH_POINTS; point += 1) {
    points[2 * point] = (landmarks[3 * point] + 0.5) / (SIDE / 2) - 1;
    points[2 * point + 1] = (landmarks[3 * point + 1] + 0.5) / (SIDE / 2) - 1;
  }
  return points;
}

/**
 * The 0/1 mask (32 x 32) of a soft mask, as a keyframe carries it.
 * @param {Float32Array} mask
 */
function coarseMask(mask) {
  return Uint8Array.from(means(mask, MASK_PX, MASK_SIDE), (value) => (value > 0.5 ? 1 : 0));
}

/**
 * Probability 0..1 of the person, 64 x 64, in a cut picture.
 * @param {Graph} graph The prior "segmentation".
 * @param {Uint8ClampedArray} rgb
 */
export async function personMask(graph, rgb) {
  const data = new Float32Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 1) data[i] = rgb[i] / 255;
  const { mask } = await graph.run({ image: { data, dims: [1, SIDE, SIDE, 3] } });
  return means(mask.data, SIDE, MASK_PX).map((value) => Math.min(Math.max(value, 0), 1));
}

/**
 * Means over blocks of a square.
 * @param {Float32Array} values
 * @param {number} from
 * @param {number} to Divides from.
 */
function means(values, from, to) {
  const block = from / to;
  const result = new Float32Array(to * to);
  for (let y = 0; y < from; y += 1) {
    const line = Math.floor(y / block) * to;
    for (let x = 0; x < from; x += 1) result[line + Math.floor(x / block)] += values[y * from + x] / (block * block);
  }
  return result;
}
