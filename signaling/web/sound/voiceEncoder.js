/**
 * Microphone blocks to Opus packets with media times (sender/voice.py), through WebCodecs.
 *
 * Must not import state machines. Invariant: packet n starts exactly n * frameMs after the first one while blocks
 * follow each other; a gap is filled with silence or, past GAP_MAX_MS, starts a new count, so packets never drift from
 * the media clock.
 */

/** @import { VoicePacket } from "../codec/frames.js" */

const SAMPLES_PER_MS = 48;
/** Longer gaps are not worth packets of silence. */
const GAP_MAX_MS = 500;
/** The sound card's clock and the page's may be apart by this before packets are placed anew: timers are not exact. */
const DRIFT_MAX_MS = 60;

/** Cuts sound into Opus frames. */
export class VoiceEncoder {
  #bps;
  #frameMs;
  #onPacket;
  /** @type {AudioEncoder | null} */
  #encoder = null;
  /** @type {number[]} Media times of frames in the encoder; packets come in the same order. */
  #waiting = [];
  /** @type {number | null} What packets shall last from the next one on. */
  #nextFrameMs = null;
  #pending;
  #filled = 0;
  /** @type {number | null} Media time of the first pending sample. */
  #startMs = null;

  /**
   * @param {number} bps 6000 to 24000.
   * @param {number} frameMs One of 20, 40, 60, 80, 100, 120.
   * @param {(packet: VoicePacket) => void} onPacket
   */
  constructor(bps, frameMs, onPacket) {
    this.#bps = bps;
    this.#frameMs = frameMs;
    this.#onPacket = onPacket;
    this.#pending = new Float32Array(frameMs * SAMPLES_PER_MS);
  }

  /**
   * A block of sound.
   * @param {number} mediaMs Time of its first sample, as well as the page knows it.
   * @param {Float32Array} pcm Mono at 48 kHz.
   */
  push(mediaMs, pcm) {
    this.#place(mediaMs);
    for (let at = 0; at < pcm.length; ) {
      const count = Math.min(pcm.length - at, this.#pending.length - this.#filled);
      this.#pending.set(pcm.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#pending.length) this.#encode();
    }
  }

  /**
   * Packets shall last this long from the next whole one on.
   * @param {number} frameMs One of 20, 40, 60, 80, 100, 120.
   */
  setFrameMs(frameMs) {
    this.#nextFrameMs = frameMs === this.#frameMs ? null : frameMs;
    if (this.#filled === 0) this.#change();
  }

  /** Between two packets: what is in the old encoder still comes out, with its own duration. */
  #change() {
    if (this.#nextFrameMs === null) return;
    const old = this.#encoder;
    if (old !== null && old.state === "configured") {
      old.flush().then(
        () => old.close(),
        () => {}, // it failed or was closed already
      );
    }
    this.#encoder = null;
    this.#frameMs = this.#nextFrameMs;
    this.#nextFrameMs = null;
    this.#pending = new Float32Array(this.#frameMs * SAMPLES_PER_MS);
  }

  /** Free the encoder. */
  close() {
    if (this.#encoder && this.#encoder.state !== "closed") this.#encoder.close();
    this.#encoder = null;
  }

  /** @param {number} mediaMs */
  #place(mediaMs) {
    if (this.#startMs === null) {
      this.#startMs = Math.max(0, Math.round(mediaMs));
      return;
    }
    const gapMs = mediaMs - this.#startMs - this.#filled / SAMPLES_PER_MS;
    if (Math.abs(gapMs) <= DRIFT_MAX_MS) return;
    if (gapMs > 0 && gapMs <= GAP_MAX_MS) {
      this.push(this.#startMs + this.#filled / SAMPLES_PER_MS, new Float32Array(Math.round(gapMs) * SAMPLES_PER_MS));
    } else {
      this.#filled = 0;
      this.#startMs = Math.max(this.#startMs, Math.round(mediaMs));
    }
  }

  #encode() {
    const startMs = this.#startMs ?? 0;
    const encoder = this.#open();
    const timestamp = startMs * 1000;
    const sound = { format: /** @type {const} */ ("f32"), sampleRate: 48_000, numberOfChannels: 1, timestamp };
    const data = new AudioData({ ...sound, numberOfFrames: this.#pending.length, data: this.#pending });
    this.#waiting.push(startMs);
    encoder.encode(data);
    data.close();
    this.#filled = 0;
    this.#startMs = startMs + this.#frameMs;
    this.#change();
  }

  #open() {
    if (this.#encoder && this.#encoder.state !== "closed") return this.#encoder;
    /** @type {number[]} */
    const waiting = [];
    const durationMs = this.#frameMs;
    const encoder = new AudioEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        const mediaMs = waiting.shift();
        if (mediaMs !== undefined) this.#onPacket(Object.freeze({ mediaMs, durationMs, data }));
      },
      error: () => {
        if (this.#encoder === encoder) this.#encoder = null;
      },
    });
    encoder.configure(voiceConfig(this.#bps, durationMs));
    this.#encoder = encoder;
    this.#waiting = waiting;
    return encoder;
  }
}

/**
 * What an AudioEncoder is asked for.
 * @param {number} bps
 * @param {number} frameMs
 * @returns {AudioEncoderConfig}
 */
export function voiceConfig(bps, frameMs) {
  const opus = { frameDuration: frameMs * 1000, application: "voip", signal: "voice", usedtx: true, complexity: 10 };
  // The members of `opus` are not all in TypeScript's types yet.
  return /** @type {any} */ ({ codec: "opus", sampleRate: 48_000, numberOfChannels: 1, bitrate: bps, opus });
}
