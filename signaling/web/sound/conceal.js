/**
 * Sound in the place of lost voice: the last pitch period repeated, fading out.
 *
 * Must not import anything but limits. Invariant: as many samples as asked for, never louder than what was heard last;
 * silence after VOICE_CONCEAL_MS + VOICE_FADE_MS. Sound is mono at 48 kHz, -1..1. (WebCodecs' Opus decoder has no
 * concealment of its own; this is the waveform substitution of Goodman et al. 1986.)
 */

import { VOICE_CONCEAL_MS, VOICE_FADE_MS } from "../call/limits.js";

export const SAMPLES_PER_MS = 48;
const PERIOD_MIN = 2.5 * SAMPLES_PER_MS;
const PERIOD_MAX = 16 * SAMPLES_PER_MS;
/** Samples compared to find the period, and how many are skipped between two that are looked at. */
const MATCH = 8 * SAMPLES_PER_MS;
const STRIDE = 4;
const KEPT = PERIOD_MAX + MATCH;
/** Concealment and the voice that follows are blended over this long. */
const BLEND = 5 * SAMPLES_PER_MS;

/** Remembers what was heard, and goes on with it. One per voice. */
export class Concealer {
  #heard = new Float32Array(KEPT);
  #concealed = 0;
  #period = 0;

  /**
   * Voice that is played now; the beginning is blended with concealment before it.
   * @param {Float32Array} pcm Not changed.
   */
  hear(pcm) {
    const blended = this.#concealed ? this.#blend(pcm) : pcm;
    this.#concealed = 0;
    this.#keep(blended);
    return blended;
  }

  /**
   * Sound for lost voice.
   * @param {number} samples
   */
  conceal(samples) {
    if (!this.#concealed) this.#period = pitchPeriod(this.#heard);
    const pcm = this.#continued(samples);
    this.#concealed += samples;
    return pcm;
  }

  /** @param {number} samples */
  #continued(samples) {
    const pcm = new Float32Array(samples);
    const start = KEPT - this.#period;
    for (let i = 0; i < samples; i += 1) {
      const at = this.#concealed + i;
      pcm[i] = this.#heard[start + (at % this.#period)] * gain(at / SAMPLES_PER_MS);
    }
    return pcm;
  }

  /** @param {Float32Array} pcm */
  #blend(pcm) {
    const blended = pcm.slice();
    const tail = this.#continued(Math.min(BLEND, pcm.length));
    tail.forEach((value, i) => {
      const share = i / tail.length;
      blended[i] = share * pcm[i] + (1 - share) * value;
    });
    return blended;
  }

  /** @param {Float32Array} pcm */
  #keep(pcm) {
    if (pcm.length >= KEPT) {
      this.#heard = pcm.slice(pcm.length - KEPT);
      return;
    }
    this.#heard.copyWithin(0, pcm.length);
    this.#heard.set(pcm, KEPT - pcm.length);
  }
}

/** @param {number} ms Since concealment began. A repeated period sounds metallic at full level, so it decays at once. */
function gain(ms) {
  return Math.max(0, 1 - ms / (VOICE_CONCEAL_MS + VOICE_FADE_MS)) ** 2;
}

/**
 * The period, in samples, at which the end of `heard` repeats best (normalised correlation).
 * @param {Float32Array} heard
 */
function pitchPeriod(heard) {
  const from = heard.length - MATCH;
  let best = -Infinity;
  let found = PERIOD_MAX;
  for (let period = PERIOD_MIN; period <= PERIOD_MAX; period += STRIDE / 2) {
    let [product, energy] = [0, 1e-9];
    for (let i = from; i < heard.length; i += STRIDE) {
      product += heard[i] * heard[i - period];
      energy += heard[i - period] ** 2;
    }
    const score = product / Math.sqrt(energy);
    if (score > best) [best, found] = [score, period];
  }
  return found;
}
