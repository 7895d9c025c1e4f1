/**
 * The microphone's side of a voice: mono blocks of BLOCK samples go out through a port, while it is not muted.
 *
 * Runs in an AudioWorklet, so it imports nothing. Invariant: muted, nothing of the microphone leaves it.
 */

/** 20 ms at 48 kHz. */
const BLOCK = 960;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.muted = false;
    /** @type {MessagePort | null} */
    this.out = null;
    this.port.onmessage = ({ data }) => {
      if (data.port) this.out = data.port;
      if (data.muted !== undefined) this.muted = data.muted;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (this.muted || !channels.length) {
      this.filled = 0;
      return true;
    }
    for (let i = 0; i < channels[0].length; i += 1) {
      this.block[this.filled] = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
      this.filled += 1;
      if (this.filled === BLOCK) this.send();
    }
    return true;
  }

  send() {
    this.out?.postMessage(this.block, [this.block.buffer]);
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }
}

registerProcessor("facewire-microphone", Microphone);
