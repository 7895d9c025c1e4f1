/**
 * The DTLS fingerprints of an open connection, for the security number (call/authentication.js).
 *
 * Must not touch the page. Invariant: the other end's is of the certificate that the handshake really used; where a
 * browser does not show that one, its description counts only if it leaves no choice. No fingerprint is better than a
 * false one.
 */

/** @import { Fingerprints } from "../call/authentication.js" */

const SHA256 = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i;

/**
 * Both ends' fingerprints; null where they cannot be known for sure.
 * @param {RTCPeerConnection} connection
 * @returns {Promise<Fingerprints | null>}
 */
export async function fingerprintsOf(connection) {
  const local = describedFingerprint(connection.localDescription?.sdp ?? "");
  const remote = (await usedFingerprint(connection)) ?? describedFingerprint(connection.remoteDescription?.sdp ?? "");
  return local === null || remote === null ? null : Object.freeze({ local, remote });
}

/**
 * The fingerprint of a description in which every `a=fingerprint` says the same in SHA-256; else null: a browser may have
 * checked the certificate against any of several.
 * @param {string} sdp
 * @returns {Uint8Array | null} 32 bytes.
 */
export function describedFingerprint(sdp) {
  const [only, ...others] = namedIn(sdp);
  const found = others.length ? null : SHA256.exec(only ?? "");
  return found && Uint8Array.from(found[1].split(":"), (byte) => Number.parseInt(byte, 16));
}

/**
 * Whether two descriptions name the same certificates: what people compared holds for the second too.
 * @param {string} one
 * @param {string} other
 */
export function sameCertificates(one, other) {
  const [named, alsoNamed] = [one, other].map((sdp) => [...namedIn(sdp)].sort().join());
  return named === alsoNamed;
}

/** @param {string} sdp @returns {Set<string>} What stands after each `a=fingerprint:`. */
function namedIn(sdp) {
  const lines = sdp.split(/\r?\n/).filter((line) => /^a=fingerprint:/i.test(line));
  return new Set(lines.map((line) => line.slice(line.indexOf(":") + 1).trim().toLowerCase()));
}

/** @param {RTCPeerConnection} connection @returns {Promise<Uint8Array | null>} */
async function usedFingerprint(connection) {
  const transport = connection.sctp?.transport;
  // Not in every browser.
  const [certificate] = transport && "getRemoteCertificates" in transport ? transport.getRemoteCertificates() : [];
  return certificate === undefined ? null : new Uint8Array(await crypto.subtle.digest("SHA-256", certificate));
}
