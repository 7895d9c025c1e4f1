/**
 * What the audio mouth branch hears: features of the decoded voice around each picture (receiver/voice_features.py).
 *
 * Must not import state machines. Invariant: memory is VOICE_HISTORY_MS of sound; without voice around a picture the
 * features are null.
 */

import { VOICE_HISTORY_MS } from "../call/limits.js";
import { openGraph } from "./engine.js";
import { downTo16k, HOP, logMel, MELS, RATE_HZ, WINDOW } from "./logMel.js";

/** @import { Graph, Manifest } from "./engine.js" */

/** Log-mel columns the branch sees (320 ms). */
const COLUMNS = 32;
/** The window ends this much after the picture's time: the picture's own 40 ms and 80 ms of look-ahead. */
const AHEAD_MS = 120;
const PER_MS = RATE_HZ / 1000;

/** One call's voice, and the network that listens to it. */
export class VoiceFeatures {
  #graph;
  #sound = new Float32Array(VOICE_HISTORY_MS * PER_MS);
  /** @type {number | null} */
  #endMs = null;

  /** @param {Graph} graph */
  constructor(graph) {
    this.#graph = graph;
  }

  /**
   * The branch of this server, null where there is none.
   * @param {Manifest} manifest
   */
  static async open(manifest) {
    const name = "voice/voice.onnx";
    return Object.hasOwn(manifest, name) ? new VoiceFeatures(await openGraph(name, manifest)) : null;
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
   * 32 features for the picture at mediaMs, null without voice up to that time.
   * @param {number} mediaMs
   * @returns {Promise<Float32Array | null>}
   */
  async at(mediaMs) {
    const columns = this.columns(mediaMs);
    if (columns === null) return null;
    const mel = new Float32Array(MELS * COLUMNS);
    columns.forEach((column, i) => column.forEach((value, band) => (mel[band * COLUMNS + i] = value)));
    const { features } = await this.#graph.run({ mel: { data: mel, dims: [1, MELS, COLUMNS] } });
    return features.data;
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
