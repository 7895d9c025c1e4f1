/**
 * The sound card's side of a voice: pieces of sound come through a port, and are played one after the other.
 *
 * Runs in an AudioWorklet, so it imports nothing. Invariant: memory is QUEUE_MAX_MS of sound; when nothing is there it
 * is silent, and begins again with CUSHION_MS in hand, because timers are not exact.
 */

const SAMPLES_PER_MS = 48;
const CUSHION_MS = 40;
/** More than this has piled up because two clocks drift: the oldest goes. */
const QUEUE_MAX_MS = 240;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    /** @type {Float32Array[]} */
    this.pieces = [];
    this.at = 0;
    this.waiting = 0;
    this.running = false;
    this.port.onmessage = ({ data }) => {
      data.port.onmessage = (/** @type {MessageEvent} */ event) => this.take(event.data);
    };
  }

  /** @param {Float32Array} pcm */
  take(pcm) {
    this.pieces.push(pcm);
    this.waiting += pcm.length;
    while (this.waiting > QUEUE_MAX_MS * SAMPLES_PER_MS && this.pieces.length > 1) this.drop();
  }

  drop() {
    const piece = this.pieces.shift();
    this.waiting -= (piece?.length ?? 0) - this.at;
    this.at = 0;
  }

  /** @param {unknown} _ @param {Float32Array[][]} outputs */
  process(_, [channels]) {
    const out = channels[0];
    if (!this.running && this.waiting < CUSHION_MS * SAMPLES_PER_MS) return true;
    this.running = true;
    for (let i = 0; i < out.length; i += 1) {
      const piece = this.pieces[0];
      if (piece === undefined) {
        this.running = false;
        break;
      }
      out[i] = piece[this.at];
      this.at += 1;
      this.waiting -= 1;
      if (this.at === piece.length) {
        this.pieces.shift();
        this.at = 0;
      }
    }
    for (const channel of channels.slice(1)) channel.set(out);
    return true;
  }
}

registerProcessor("facewire-player", Player);
