/**
 * Follows one face: detects when lost, follows the 468-point mesh otherwise (Kartynnik et al. 2019, arXiv 1907.06724;
 * sender/face/tracker.py and mesh.py).
 *
 * Must not import an engine. Invariant: the face followed changes only after it was lost; landmarks are those of the
 * picture handed in, in its pixels, unsmoothed, so that they never lag.
 */

import { FaceDetector, overlap } from "./detector.js";
import { boxOf, enclosingRoi, regionTensor, toPicture } from "./roi.js";

/** @import { Graph } from "../render/engine.js" */
/** @import { FaceBox } from "./detector.js" */
/** @import { Picture } from "./image.js" */
/** @import { Box, Roi } from "./roi.js" */

const INPUT_PX = 192;
const ROI_SCALE = 1.5;
/** Outer corners of the eyes: the line that the region is levelled by. */
const [EYE_LEFT, EYE_RIGHT] = [33, 263];
const MIN_PRESENCE = 0.5;
/** How often the detector looks while tracking (2 s at 25 fps), to let go of a mesh that settled on something else. */
const CHECK_INTERVAL_FRAMES = 50;
const SAME_FACE_OVERLAP = 0.2;

/**
 * landmarks: 468 x 3 in picture pixels. count: faces in the picture when the detector last looked.
 * @typedef {Readonly<{landmarks: Float32Array, count: number}>} TrackedFace
 */

/** One face of one video. Feed every picture in order. */
export class FaceTracker {
  #detector;
  #mesh;
  /** @type {Float32Array | null} */
  #landmarks = null;
  /** @type {Box | null} */
  #lastBox = null;
  #framesToCheck = 0;
  #count = 0;

  /** @param {Graph} detector The prior "face_detector". @param {Graph} mesh The prior "face_mesh". */
  constructor(detector, mesh) {
    this.#detector = new FaceDetector(detector);
    this.#mesh = mesh;
  }

  /**
   * The followed face in the next picture, or null when there is none.
   * @param {Picture} picture
   * @returns {Promise<TrackedFace | null>}
   */
  async update(picture) {
    const landmarks = (await this.#follow(picture)) ?? (await this.#acquire(picture));
    this.#landmarks = landmarks;
    if (landmarks === null) return null;
    this.#lastBox = boxOf(landmarks, 3);
    return Object.freeze({ landmarks, count: this.#count });
  }

  /** @param {Picture} picture */
  async #follow(picture) {
    if (this.#landmarks === null) return null;
    const landmarks = await this.#locate(picture, roiOfMesh(this.#landmarks));
    if (landmarks === null) return null;
    this.#framesToCheck -= 1;
    return this.#framesToCheck > 0 || (await this.#confirmed(picture, landmarks)) ? landmarks : null;
  }

  /**
   * Whether the detector agrees. Its silence is no objection: it sees turned faces worse than the mesh does.
   * @param {Picture} picture
   * @param {Float32Array} landmarks
   */
  async #confirmed(picture, landmarks) {
    this.#framesToCheck = CHECK_INTERVAL_FRAMES;
    const faces = await this.#detector.detect(picture);
    this.#count = Math.max(1, faces.length);
    return !faces.length || faces.some(({ box }) => overlap(boxOf(landmarks, 3), box) > SAME_FACE_OVERLAP);
  }

  /**
   * Start again from a detection: the face followed last where it still is, else the largest.
   * @param {Picture} picture
   */
  async #acquire(picture) {
    const faces = await this.#detector.detect(picture);
    this.#count = faces.length;
    this.#framesToCheck = CHECK_INTERVAL_FRAMES;
    for (const face of this.#byPreference(faces)) {
      const first = await this.#locate(picture, roiOfBox(face));
      // A second look from the mesh's own region: a detection's box is too coarse for the final landmarks.
      const landmarks = first && (await this.#locate(picture, roiOfMesh(first)));
      if (landmarks !== null) return landmarks;
    }
    return null;
  }

  /** @param {FaceBox[]} faces */
  #byPreference(faces) {
    const last = this.#lastBox;
    if (last === null) return faces;
    const known = (/** @type {FaceBox} */ { box }) => {
      const share = overlap(last, box);
      return share > SAME_FACE_OVERLAP ? share : 0;
    };
    return faces.slice().sort((one, other) => known(other) - known(one));
  }

  /** @param {Picture} picture @param {Roi} roi @returns {Promise<Float32Array | null>} */
  async #locate(picture, roi) {
    const data = regionTensor(picture, roi, INPUT_PX);
    const found = await this.#mesh.run({ image: { data, dims: [1, INPUT_PX, INPUT_PX, 3] } });
    const presence = 1 / (1 + Math.exp(-found.presence_logit.data[0]));
    return presence >= MIN_PRESENCE ? toPicture(found.landmarks.data, roi, INPUT_PX) : null;
  }
}

/** @param {FaceBox} face */
function roiOfBox({ box, keypoints }) {
  return enclosingRoi(box, [keypoints[0], keypoints[1]], [keypoints[2], keypoints[3]], ROI_SCALE);
}

/** @param {Float32Array} landmarks */
function roiOfMesh(landmarks) {
  const eye = (/** @type {number} */ point) => /** @type {const} */ ([landmarks[3 * point], landmarks[3 * point + 1]]);
  return enclosingRoi(boxOf(landmarks, 3), eye(EYE_LEFT), eye(EYE_RIGHT), ROI_SCALE);
}
