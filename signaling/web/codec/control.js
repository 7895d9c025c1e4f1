/**
 * Control messages on the reliable channel: small maps in msgpack, read with explicit caps (shared/control.py).
 *
 * Must not import state machines. Invariant: `parseControl` raises `MalformedMessage` only; unknown kinds give null
 * and unknown keys are ignored, so that later versions can add both. Texts are a peer's: show them as text, never as
 * markup.
 */

import { joinBytes } from "./byteReader.js";
import { MalformedMessage, RemoteError } from "./errors.js";
import { Rung } from "./frames.js";
import { BUNDLE_MAX_MS, BUNDLE_MIN_MS, MESSAGE_MAX_BYTES } from "./limits.js";
import { pack, packMapHead, unpack } from "./msgpack.js";

const KIND_KEY = "kind";
/** Stands in the hello of an end that binds its keyframes to the connection. */
export const FEATURE_BOUND = "bound";
/** One byte of the message is version and type. */
const PAYLOAD_MAX_BYTES = MESSAGE_MAX_BYTES - 1;

/**
 * First message of each end. protocol: PROTOCOL_VERSION. model: SHA-256 (hex, first 16 digits) of the motion model in
 * use. tables: identity of the coder's tables. features: names of optional abilities.
 * @typedef {Readonly<{kind: "hello", protocol: number, model: string, tables: string,
 *   features: readonly string[]}>} Hello
 */
/**
 * Says that the picture is rebuilt by a network. Sent before the first keyframe.
 * @typedef {Readonly<{kind: "disclosure", text: string, reconstructed: boolean}>} Disclosure
 */
/**
 * How the sender sends from now on; nothing in it is needed to decode.
 * @typedef {Readonly<{kind: "media_config", fpsX10: number, bundleMs: number, voiceFrameMs: number,
 *   rung: number}>} MediaConfig
 */
/**
 * The sender of this message wants its peer to stay on `rung`; null: choose freely again.
 * @typedef {Readonly<{kind: "pin", rung: number | null}>} Pin
 */
/**
 * First half of the short authentication string (shared/short_authentication.py). commitment: 64 hex digits.
 * @typedef {Readonly<{kind: "auth_commit", commitment: string}>} AuthCommit
 */
/**
 * Second half of the same. nonce: 64 hex digits.
 * @typedef {Readonly<{kind: "auth_reveal", nonce: string}>} AuthReveal
 */
/**
 * A keyframe belongs to this connection (shared/keyframe_binding.py). tag: 32 hex digits.
 * @typedef {Readonly<{kind: "keyframe_bound", keyframeId: number, tag: string}>} KeyframeBound
 */
/**
 * The call ends. reason: for people, at most 256 bytes.
 * @typedef {Readonly<{kind: "bye", reason: string}>} Bye
 */
/** @typedef {Hello | Disclosure | MediaConfig | Pin | AuthCommit | AuthReveal | KeyframeBound | Bye} ControlMessage */

/**
 * How one field travels: its name in the message, its name here, and what checks it.
 * @typedef {readonly [string, string, (name: string, value: unknown) => unknown]} Field
 */

/** @type {ReadonlyMap<string, readonly Field[]>} */
const KINDS = new Map([
  [
    "hello",
    [
      ["protocol", "protocol", integer(1, 15)],
      ["model", "model", text],
      ["tables", "tables", text],
      ["features", "features", texts],
    ],
  ],
  ["disclosure", [["text", "text", text], ["reconstructed", "reconstructed", boolean]]],
  [
    "media_config",
    [
      ["fps_x10", "fpsX10", integer(0, 600)],
      ["bundle_ms", "bundleMs", integer(BUNDLE_MIN_MS, BUNDLE_MAX_MS)],
      ["voice_frame_ms", "voiceFrameMs", integer(20, 120)],
      ["rung", "rung", integer(Rung.VOICE, Rung.VIDEO)],
    ],
  ],
  ["pin", [["rung", "rung", optionalRung]]],
  ["auth_commit", [["commitment", "commitment", hex(32)]]],
  ["auth_reveal", [["nonce", "nonce", hex(32)]]],
  ["keyframe_bound", [["keyframe_id", "keyframeId", integer(0, 255)], ["tag", "tag", hex(16)]]],
  ["bye", [["reason", "reason", text]]],
]);

/**
 * A control message as msgpack.
 * @param {ControlMessage} message
 * @throws {RangeError} It would not be accepted at the other end.
 */
export function packControl(message) {
  const fields = KINDS.get(message.kind) ?? [];
  const values = /** @type {Record<string, any>} */ (message);
  const members = fields.flatMap(([name, here]) => [pack(name), pack(values[here])]);
  const packed = joinBytes([packMapHead(1 + fields.length), pack(KIND_KEY), pack(message.kind), ...members]);
  try {
    parseControl(packed);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    throw new RangeError(`control message that a peer would refuse: ${error.message}`);
  }
  return packed;
}

/**
 * The control message in `payload`, null for a kind that this version does not know.
 * @param {Uint8Array} payload
 * @returns {ControlMessage | null}
 * @throws {MalformedMessage} Nothing else.
 */
export function parseControl(payload) {
  if (payload.length > PAYLOAD_MAX_BYTES) {
    throw new MalformedMessage(
      `control message of ${payload.length} bytes, at most ${PAYLOAD_MAX_BYTES} are allowed`,
    );
  }
  const content = unpack(payload);
  if (!(content instanceof Map)) throw new MalformedMessage("control message is not a map");
  const kind = content.get(KIND_KEY);
  if (typeof kind !== "string") throw new MalformedMessage("control message without a kind");
  const fields = KINDS.get(kind);
  if (fields === undefined) return null;
  const values = fields.map(([name, here, check]) => [here, check(name, content.get(name))]);
  return /** @type {ControlMessage} */ (Object.freeze({ kind, ...Object.fromEntries(values) }));
}

/** @param {number} low @param {number} high */
function integer(low, high) {
  return (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (typeof value === "number" && value >= low && value <= high) return value;
    throw new MalformedMessage(`${name} must be an integer from ${low} to ${high}`);
  };
}

/** @param {string} name @param {unknown} value */
function text(name, value) {
  if (typeof value === "string") return value;
  throw new MalformedMessage(`${name} must be a string`);
}

/** @param {number} bytes */
function hex(bytes) {
  return (/** @type {string} */ name, /** @type {unknown} */ value) => {
    const digits = text(name, value);
    if (digits.length === 2 * bytes && /^[0-9a-f]*$/.test(digits)) return digits;
    throw new MalformedMessage(`${name} must be ${2 * bytes} lower-case hexadecimal digits`);
  };
}

/** @param {string} name @param {unknown} value */
function boolean(name, value) {
  if (typeof value === "boolean") return value;
  throw new MalformedMessage(`${name} must be true or false`);
}

/** @param {string} name @param {unknown} value */
function texts(name, value) {
  if (Array.isArray(value)) return Object.freeze(value.map((item) => text(name, item)));
  throw new MalformedMessage(`${name} must be a list`);
}

/** @param {string} name @param {unknown} value */
function optionalRung(name, value) {
  return value === null ? null : integer(Rung.VOICE, Rung.VIDEO)(name, value);
}
