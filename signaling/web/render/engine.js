/**
 * Opens networks: fetched from this origin, verified against the manifest, run by onnxruntime-web.
 *
 * Must not know what the networks are for. Invariant: no engine reads a file whose SHA-256 is not the manifest's (as
 * models/weights does in Python); nothing is fetched from anywhere else.
 */

import { UserError } from "../codec/errors.js";

const WEIGHTS = new URL("../weights/", import.meta.url);
/** The engine's builds; the one for graphics cards is twice as large and fetched only where there is one. */
const ENGINES = Object.freeze({
  wasm: new URL("../ort/ort.wasm.min.mjs", import.meta.url),
  webgpu: new URL("../ort/ort.webgpu.min.mjs", import.meta.url),
});
/** Largest weight file that is fetched: ours are below 3 MB. */
const WEIGHT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Threads that spin between pictures would take the core that the camera or the other networks need. Made anew for each
 * network: the engine writes into it.
 * @param {Device} device
 */
const options = (device) => ({
  executionProviders: [device],
  extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
});

/** Where a network runs. @typedef {keyof typeof ENGINES} Device */
/** @typedef {typeof import("onnxruntime-web/wasm")} Engine */
/** @typedef {Readonly<{sha256: string, bytes: number}>} WeightFile */
/** @typedef {Readonly<Record<string, WeightFile>>} Manifest */
/** @typedef {Readonly<{data: Float32Array, dims: readonly number[]}>} Tensor */
/**
 * One loaded network. `run` takes tensors by name and gives tensors by name; one run at a time.
 * @typedef {Readonly<{inputs: readonly string[], outputs: readonly string[],
 *   run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>>}>} Graph
 */

/** @returns {Promise<Manifest>} The list of weights. */
export async function readManifest() {
  const { files } = await (await fetched(new URL("manifest.json", WEIGHTS))).json();
  return files;
}

/**
 * One hex SHA-256 over several weight files' digests, in the given order: the name of a model as a whole.
 * @param {readonly string[]} names
 * @param {Manifest} manifest
 */
export async function bundleDigest(names, manifest) {
  const text = names.map((name) => entryOf(name, manifest).sha256).join("");
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/**
 * The int8 copy of a graph where there is one, for a processor; a graphics card takes float32.
 * @param {string} name
 * @param {Manifest} manifest
 * @param {Device} device
 */
export function bestFor(name, manifest, device) {
  const small = name.replace(/\.onnx$/, ".int8.onnx");
  return device === "wasm" && Object.hasOwn(manifest, small) ? small : name;
}

/**
 * A verified network.
 * @param {string} name Such as "lite/render.onnx".
 * @param {Manifest} manifest
 * @param {number} threads The first network opened on a device in a worker decides for all of them.
 * @param {Device} device
 * @returns {Promise<Graph>}
 * @throws {UserError} It is missing, or has other bytes than the manifest says.
 */
export async function openGraph(name, manifest, threads = 1, device = "wasm") {
  const [bytes, ort] = await Promise.all([verifiedBytes(name, manifest), engine(threads, device)]);
  return graphOf(ort, await ort.InferenceSession.create(bytes, options(device)));
}

/**
 * @param {Engine} ort
 * @param {import("onnxruntime-web/wasm").InferenceSession} session
 * @returns {Graph}
 */
export function graphOf(ort, session) {
  return Object.freeze({
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(/** @type {Readonly<Record<string, Tensor>>} */ feeds) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims }]) => [name, new ort.Tensor("float32", data, dims)]),
      );
      const results = await session.run(tensors);
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims }]) => [
          name,
          Object.freeze({ data: /** @type {Float32Array} */ (data), dims }),
        ]),
      );
    },
  });
}

/** @type {Map<Device, Promise<Engine>>} */
const opening = new Map();

/** @param {number} threads @param {Device} device @returns {Promise<Engine>} */
function engine(threads, device) {
  const known = opening.get(device) ?? open(threads, device);
  opening.set(device, known);
  return known;
}

/** @param {number} threads @param {Device} device @returns {Promise<Engine>} */
async function open(threads, device) {
  const ort = await import(ENGINES[device].href);
  ort.env.wasm.wasmPaths = new URL("./", ENGINES[device]).href;
  // Without cross-origin isolation there is no shared memory, hence one thread.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? threads : 1;
  ort.env.logLevel = "error";
  return ort;
}

/** @param {string} name @param {Manifest} manifest */
async function verifiedBytes(name, manifest) {
  const { sha256, bytes: size } = entryOf(name, manifest);
  if (!(size > 0 && size <= WEIGHT_MAX_BYTES)) throw new UserError(`The weights ${name} are too large to load.`);
  const file = await (await fetched(new URL(name, WEIGHTS))).arrayBuffer();
  if (hex(await crypto.subtle.digest("SHA-256", file)) !== sha256) {
    throw new UserError(`The weights ${name} are not the ones in the manifest. Reload the page, or tell its operator.`);
  }
  return new Uint8Array(file);
}

/** @param {string} name @param {Manifest} manifest @returns {WeightFile} */
function entryOf(name, manifest) {
  if (Object.hasOwn(manifest, name)) return manifest[name];
  throw new UserError(`There are no weights named ${name} on this server.`);
}

/** @param {URL} url */
async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new UserError(`${url.pathname} could not be loaded (HTTP ${response.status}).`);
  return response;
}

/** @param {ArrayBuffer} digest */
function hex(digest) {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
