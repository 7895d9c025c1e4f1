/**
 * What the audio mouth branch hears: features of the decoded voice around each picture, and the lips it expects
 * (receiver/voice_features.py).
 *
 * Must not import state machines. Invariant: memory is VOICE_HISTORY_MS of sound; without voice around a picture there is
 * nothing to hear (null).
 */

import { VOICE_HISTORY_MS } from "../call/limits.js";
import { openGraph } from "./engine.js";
import { downTo16k, HOP, logMel, MELS, RATE_HZ, SILENCE, WINDOW } from "./logMel.js";

/** @import { Graph, Manifest } from "./engine.js" */

/** Log-mel columns the branch sees (320 ms). */
const COLUMNS = 32;
/** The window ends this much after the picture's time: the picture's own 40 ms and 80 ms of look-ahead. */
const AHEAD_MS = 120;
const PER_MS = RATE_HZ / 1000;

/**
 * What the branch makes of 320 ms of sound. features: 32, for the network that renders. expression: 16, the lips in
 * coefficients of the mesh's expression, relative to the speaker's mean.
 * @typedef {Readonly<{features: Float32Array, expression: Float32Array}>} Heard
 */

/** One call's voice, and the network that listens to it. */
export class VoiceFeatures {
  #graph;
  #sound = new Float32Array(VOICE_HISTORY_MS * PER_MS);
  /** @type {number | null} */
  #endMs = null;

  /** What the branch hears when nobody speaks. */
  silence;

  /** @param {Graph} graph @param {Heard} silence */
  constructor(graph, silence) {
    this.#graph = graph;
    this.silence = silence;
  }

  /**
   * The branch of this server, null where there is none.
   * @param {Manifest} manifest
   */
  static async open(manifest) {
    const name = "voice/voice.onnx";
    return Object.hasOwn(manifest, name) ? VoiceFeatures.of(await openGraph(name, manifest)) : null;
  }

  /** @param {Graph} graph The branch. */
  static async of(graph) {
    const quiet = Array.from({ length: COLUMNS }, () => new Float32Array(MELS).fill(SILENCE));
    return new VoiceFeatures(graph, await hear(graph, quiet));
  }

  /** Forget what was heard: another voice, or another clock. */
  reset() {
    this.#endMs = null;
    this.#sound.fill(0);
  }

  /**
   * Hear a packet's sound; one that comes after its successor is left out.
   * @param {number} mediaMs
   * @param {Float32Array} pcm 48 kHz.
   */
  push(mediaMs, pcm) {
    if (this.#endMs !== null && mediaMs < this.#endMs) return;
    const heard = downTo16k(pcm);
    const gapMs = this.#endMs === null ? 0 : Math.min(mediaMs - this.#endMs, VOICE_HISTORY_MS);
    this.#append(new Float32Array(Math.round(gapMs * PER_MS)));
    this.#append(heard);
    this.#endMs = mediaMs + Math.floor(heard.length / PER_MS);
  }

  /**
   * What is heard around the picture at mediaMs, null without voice up to that time.
   * @param {number} mediaMs
   * @returns {Promise<Heard | null>}
   */
  async listen(mediaMs) {
    const columns = this.columns(mediaMs);
    return columns === null ? null : hear(this.#graph, columns);
  }

  /**
   * The 32 columns around a picture; what is not here yet sounds like the last that is.
   * @param {number} mediaMs
   */
  columns(mediaMs) {
    if (this.#endMs === null || this.#endMs < mediaMs) return null;
    const firstMs = mediaMs + AHEAD_MS - COLUMNS * 10;
    const start = this.#sound.length - (this.#endMs - firstMs) * PER_MS;
    if (start < 0) return null;
    const columns = logMel(this.#sound.subarray(start, start + (COLUMNS - 1) * HOP + WINDOW));
    const last = columns.at(-1);
    if (last === undefined) return null;
    while (columns.length < COLUMNS) columns.push(last);
    return columns;
  }

  /** @param {Float32Array} sound */
  #append(sound) {
    const kept = sound.subarray(Math.max(0, sound.length - this.#sound.length));
    this.#sound.copyWithin(0, kept.length);
    this.#sound.set(kept, this.#sound.length - kept.length);
  }
}

/**
 * @param {Graph} graph
 * @param {readonly Float32Array[]} columns 32 of 40 bands.
 * @returns {Promise<Heard>}
 */
async function hear(graph, columns) {
  const mel = new Float32Array(MELS * COLUMNS);
  columns.forEach((column, i) => column.forEach((value, band) => (mel[band * COLUMNS + i] = value)));
  const { features, expression } = await graph.run({ mel: { data: mel, dims: [1, MELS, COLUMNS] } });
  return Object.freeze({ features: features.data, expression: expression.data });
}
