/**
 * What an Opus packet claims to last, from its first bytes (RFC 6716, sections 3.1 and 3.2.5; shared/opus.py).
 *
 * Must import errors and limits only. Invariant: a packet that passes lasts 20 to 120 ms.
 */

import { VOICE_PACKET_MAX_BYTES } from "../call/limits.js";
import { MalformedMessage } from "../codec/errors.js";

const DURATIONS_MS = [20, 40, 60, 80, 100, 120];

/**
 * Milliseconds.
 * @param {Uint8Array} packet
 * @throws {MalformedMessage} Empty, cut, too long, or of another duration.
 */
export function packetDurationMs(packet) {
  if (packet.length < 1 || packet.length > VOICE_PACKET_MAX_BYTES) {
    throw new MalformedMessage(`Opus packet of ${packet.length} bytes; 1 to ${VOICE_PACKET_MAX_BYTES} are allowed`);
  }
  const durationMs = (frameCount(packet) * frameUs(packet[0] >> 3)) / 1000;
  if (DURATIONS_MS.includes(durationMs)) return durationMs;
  throw new MalformedMessage(`Opus packet of ${durationMs} ms`);
}

/** @param {number} config Table 2 of RFC 6716: SILK, hybrid, CELT. */
function frameUs(config) {
  if (config < 12) return [10_000, 20_000, 40_000, 60_000][config & 3];
  if (config < 16) return [10_000, 20_000][config & 1];
  return [2_500, 5_000, 10_000, 20_000][config & 3];
}

/** @param {Uint8Array} packet */
function frameCount(packet) {
  const code = packet[0] & 3;
  if (code < 3) return code === 0 ? 1 : 2;
  if (packet.length < 2) throw new MalformedMessage("Opus packet of code 3 without its frame count");
  return packet[1] & 0x3f;
}
