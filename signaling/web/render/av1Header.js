/**
 * Reads the size and pixel format of a keyframe's AV1 picture before any decoder sees its bytes
 * (shared/av1_header.py).
 *
 * Must import errors only. Invariant: what passes is exactly one sequence header and one frame (with an optional
 * temporal delimiter before them), so the size read here is the largest a decoder can be made to allocate; everything
 * else raises MalformedMessage. Source: AV1 Bitstream & Decoding Process Specification, sections 4.10.5, 5.3, 5.5.
 */

import { MalformedMessage } from "../codec/errors.js";

const LEB128_MAX_BYTES = 8;
const SEQUENCE_HEADER = 1;
const TEMPORAL_DELIMITER = 2;
const FRAME = 6;
const OBU_TYPES = [SEQUENCE_HEADER, TEMPORAL_DELIMITER, FRAME];

/**
 * What the sequence header says about every picture that follows it. widthPx, heightPx: 1..65536. bitDepth: 8 or 10.
 * mono: no chroma, else 4:2:0. matrix: matrix coefficients (ITU-T H.273; 2 is unspecified). fullRange: luma spans
 * 0..255 rather than 16..235. level, tier: as in a codec string.
 * @typedef {Readonly<{widthPx: number, heightPx: number, bitDepth: number, mono: boolean, matrix: number,
 *   fullRange: boolean, level: number, tier: number}>} SequenceHeader
 */

/** Bits of a byte string, most significant first (section 4.10.2). */
class Bits {
  #data;
  #at = 0;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.#data = data;
  }

  /** @param {number} count At most 31. */
  read(count) {
    let value = 0;
    for (let i = 0; i < count; i += 1, this.#at += 1) {
      const byte = this.#data[this.#at >> 3];
      if (byte === undefined) throw new MalformedMessage("AV1 sequence header is cut short");
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }

  flag() {
    return this.read(1) === 1;
  }
}

/**
 * The one sequence header of a keyframe's temporal unit.
 * @param {Uint8Array} data
 * @returns {SequenceHeader}
 * @throws {MalformedMessage} It is anything else.
 */
export function parseSequenceHeader(data) {
  const obus = splitObus(data);
  if (obus[0]?.type === TEMPORAL_DELIMITER) obus.shift();
  if (obus.length !== 2 || obus[0].type !== SEQUENCE_HEADER || obus[1].type !== FRAME) {
    throw new MalformedMessage("AV1 keyframe must be one sequence header and one frame");
  }
  return sequenceHeader(new Bits(obus[0].payload));
}

/**
 * Nothing but one frame, which keeps to the sequence header before it.
 * @param {Uint8Array} data
 * @throws {MalformedMessage} It is anything else.
 */
export function checkInterFrame(data) {
  const obus = splitObus(data);
  if (obus[0]?.type === TEMPORAL_DELIMITER) obus.shift();
  if (obus.length !== 1 || obus[0].type !== FRAME) {
    throw new MalformedMessage("AV1 picture between keyframes must be one frame");
  }
}

/**
 * The temporal unit without its two-byte delimiter, which a single picture does not need.
 * @param {Uint8Array} data
 */
export function stripTemporalDelimiter(data) {
  return data[0] === 0x12 && data[1] === 0 ? data.subarray(2) : data;
}

/**
 * The codec string of WebCodecs for pictures under this header.
 * @param {SequenceHeader} header
 */
export function av1CodecString({ level, tier, bitDepth }) {
  return `av01.0.${String(level).padStart(2, "0")}${tier ? "H" : "M"}.${String(bitDepth).padStart(2, "0")}`;
}

/**
 * open_bitstream_unit(), section 5.3.1; at most three are of interest, so a flood of tiny ones ends early.
 * @param {Uint8Array} data
 */
function splitObus(data) {
  const obus = [];
  for (let at = 0; at < data.length; ) {
    const header = data[at];
    if (header & 0x84 || !(header & 2)) throw new MalformedMessage("AV1 keyframe needs plain OBUs that carry their size");
    const type = (header >> 3) & 15;
    const { value: sizeBytes, end: start } = leb128(data, at + 1);
    at = start + sizeBytes;
    if (at > data.length || obus.length === 3) {
      throw new MalformedMessage("AV1 OBU reaches past the keyframe's end, or there are too many");
    }
    if (!OBU_TYPES.includes(type)) throw new MalformedMessage(`AV1 OBU type ${type} has no place in a keyframe`);
    obus.push({ type, payload: data.subarray(start, at) });
  }
  return obus;
}

/**
 * leb128(), section 4.10.5: the value and the place after it.
 * @param {Uint8Array} data
 * @param {number} start
 */
function leb128(data, start) {
  let value = 0;
  for (let i = 0; i < LEB128_MAX_BYTES && start + i < data.length; i += 1) {
    const byte = data[start + i];
    value += (byte & 0x7f) * 128 ** i;
    if (!(byte & 0x80)) return { value, end: start + i + 1 };
  }
  throw new MalformedMessage("AV1 OBU size is cut short or too long");
}

/**
 * sequence_header_obu(), section 5.5.1.
 * @param {Bits} bits
 * @returns {SequenceHeader}
 */
function sequenceHeader(bits) {
  if (bits.read(3) !== 0) throw new MalformedMessage("AV1 keyframe must be of profile 0");
  const stillPicture = bits.flag();
  const reduced = bits.flag();
  if (reduced && !stillPicture) throw new MalformedMessage("AV1 reduced header without still picture");
  const { level, tier } = reduced ? { level: bits.read(5), tier: 0 } : operatingPoint(bits);
  const widthBits = bits.read(4) + 1;
  const heightBits = bits.read(4) + 1;
  const widthPx = bits.read(widthBits) + 1;
  const heightPx = bits.read(heightBits) + 1;
  if (!reduced && bits.flag()) bits.read(7); // frame ids: two lengths
  bits.read(3); // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
  if (!reduced) skipInterTools(bits);
  bits.read(3); // enable_superres, enable_cdef, enable_restoration
  return Object.freeze({ widthPx, heightPx, level, tier, ...colorConfig(bits) });
}

/**
 * The middle of section 5.5.1, for one operating point and no timing: a single picture has no use for more.
 * @param {Bits} bits
 */
function operatingPoint(bits) {
  if (bits.flag()) throw new MalformedMessage("AV1 keyframe must not carry timing");
  const displayDelay = bits.flag();
  if (bits.read(5) !== 0) throw new MalformedMessage("AV1 keyframe must have one operating point");
  bits.read(12); // operating_point_idc[0]
  const level = bits.read(5);
  const tier = level > 7 ? bits.read(1) : 0;
  if (displayDelay && bits.flag()) bits.read(4); // initial_display_delay_minus_1[0]
  return { level, tier };
}

/**
 * Tools for further frames, which a keyframe does not have; read only to get past them (section 5.5.1).
 * @param {Bits} bits
 */
function skipInterTools(bits) {
  bits.read(4); // interintra, masked compound, warped motion, dual filter
  const orderHint = bits.flag();
  if (orderHint) bits.read(2); // enable_jnt_comp, enable_ref_frame_mvs
  const screenContent = bits.flag() || bits.flag(); // seq_choose_screen_content_tools, seq_force_screen_content_tools
  if (screenContent && !bits.flag()) bits.read(1); // seq_choose_integer_mv, seq_force_integer_mv
  if (orderHint) bits.read(3); // order_hint_bits_minus_1
}

/**
 * color_config(), section 5.5.2, for profile 0.
 * @param {Bits} bits
 */
function colorConfig(bits) {
  const bitDepth = bits.flag() ? 10 : 8;
  const mono = bits.flag();
  const [primaries, transfer, matrix] = bits.flag() ? [bits.read(8), bits.read(8), bits.read(8)] : [2, 2, 2];
  if (primaries === 1 && transfer === 13 && matrix === 0) {
    throw new MalformedMessage("AV1 keyframe of profile 0 cannot be RGB");
  }
  const fullRange = bits.flag();
  if (!mono) bits.read(3); // chroma_sample_position, separate_uv_delta_q
  bits.read(1); // film_grain_params_present
  return { bitDepth, mono, matrix, fullRange };
}
