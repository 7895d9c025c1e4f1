/**
 * CRC-32 as zlib and PNG compute it (ISO-HDLC: reflected polynomial 0xEDB88320).
 *
 * Must not import anything. Invariant: the result is an unsigned 32-bit number; `>>> 0` takes the sign off that
 * JavaScript's `^` gives.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder & 1 ? 0xedb88320 : 0) ^ (remainder >>> 1);
  return remainder >>> 0;
});

/** @param {Uint8Array} data */
export function crc32(data) {
  let remainder = 0xffffffff;
  for (const byte of data) remainder = TABLE[(remainder ^ byte) & 255] ^ (remainder >>> 8);
  return (remainder ^ 0xffffffff) >>> 0;
}
