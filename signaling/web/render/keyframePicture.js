/**
 * Decodes a keyframe's picture: AV1 bytes of a peer to RGB, through WebCodecs (shared/keyframe_image.py).
 *
 * Must not import networks. Invariant: no decoder sees bytes whose own header was not read first; the outcome is one
 * picture of the claimed size or MalformedMessage, whatever the bytes are, within DECODE_TIMEOUT_MS.
 */

import { KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX } from "../call/limits.js";
import { MalformedMessage } from "../codec/errors.js";
import { av1CodecString, parseSequenceHeader } from "./av1Header.js";
import { rgbFromYuv } from "./yuv.js";

/** @import { SequenceHeader } from "./av1Header.js" */

/** A picture of this size takes a decoder milliseconds; one that hangs is given up. */
const DECODE_TIMEOUT_MS = 3000;

/**
 * RGB of one AV1 temporal unit.
 * @param {Uint8Array} data
 * @param {number} widthPx What the keyframe's message claims.
 * @param {number} heightPx
 * @returns {Promise<Uint8ClampedArray>} widthPx * heightPx * 3.
 * @throws {MalformedMessage} Claim, sequence header and decoded picture do not agree, or the decoder refuses.
 */
export async function decodeKeyframePicture(data, widthPx, heightPx) {
  const header = checkedHeader(data, widthPx, heightPx);
  const frame = await decodeOne(data, header);
  try {
    const size = frame.visibleRect;
    if (size?.width !== widthPx || size.height !== heightPx) {
      throw new MalformedMessage("keyframe picture decodes to another size than it claims");
    }
    return await rgbOfFrame(frame, widthPx, heightPx, header);
  } finally {
    frame.close();
  }
}

/** @param {Uint8Array} data @param {number} widthPx @param {number} heightPx @returns {SequenceHeader} */
function checkedHeader(data, widthPx, heightPx) {
  if (data.length > KEYFRAME_MAX_BYTES) throw new MalformedMessage(`keyframe picture of ${data.length} bytes`);
  if ([widthPx, heightPx].some((side) => !(side > 0 && side <= KEYFRAME_MAX_SIDE_PX) || side % 2)) {
    throw new MalformedMessage(`keyframe claims ${widthPx}x${heightPx} px; sides are even and at most ${KEYFRAME_MAX_SIDE_PX}`);
  }
  const header = parseSequenceHeader(data);
  if (header.widthPx !== widthPx || header.heightPx !== heightPx) {
    throw new MalformedMessage(`keyframe claims ${widthPx}x${heightPx} px, its picture something else`);
  }
  if (header.bitDepth !== 8 || header.mono) throw new MalformedMessage("keyframe picture must be 8-bit 4:2:0");
  return header;
}

/** @param {Uint8Array} data @param {SequenceHeader} header @returns {Promise<VideoFrame>} */
function decodeOne(data, header) {
  return new Promise((resolve, reject) => {
    /** @type {VideoFrame[]} */
    const frames = [];
    const refuse = (/** @type {string} */ why) => {
      clearTimeout(timer);
      frames.splice(0).forEach((frame) => frame.close());
      if (decoder.state !== "closed") decoder.close();
      reject(new MalformedMessage(`keyframe picture cannot be decoded: ${why}`));
    };
    const timer = setTimeout(() => refuse("it took too long"), DECODE_TIMEOUT_MS);
    const decoder = new VideoDecoder({
      output: (frame) => (frames.length < 2 ? frames.push(frame) : frame.close()),
      error: () => refuse("the decoder refused it"),
    });
    decoder.configure({ codec: av1CodecString(header), codedWidth: header.widthPx, codedHeight: header.heightPx });
    decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data }));
    decoder.flush().then(
      () => {
        if (frames.length !== 1) return refuse(`${frames.length} pictures instead of one`);
        clearTimeout(timer);
        decoder.close();
        return resolve(frames[0]);
      },
      () => refuse("the decoder refused it"),
    );
  });
}

/**
 * RGB of a decoded picture.
 * @param {VideoFrame} frame
 * @param {number} width Even.
 * @param {number} height Even.
 * @param {SequenceHeader} header
 */
export async function rgbOfFrame(frame, width, height, header) {
  return rgbFromYuv(await planesOf(frame, width, height), width, height, header.matrix, header.fullRange);
}

/**
 * Programs decode to three planes, many graphics cards to two: whose decoder it is, is this end's affair and not the peer's.
 * @param {VideoFrame} frame
 * @param {number} width
 * @param {number} height
 * @throws {Error} A format that this page cannot read.
 */
async function planesOf(frame, width, height) {
  const pixels = width * height;
  const [luma, quarter] = [{ offset: 0, stride: width }, pixels / 4];
  const bytes = new Uint8Array(pixels * 1.5);
  const y = bytes.subarray(0, pixels);
  if (frame.format === "I420") {
    const [u, v] = [pixels, pixels + quarter].map((offset) => ({ offset, stride: width / 2 }));
    await frame.copyTo(bytes, { layout: [luma, u, v] });
    return { y, u: bytes.subarray(pixels, pixels + quarter), v: bytes.subarray(pixels + quarter) };
  }
  if (frame.format !== "NV12") throw new Error(`this browser decodes pictures to ${frame.format ?? "a format without a name"}`);
  await frame.copyTo(bytes, { layout: [luma, { offset: pixels, stride: width }] });
  const pairs = bytes.subarray(pixels);
  const plane = (/** @type {number} */ first) => Uint8Array.from({ length: quarter }, (_, i) => pairs[2 * i + first]);
  return { y, u: plane(0), v: plane(1) };
}
