/**
 * Finds faces: the short-range BlazeFace network (Bazarevsky et al. 2019, arXiv 1907.05047; sender/face/detector.py).
 *
 * Must not import an engine. Invariant: boxes and keypoints are in pixels of the picture handed in.
 */

import { warped } from "./image.js";

/** @import { Graph } from "../render/engine.js" */
/** @import { Picture } from "./image.js" */
/** @import { Box } from "./roi.js" */

const INPUT_PX = 128;
const MIN_SCORE = 0.5;
/** Intersection over union from which two candidates are the same face. */
const MIN_OVERLAP = 0.3;
const LOGIT_LIMIT = 80;
/** Cells per side and anchors per cell (strides 8, and 16 three times). */
const GRID_LAYERS = [
  [16, 2],
  [8, 6],
];
/** Numbers of a candidate: box corners (2 points), then eyes, nose, mouth, ears (6 points). */
const NUMBERS = 16;
const ANCHORS = anchorCenters();

/**
 * keypoints: 6 x 2: eyes (the picture's left one first), nose tip, mouth, ears.
 * @typedef {Readonly<{box: Box, score: number, keypoints: Float64Array}>} FaceBox
 */
/** @typedef {{points: Float64Array, score: number}} Candidate */

/** Faces up to about 2 m from the camera, upright to about 45 degrees. */
export class FaceDetector {
  #graph;

  /** @param {Graph} graph The prior "face_detector". */
  constructor(graph) {
    this.#graph = graph;
  }

  /**
   * Faces in a picture, largest first, then by score.
   * @param {Picture} picture
   * @returns {Promise<FaceBox[]>}
   */
  async detect(picture) {
    const step = Math.max(picture.width, picture.height) / INPUT_PX;
    const [left, top] = [(INPUT_PX - picture.width / step) / 2, (INPUT_PX - picture.height / step) / 2];
    const matrix = [step, 0, -left * step, 0, step, -top * step];
    const data = warped(picture, matrix, INPUT_PX, { scale: 1 / 127.5, shift: -1, black: true });
    const found = await this.#graph.run({ image: { data, dims: [1, INPUT_PX, INPUT_PX, 3] } });
    const candidates = decoded(found.regressors.data, found.score_logits.data);
    return suppressed(candidates)
      .map(({ points, score }) => faceBox(points, score, step, left, top))
      .sort((one, other) => area(other.box) - area(one.box) || other.score - one.score);
  }
}

/** Anchor centres (896 x 2) in input pixels. */
function anchorCenters() {
  const centers = [];
  for (const [cells, perCell] of GRID_LAYERS) {
    for (let cell = 0; cell < cells * cells; cell += 1) {
      const [x, y] = [cell % cells, Math.floor(cell / cells)].map((place) => ((place + 0.5) * INPUT_PX) / cells);
      for (let i = 0; i < perCell; i += 1) centers.push(x, y);
    }
  }
  return Float64Array.from(centers);
}

/** @param {Float32Array} regressors @param {Float32Array} logits @returns {Candidate[]} */
function decoded(regressors, logits) {
  const candidates = [];
  for (let i = 0; i < logits.length; i += 1) {
    const score = 1 / (1 + Math.exp(-Math.min(Math.max(logits[i], -LOGIT_LIMIT), LOGIT_LIMIT)));
    if (!(score >= MIN_SCORE)) continue;
    const raw = regressors.subarray(i * NUMBERS, (i + 1) * NUMBERS);
    const [centerX, centerY] = [ANCHORS[2 * i], ANCHORS[2 * i + 1]];
    const points = Float64Array.from(raw, (value, at) => value + (at % 2 ? centerY : centerX));
    const [middleX, middleY] = [points[0], points[1]];
    points.set([middleX - raw[2] / 2, middleY - raw[3] / 2, middleX + raw[2] / 2, middleY + raw[3] / 2]);
    candidates.push({ points, score });
  }
  return candidates;
}

/**
 * Candidates that overlap become one face: the mean of their points by score (BlazeFace's blending).
 * @param {Candidate[]} candidates
 */
function suppressed(candidates) {
  let left = candidates.slice().sort((one, other) => other.score - one.score);
  /** @type {Candidate[]} */
  const faces = [];
  while (left.length) {
    const [first] = left;
    const same = left.filter((other) => other === first || overlap(corners(first), corners(other)) > MIN_OVERLAP);
    const total = same.reduce((sum, { score }) => sum + score, 0);
    const points = first.points.map((_, at) => same.reduce((sum, one) => sum + (one.score / total) * one.points[at], 0));
    faces.push({ points, score: first.score });
    left = left.filter((other) => !same.includes(other));
  }
  return faces;
}

/** @param {Candidate} candidate @returns {Box} */
function corners({ points: [left, top, right, bottom] }) {
  return { left, top, right, bottom };
}

/** @param {Float64Array} points @param {number} score @param {number} step @param {number} barX @param {number} barY */
function faceBox(points, score, step, barX, barY) {
  const placed = points.map((value, at) => (value - (at % 2 ? barY : barX)) * step);
  return Object.freeze({ box: corners({ points: placed, score }), score, keypoints: placed.slice(4) });
}

/** @param {Box} box */
function area({ left, top, right, bottom }) {
  return Math.max(0, right - left) * Math.max(0, bottom - top);
}

/**
 * Intersection over union of two boxes, 0..1.
 * @param {Box} one
 * @param {Box} other
 */
export function overlap(one, other) {
  const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  const shared = Math.max(0, width) * Math.max(0, height);
  const both = (one.right - one.left) * (one.bottom - one.top) + (other.right - other.left) * (other.bottom - other.top);
  return shared / Math.max(both - shared, 1e-9);
}
