/**
 * Log-mel columns of the decoded voice: what the audio mouth branch hears (shared/log_mel.py).
 *
 * Must not import anything. 16 kHz mono, windows of 25 ms every 10 ms (Hann), 512-point FFT, 40 triangular mel bands
 * from 60 to 7600 Hz, natural logarithm, shifted and scaled to about -1..1. Invariant: agrees with numpy to 1e-4.
 */

export const RATE_HZ = 16_000;
export const HOP = 160;
export const WINDOW = 400;
export const MELS = 40;
const FFT = 512;
const LOW_HZ = 60;
const HIGH_HZ = 7600;
const FLOOR = 1e-6;
const OFFSET = 7;
const SCALE = 1 / 7;
/** What every band of a silent window holds. */
export const SILENCE = (Math.log(FLOOR) + OFFSET) * SCALE;

const HANN = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
const FILTERS = filters();
const [COS, SIN] = [Math.cos, Math.sin].map((wave) =>
  Float64Array.from({ length: FFT / 2 }, (_, i) => wave((-2 * Math.PI * i) / FFT)),
);

/**
 * Columns of `pcm` (-1..1 at 16 kHz), each of 40 bands: 1 + (length - 400) / 160 of them, rounded down.
 * @param {Float32Array} pcm
 */
export function logMel(pcm) {
  const count = Math.max(0, 1 + Math.floor((pcm.length - WINDOW) / HOP));
  return Array.from({ length: count }, (_, column) => columnOf(pcm.subarray(column * HOP, column * HOP + WINDOW)));
}

/**
 * 48 kHz as 16 kHz: the mean of three samples (the voice was coded at 8 kHz bandwidth or less).
 * @param {Float32Array} pcm
 */
export function downTo16k(pcm) {
  return Float32Array.from({ length: Math.floor(pcm.length / 3) }, (_, i) => (pcm[3 * i] + pcm[3 * i + 1] + pcm[3 * i + 2]) / 3);
}

/** @param {Float32Array} window */
function columnOf(window) {
  const real = new Float64Array(FFT);
  for (let i = 0; i < WINDOW; i += 1) real[i] = window[i] * HANN[i];
  const imaginary = new Float64Array(FFT);
  transform(real, imaginary);
  const column = new Float32Array(MELS);
  FILTERS.forEach(({ start, weights }, band) => {
    let power = FLOOR;
    for (let i = 0; i < weights.length; i += 1) {
      power += weights[i] * (real[start + i] ** 2 + imaginary[start + i] ** 2);
    }
    column[band] = (Math.log(power) + OFFSET) * SCALE;
  });
  return column;
}

/**
 * Fast Fourier transform in place, radix 2 (Cooley and Tukey 1965).
 * @param {Float64Array} real
 * @param {Float64Array} imaginary
 */
function transform(real, imaginary) {
  for (let i = 1, j = 0; i < FFT; i += 1) {
    let bit = FFT >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j]] = [real[j], real[i]];
  }
  for (let size = 2; size <= FFT; size *= 2) {
    const [half, step] = [size / 2, FFT / size];
    for (let start = 0; start < FFT; start += size) {
      for (let i = 0; i < half; i += 1) {
        const [one, other] = [start + i, start + i + half];
        const re = real[other] * COS[i * step] - imaginary[other] * SIN[i * step];
        const im = real[other] * SIN[i * step] + imaginary[other] * COS[i * step];
        [real[other], imaginary[other]] = [real[one] - re, imaginary[one] - im];
        [real[one], imaginary[one]] = [real[one] + re, imaginary[one] + im];
      }
    }
  }
}

/** Triangular filters, each as a run of weights on the 257 bins. */
function filters() {
  const [low, high] = [mel(LOW_HZ), mel(HIGH_HZ)];
  const edges = Array.from({ length: MELS + 2 }, (_, i) => hertz(low + ((high - low) * i) / (MELS + 1)));
  return Array.from({ length: MELS }, (_, band) => {
    const [from, peak, to] = edges.slice(band, band + 3);
    const start = Math.ceil((from * FFT) / RATE_HZ);
    const end = Math.floor((to * FFT) / RATE_HZ);
    const weights = Float32Array.from({ length: Math.max(0, end - start + 1) }, (_unused, i) => {
      const frequency = ((start + i) * RATE_HZ) / FFT;
      return Math.max(0, Math.min((frequency - from) / (peak - from), (to - frequency) / (to - peak)));
    });
    return { start, weights };
  });
}

/** @param {number} frequency */
function mel(frequency) {
  return 2595 * Math.log10(1 + frequency / 700);
}

/** @param {number} value */
function hertz(value) {
  return 700 * (10 ** (value / 2595) - 1);
}
