/**
 * Thumbnails and video of a peer: AV1 temporal units to RGB through WebCodecs (receiver/video_decoder.py).
 *
 *     VideoUnit -> rate -> order (a gap: give up) -> header check -> VideoDecoder -> size checked -> DecodedPicture
 *
 * Must not import networks. Invariant: no decoder sees a unit whose header was not read first, nor one whose predecessor it
 * did not decode; whatever the bytes are, the outcome is pictures or a RemoteError, after bounded work.
 */

import { VIDEO_RATE_BURST, VIDEO_RATE_PER_S } from "../call/limits.js";
import { TokenBucket } from "../call/tokenBucket.js";
import { MalformedMessage, UnknownReference } from "../codec/errors.js";
import { av1CodecString, checkInterFrame, parseSequenceHeader } from "./av1Header.js";
import { rgbOfFrame } from "./keyframePicture.js";
import { UnitOrder } from "./unitOrder.js";

/** @import { VideoUnit } from "../codec/frames.js" */
/** @import { SequenceHeader } from "./av1Header.js" */
/** @import { DecodedPicture } from "./pictureShelf.js" */

/** The renderer shares the decoder's thread, so a picture may well come late; one that hangs is given up. */
const DECODE_TIMEOUT_MS = 3000;

/** One kind of one connection. One `decode` at a time. */
export class UnitDecoder {
  #order = new UnitOrder();
  #rate = new TokenBucket(VIDEO_RATE_PER_S, VIDEO_RATE_BURST);
  /** @type {VideoDecoder | null} */
  #codec = null;
  /** @type {SequenceHeader | null} */
  #header = null;
  /** Who waits for the next picture. */
  #decoded = (/** @type {VideoFrame} */ frame) => frame.close();
  #refused = () => {};

  /**
   * The pictures that this unit makes possible, in order.
   * @param {VideoUnit} unit
   * @param {number} nowUs
   * @returns {Promise<readonly DecodedPicture[]>}
   * @throws {UnknownReference} A unit before it is missing for good, or there are more than a call needs.
   * @throws {MalformedMessage} No picture of the claimed size. After both nothing comes until a unit stands alone.
   */
  async decode(unit, nowUs) {
    try {
      if (!this.#rate.take(nowUs)) throw new UnknownReference(`more than ${VIDEO_RATE_PER_S} coded pictures a second`);
      const pictures = [];
      for (const ready of this.#order.take(unit)) pictures.push(await this.#picture(ready));
      if (this.#order.broken) throw new UnknownReference("a coded picture before this one is missing");
      return pictures;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Free the decoder; the next unit must stand alone. */
  close() {
    this.#order.giveUp();
    this.#release();
  }

  #release() {
    if (this.#codec !== null && this.#codec.state !== "closed") this.#codec.close();
    this.#codec = null;
  }

  /** @param {VideoUnit} unit @returns {Promise<DecodedPicture>} */
  async #picture(unit) {
    const { mediaMs, sidePx } = unit;
    this.#check(unit);
    const frame = await this.#frame(unit);
    try {
      const size = frame.visibleRect;
      if (this.#header === null || size?.width !== sidePx || size.height !== sidePx) {
        throw new MalformedMessage("coded picture decodes to another size than it claims");
      }
      return Object.freeze({ mediaMs, sidePx, rgb: await rgbOfFrame(frame, sidePx, sidePx, this.#header) });
    } finally {
      frame.close();
    }
  }

  /** Before any decoder sees the bytes. @param {VideoUnit} unit */
  #check({ data, sidePx, intra }) {
    if (!intra) {
      checkInterFrame(data);
      return;
    }
    const header = parseSequenceHeader(data);
    if (header.widthPx !== sidePx || header.heightPx !== sidePx) {
      throw new MalformedMessage(`coded picture claims ${sidePx} px, its header another size`);
    }
    if (header.bitDepth !== 8 || header.mono) throw new MalformedMessage("coded picture must be 8-bit 4:2:0");
    this.#header = header;
    this.#open(header);
  }

  /** @param {SequenceHeader} header */
  #open(header) {
    this.#release();
    const codec = new VideoDecoder({ output: (frame) => this.#decoded(frame), error: () => this.#refused() });
    const size = { codedWidth: header.widthPx, codedHeight: header.heightPx };
    codec.configure({ codec: av1CodecString(header), ...size, optimizeForLatency: true });
    this.#codec = codec;
  }

  /** @param {VideoUnit} unit @returns {Promise<VideoFrame>} */
  #frame({ data, intra, mediaMs }) {
    return new Promise((resolve, reject) => {
      const refuse = (/** @type {string} */ why) => {
        settled();
        reject(new MalformedMessage(`coded picture cannot be decoded: ${why}`));
      };
      const timer = setTimeout(() => refuse("it took too long"), DECODE_TIMEOUT_MS);
      const settled = () => {
        clearTimeout(timer);
        this.#decoded = (frame) => frame.close();
        this.#refused = () => {};
      };
      this.#decoded = (frame) => {
        settled();
        resolve(frame);
      };
      this.#refused = () => refuse("the decoder refused it");
      if (this.#codec === null || this.#codec.state === "closed") return refuse("the one that it starts from is missing");
      const type = intra ? /** @type {const} */ ("key") : /** @type {const} */ ("delta");
      return this.#codec.decode(new EncodedVideoChunk({ type, timestamp: mediaMs * 1000, data }));
    });
  }
}
