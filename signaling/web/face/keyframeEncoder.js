/**
 * Encodes a keyframe's picture: RGB to one AV1 intra frame of at most so many bytes, through WebCodecs
 * (sender/keyframe_image.py).
 *
 * Must not import networks. Invariant: the result never exceeds the limit, and passes the checks that the receiver makes
 * before it decodes; the search ends after TRIES_MAX encodings, and some more for pictures that must be softened.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";
import { UserError } from "../codec/errors.js";
import { clamp } from "../codec/integers.js";
import { keyframeConfig } from "../page/support.js";
import { parseSequenceHeader, stripTemporalDelimiter } from "../render/av1Header.js";
import { yuvFromRgb } from "../render/yuv.js";
import { resized } from "./image.js";

const SIDE = PICTURE_SIZE_PX;
const TRIES_MAX = 6;
/**
 * WebCodecs says that AV1 quantisers are 0..63; Chromium takes base_q_idx, 0..255, and passes it on (measured: 63 gives
 * four times the bytes of a coarse picture). So the search begins there, and falls back where such a number is refused.
 */
const SCALES = [
  { most: 255, typical: 170, logSizePerStep: -0.0131 },
  { most: 63, typical: 43, logSizePerStep: -0.0524 },
];
/** A result this full is not worth another encoding; guesses aim between it and the limit. */
const FIT_SHARE = 0.92;
const AIM_SHARE = 0.96;
/** Sides through which a picture that cannot be coded so small is softened: soft beats absent. */
const SOFT_SIDES_PX = [128, 64, 16];
const BT601 = 6;

/** One encoding. @typedef {Readonly<{quantiser: number, data: Uint8Array}>} Tried */

/** One encoder; `encode` one picture at a time. */
export class KeyframeEncoder {
  /** @type {VideoEncoder | null} */
  #encoder = null;
  /** @type {((data: Uint8Array | null) => void) | null} */
  #deliver = null;
  #stamp = 0;
  #scale = SCALES[0];
  /** @type {Map<number, number>} Limit in bytes -> the quantiser that fitted the last picture: the next one looks alike. */
  #fitted = new Map();

  /**
   * One AV1 temporal unit.
   * @param {Uint8ClampedArray} rgb 256 x 256 x 3.
   * @param {number} maxBytes
   * @returns {Promise<Uint8Array>}
   * @throws {UserError} The browser's encoder failed, or codes what a receiver may not accept.
   */
  async encode(rgb, maxBytes) {
    const found = await this.#search(rgb, maxBytes, await this.#first(rgb, maxBytes));
    if (found !== null) return found;
    for (const side of SOFT_SIDES_PX) {
      const soft = resized(resized(rgb, SIDE, SIDE, side), side, side, SIDE);
      const data = await this.#encodeOnce(soft, this.#scale.most);
      if (data.length <= maxBytes) return data;
    }
    throw new UserError(`A reference of ${maxBytes} bytes cannot be made by this browser.`);
  }

  /**
   * The picture with the quantiser that fitted before, or a typical one; the first time it shows which numbers this browser takes.
   * @param {Uint8ClampedArray} rgb
   * @param {number} maxBytes
   * @returns {Promise<Tried>}
   */
  async #first(rgb, maxBytes) {
    const quantiser = this.#fitted.get(maxBytes) ?? this.#scale.typical;
    try {
      return { quantiser, data: await this.#encodeOnce(rgb, quantiser) };
    } catch (error) {
      if (!(error instanceof TypeError) || this.#scale === SCALES[1]) throw error;
      this.#scale = SCALES[1];
      return this.#first(rgb, maxBytes);
    }
  }

  /**
   * The finest quantiser that fits: guesses from the size of the last one, kept inside a bisection's bounds.
   * @param {Uint8ClampedArray} rgb
   * @param {number} maxBytes
   * @param {Tried} tried
   */
  async #search(rgb, maxBytes, tried) {
    /** @type {Tried | null} */
    let best = null;
    let [low, high] = [0, this.#scale.most];
    for (let tries = 1; ; tries += 1) {
      const { quantiser, data } = tried;
      if (data.length <= maxBytes) [best, high] = [tried, quantiser - 1];
      else low = quantiser + 1;
      if (tries >= TRIES_MAX || low > high || (best !== null && best.data.length >= FIT_SHARE * maxBytes)) break;
      const step = Math.log((AIM_SHARE * maxBytes) / data.length) / this.#scale.logSizePerStep;
      const next = clamp(Math.round(quantiser + step), low, high);
      tried = { quantiser: next, data: await this.#encodeOnce(rgb, next) };
    }
    if (best !== null) this.#fitted.set(maxBytes, best.quantiser);
    return best?.data ?? null;
  }

  /** @param {Uint8ClampedArray} rgb @param {number} quantiser @returns {Promise<Uint8Array>} */
  async #encodeOnce(rgb, quantiser) {
    const encoder = this.#open();
    const planes = yuvFromRgb(rgb, SIDE, SIDE, BT601, true);
    const colorSpace = { primaries: "bt709", transfer: "iec61966-2-1", matrix: "smpte170m", fullRange: true };
    const init = { format: "I420", codedWidth: SIDE, codedHeight: SIDE, timestamp: this.#stamp, colorSpace };
    const frame = new VideoFrame(/** @type {any} */ (planes), /** @type {any} */ (init));
    this.#stamp += 1_000_000;
    const coded = new Promise((resolve) => (this.#deliver = resolve));
    try {
      encoder.encode(frame, /** @type {any} */ ({ keyFrame: true, av1: { quantizer: quantiser } }));
    } finally {
      frame.close();
    }
    await encoder.flush();
    const data = /** @type {Uint8Array | null} */ (await coded);
    if (data === null) throw new UserError("This browser's AV1 encoder failed.");
    return checked(data);
  }

  #open() {
    if (this.#encoder !== null && this.#encoder.state === "configured") return this.#encoder;
    const encoder = new VideoEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        this.#deliver?.(stripTemporalDelimiter(data));
      },
      error: () => this.#deliver?.(null),
    });
    encoder.configure(keyframeConfig(SIDE));
    this.#encoder = encoder;
    return encoder;
  }
}

/**
 * The same bytes, if a receiver would take them for what they are.
 * @param {Uint8Array} data
 */
function checked(data) {
  const { widthPx, heightPx, bitDepth, mono, fullRange, matrix } = parseSequenceHeader(data);
  if (widthPx !== SIDE || heightPx !== SIDE || bitDepth !== 8 || mono || !fullRange || matrix !== BT601) {
    throw new UserError("This browser's AV1 encoder does not keep colours as they were given to it.");
  }
  return data;
}
