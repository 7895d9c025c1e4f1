/**
 * The camera's networks, each where it is faster: on the processor, or on a graphics card that gives the same numbers.
 *
 *     face_mesh, segmentation, analyser, each --processor: answer, time--+
 *                                             +--card: answer, time------+--> the faster of two that agree
 *     face_detector: on the processor, it runs every two seconds
 *
 * Must not know what the networks are for. Invariant: a card is used only for a network whose answer to the same input it gave like
 * the processor; one that fails later is left for the processor within the same picture, and for good.
 */

import { bestFor, openGraph } from "../render/engine.js";
import { hasGraphicsCard } from "../render/graphicsCard.js";

/** @import { Device, Graph, Manifest, Tensor } from "../render/engine.js" */

/** Runs that are timed, after one that is not. */
const TIMED = 3;
/** Of the largest number in an answer, or of a small one: float32 summed in another order differs by a thousandth of this, int8 by half. */
const APART_MAX = 0.01;
const SMALL = 0.1;
const MESH_POINTS = 468;

/** @param {readonly number[]} dims @returns {Tensor} Numbers from 0 to 1, of every size. */
function waves(...dims) {
  const data = Float32Array.from({ length: dims.reduce((product, size) => product * size) }, (_, i) => 0.5 + 0.5 * Math.sin(i * i * 1e-5));
  return { data, dims };
}

/** @type {Readonly<Record<string, () => Record<string, Tensor>>>} Something to answer. */
const TRIALS = Object.freeze({
  "priors/face_mesh.onnx": () => ({ image: waves(1, 192, 192, 3) }),
  "priors/segmentation.onnx": () => ({ image: waves(1, 256, 256, 3) }),
  "analyser/analyser.onnx": () => ({
    picture: waves(1, 3, 256, 256),
    points: waves(1, MESH_POINTS, 2),
    mask: waves(1, 1, 64, 64),
  }),
});

/**
 * Detector, mesh, segmentation and analyser.
 * @param {Manifest} manifest
 * @param {number} threads
 * @param {Device | null} asked null: what is faster; "webgpu": also a card that is slower, or only imitated.
 */
export async function openCameraNetworks(manifest, threads, asked) {
  const open = (/** @type {string} */ name, /** @type {Device} */ device) => openGraph(bestFor(name, manifest, device), manifest, threads, device);
  const names = Object.keys(TRIALS);
  const [detector, ...graphs] = await Promise.all(["priors/face_detector.onnx", ...names].map((name) => open(name, "wasm")));
  if (asked !== "wasm" && (await hasGraphicsCard(asked === "webgpu"))) {
    // One after the other: they are timed.
    for (const [i, name] of names.entries()) {
      graphs[i] = await fasterOf(graphs[i], () => open(name, "webgpu"), TRIALS[name](), asked === "webgpu");
    }
  }
  const [mesh, segmentation, analyser] = graphs;
  return { detector, mesh, segmentation, analyser };
}

/**
 * @param {Graph} processor
 * @param {() => Promise<Graph>} openOnCard
 * @param {Readonly<Record<string, Tensor>>} trial
 * @param {boolean} forced The card is taken if it is right, fast or not.
 * @returns {Promise<Graph>}
 */
export async function fasterOf(processor, openOnCard, trial, forced) {
  try {
    const card = await openOnCard();
    const [known, found] = [await tried(processor, trial), await tried(card, trial)];
    if (!alike(known.answer, found.answer)) {
      console.warn("The graphics card gives other numbers than the processor: not used for this network.");
      return processor;
    }
    return forced || found.medianMs < known.medianMs ? leavable(card, processor) : processor;
  } catch (error) {
    console.warn("The graphics card cannot run a network of the camera:", error);
    return processor;
  }
}

/** @param {Graph} graph @param {Readonly<Record<string, Tensor>>} trial */
async function tried(graph, trial) {
  const answer = await graph.run(trial);
  const times = [];
  for (let i = 0; i < TIMED; i += 1) {
    const startMs = performance.now();
    await graph.run(trial);
    times.push(performance.now() - startMs);
  }
  return { answer, medianMs: times.sort((one, other) => one - other)[TIMED >> 1] };
}

/** @param {Record<string, Tensor>} known @param {Record<string, Tensor>} found */
function alike(known, found) {
  return Object.entries(known).every(([name, { data }]) => {
    const other = found[name]?.data;
    const limit = APART_MAX * data.reduce((most, value) => Math.max(most, Math.abs(value)), SMALL);
    return other?.length === data.length && data.every((value, i) => Math.abs(value - other[i]) <= limit);
  });
}

/**
 * The card's graph; from its first failure on the processor's (a driver that restarts, a laptop that changes cards).
 * @param {Graph} card
 * @param {Graph} processor
 * @returns {Graph}
 */
function leavable(card, processor) {
  let used = card;
  return Object.freeze({
    inputs: processor.inputs,
    outputs: processor.outputs,
    async run(/** @type {Readonly<Record<string, Tensor>>} */ feeds) {
      try {
        return await used.run(feeds);
      } catch (error) {
        if (used === processor) throw error;
        console.warn("The graphics card failed; the camera's network goes on on the processor:", error);
        used = processor;
        return used.run(feeds);
      }
    },
  });
}
