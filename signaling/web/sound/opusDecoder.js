/**
 * Opus packets of a peer to sound, through WebCodecs.
 *
 * Must not import state machines. Invariant: bytes of a peer give bounded sound or count as broken; a decoder that
 * failed is replaced, and a browser without one is silent. Sound comes some milliseconds after the packet.
 */

import { RemoteError } from "../codec/errors.js";
import { packetDurationMs } from "./opusPacket.js";

/** @import { VoicePacket } from "../codec/frames.js" */

/** Packets that may wait for the decoder; it is thousands of times faster than real time. */
const WAITING_MAX = 64;

/** One voice. */
export class OpusDecoder {
  #onSound;
  /** @type {number[]} Media times of packets in the decoder; sound comes in the same order. */
  #waiting = [];
  /** @type {AudioDecoder | null} */
  #decoder = null;
  #fed = 0;
  broken = 0;

  /** @param {(mediaMs: number, pcm: Float32Array) => void} onSound Mono at 48 kHz. */
  constructor(onSound) {
    this.#onSound = onSound;
  }

  /**
   * Decode a packet; one that is broken is only counted.
   * @param {VoicePacket} packet
   */
  push(packet) {
    try {
      packetDurationMs(packet.data);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.broken += 1;
      return;
    }
    if (this.#waiting.length >= WAITING_MAX || !("AudioDecoder" in globalThis)) return;
    const decoder = this.#open();
    this.#waiting.push(packet.mediaMs);
    // Its own count as a time: a decoder may smooth times that jump, and order is all that is needed.
    this.#fed += packet.durationMs * 1000;
    decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: this.#fed, data: packet.data }));
  }

  /** Free the decoder. */
  close() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
  }

  #open() {
    if (this.#decoder && this.#decoder.state !== "closed") return this.#decoder;
    this.#waiting = [];
    const decoder = new AudioDecoder({
      output: (sound) => this.#take(sound),
      error: () => {
        this.broken += 1;
      },
    });
    decoder.configure({ codec: "opus", sampleRate: 48_000, numberOfChannels: 1 });
    this.#decoder = decoder;
    return decoder;
  }

  /** @param {AudioData} sound */
  #take(sound) {
    const mediaMs = this.#waiting.shift();
    const pcm = new Float32Array(sound.numberOfFrames);
    sound.copyTo(pcm, { planeIndex: 0, format: "f32-planar" });
    sound.close();
    if (mediaMs !== undefined) this.#onSound(mediaMs, pcm);
  }
}
