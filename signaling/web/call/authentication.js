/**
 * The short authentication string: eight digits that two people read to each other to know that nobody sits between them
 * (shared/short_authentication.py, PROTOCOL.md section 8).
 *
 *     both: commitment = SHA-256(own DTLS fingerprint, own nonce) ---> then, once the other's is here, the nonce itself
 *     digits = SHA-256(both fingerprints, both nonces) mod 10^8
 *
 * Must not import transports; the nonce is handed in, and must be fresh and random for each connection. Invariant: digits exist
 * only after the peer opened the commitment that it made before it saw this end's nonce.
 */

import { RemoteError } from "../codec/errors.js";

/** @import { AuthCommit, AuthReveal } from "../codec/control.js" */

/**
 * SHA-256 of the DTLS certificates that both ends of one connection really used, 32 bytes each (page/fingerprints.js).
 * @typedef {Readonly<{local: Uint8Array, remote: Uint8Array}>} Fingerprints
 */

export const NONCE_BYTES = 32;
const FINGERPRINT_BYTES = 32;
const COMMIT = new TextEncoder().encode("facewire authentication 1: commitment");
const DIGITS = new TextEncoder().encode("facewire authentication 1: digits");
const COUNT = 8;

/** Fingerprint and nonce of one end. @typedef {readonly [Uint8Array, Uint8Array]} End */

/** The peer's nonce is not the one it committed itself to, or came out of order: the connection must end. */
export class AuthenticationFailed extends RemoteError {}

/**
 * What an end says before it shows its nonce: 32 bytes.
 * @param {Uint8Array} fingerprint Of the same end, so that nobody can echo it.
 * @param {Uint8Array} nonce
 */
export async function commitment(fingerprint, nonce) {
  return sha256(COMMIT, fingerprint, nonce);
}

/**
 * Eight digits as "1234 5678" from [fingerprint, nonce] of both ends, in either order.
 * @param {readonly [Uint8Array, Uint8Array]} one
 * @param {readonly [Uint8Array, Uint8Array]} other
 */
export async function digits(one, other) {
  const ends = [one, other].map(([fingerprint, nonce]) => hexOf(fingerprint) + hexOf(nonce)).sort();
  const hash = await sha256(DIGITS, ...ends.map(bytesOf));
  const value = hash.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0); // below 2^48: exact
  const text = String(value % 10 ** COUNT).padStart(COUNT, "0");
  return `${text.slice(0, COUNT / 2)} ${text.slice(COUNT / 2)}`;
}

/** One end of the exchange, for one connection: send `commit` first, answer the peer's commitment, then take its nonce. */
export class ShortAuthentication {
  #fingerprints;
  #nonce;
  /** @type {string | null} */
  #theirs = null;
  #finished = false;
  /** @type {readonly [End, End] | null} This end and the peer, null until the exchange is complete. */
  ends = null;
  /** @type {AuthCommit} The first message of this end. */
  commit;

  /**
   * Hashing takes a moment in a browser, so an exchange is begun with its commitment made.
   * @param {Fingerprints} fingerprints
   * @param {Uint8Array} nonce 32 fresh random bytes.
   * @throws {RangeError} Other lengths.
   */
  static async begin(fingerprints, nonce) {
    if (nonce.length !== NONCE_BYTES || fingerprints.local.length !== FINGERPRINT_BYTES) {
      throw new RangeError(`nonces and fingerprints have ${NONCE_BYTES} bytes`);
    }
    return new ShortAuthentication(fingerprints, nonce, hexOf(await commitment(fingerprints.local, nonce)));
  }

  /** @param {Fingerprints} fingerprints @param {Uint8Array} nonce @param {string} own The commitment: see `begin`. */
  constructor(fingerprints, nonce, own) {
    this.#fingerprints = fingerprints;
    this.#nonce = nonce;
    this.commit = Object.freeze({ kind: "auth_commit", commitment: own });
  }

  /**
   * The peer is bound now; gives what to answer.
   * @param {AuthCommit} message
   * @returns {AuthReveal}
   * @throws {AuthenticationFailed}
   */
  takeCommitment(message) {
    if (this.#theirs !== null) throw new AuthenticationFailed("the peer committed itself twice");
    this.#theirs = message.commitment;
    return { kind: "auth_reveal", nonce: hexOf(this.#nonce) };
  }

  /**
   * The peer's nonce; gives the digits that both people must see alike.
   * @param {AuthReveal} message
   * @returns {Promise<string>}
   * @throws {AuthenticationFailed}
   */
  async takeNonce(message) {
    if (this.#theirs === null || this.#finished) {
      throw new AuthenticationFailed("the peer showed its nonce out of order");
    }
    this.#finished = true;
    const { local, remote } = this.#fingerprints;
    const nonce = bytesOf(message.nonce);
    if (hexOf(await commitment(remote, nonce)) !== this.#theirs) {
      throw new AuthenticationFailed("the peer's nonce is not the one it committed itself to");
    }
    this.ends = [[local, this.#nonce], [remote, nonce]];
    return digits(...this.ends);
  }
}

/** @param {...Uint8Array} parts */
export async function sha256(...parts) {
  const whole = await new Blob(/** @type {BlobPart[]} */ (parts)).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

/** @param {Uint8Array} bytes */
export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
