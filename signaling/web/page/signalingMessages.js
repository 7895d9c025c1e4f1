/**
 * The JSON messages between the page and the signaling service (shared/signaling_messages.py): those that a page sends,
 * and those that it can get.
 *
 * Must not touch sockets or the page. Invariant: `parse` returns a message whose every field is of its type, inside its
 * limit and free of control characters, or raises MalformedMessage; nothing else.
 */

import {
  SIGNALING_ICE_SERVERS_MAX,
  SIGNALING_MESSAGE_MAX_BYTES,
  SIGNALING_SDP_MAX_BYTES,
  SIGNALING_TEXT_MAX_BYTES,
} from "../call/limits.js";
import { MalformedMessage } from "../codec/errors.js";

const ICE_URL = /^(stuns?|turns?):[A-Za-z0-9_.:[\]?=-]+$/;
const CANDIDATE_MAX_BYTES = 1024;
const ROLES = ["sender", "receiver", "peer"];
/** Control, format, surrogate, private and unassigned characters. */
const CONTROLS = /\p{C}/gu;
const CONTROLS_BUT_LINES = /(?![\r\n])\p{C}/gu;

/** @typedef {Readonly<{urls: readonly string[], username: string, credential: string}>} IceServer */
/**
 * @typedef {Readonly<{type: "joined", role: string, peer_present: boolean, polite: boolean,
 *     ice_servers: readonly IceServer[]}>
 *   | Readonly<{type: "peer-joined", role: string}>
 *   | Readonly<{type: "offer" | "answer", sdp: string}>
 *   | Readonly<{type: "candidate", candidate: string, mid: string, line_index: number}>
 *   | Readonly<{type: "peer-left" | "bye", reason: string}>
 *   | Readonly<{type: "error", code: string, message: string}>} FromService
 */
/**
 * @typedef {Readonly<{type: "join", room: string, role: string, token: string}>
 *   | Readonly<{type: "offer" | "answer", sdp: string}>
 *   | Readonly<{type: "candidate", candidate: string, mid: string, line_index: number}>
 *   | Readonly<{type: "bye", reason: string}>} ToService
 */

/** @typedef {(value: unknown) => unknown} Reader */

const shortText = text(SIGNALING_TEXT_MAX_BYTES, CONTROLS);
const description = text(SIGNALING_SDP_MAX_BYTES, CONTROLS_BUT_LINES);

/** @type {ReadonlyMap<string, Readonly<Record<string, Reader>>>} */
const READERS = new Map(/** @type {[string, Record<string, Reader>][]} */ ([
  ["joined", { role, peer_present: flag, polite: flag, ice_servers: list(iceServer) }],
  ["peer-joined", { role }],
  ["offer", { sdp: description }],
  ["answer", { sdp: description }],
  ["candidate", { candidate: text(CANDIDATE_MAX_BYTES, CONTROLS), mid: shortText, line_index: lineIndex }],
  ["peer-left", { reason: shortText }],
  ["error", { code: shortText, message: shortText }],
  ["bye", { reason: shortText }],
]));

/**
 * The message in one WebSocket text frame.
 * @param {unknown} frame
 * @returns {FromService}
 * @throws {MalformedMessage} Nothing else.
 */
export function parse(frame) {
  if (typeof frame !== "string" || frame.length > SIGNALING_MESSAGE_MAX_BYTES) {
    throw new MalformedMessage("signaling message that is no text or too long");
  }
  const values = parseJson(frame);
  const readers = typeof values.type === "string" ? READERS.get(values.type) : undefined;
  if (readers === undefined) throw new MalformedMessage("message type is not one that is known");
  const { type, ...fields } = values;
  return /** @type {FromService} */ (Object.freeze({ type, ...readFields(fields, readers) }));
}

/** @param {string} frame @returns {Record<string, unknown>} */
function parseJson(frame) {
  let values;
  try {
    values = JSON.parse(frame);
  } catch {
    throw new MalformedMessage("not JSON");
  }
  return record(values);
}

/** @param {unknown} value @returns {Record<string, unknown>} */
function record(value) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return /** @type {Record<string, unknown>} */ (value);
  }
  throw new MalformedMessage("an object is expected");
}

/** @param {Record<string, unknown>} values @param {Readonly<Record<string, Reader>>} readers */
function readFields(values, readers) {
  const names = Object.keys(readers);
  if (Object.keys(values).length !== names.length || names.some((name) => !Object.hasOwn(values, name))) {
    throw new MalformedMessage(`expected exactly the keys ${names.join(", ")}`);
  }
  return Object.fromEntries(names.map((name) => [name, readers[name](values[name])]));
}

/** @param {number} limitBytes @param {RegExp} unwanted @returns {Reader} */
function text(limitBytes, unwanted) {
  return (value) => {
    if (typeof value !== "string" || new TextEncoder().encode(value).length > limitBytes) {
      throw new MalformedMessage(`text of at most ${limitBytes} bytes expected`);
    }
    return value.replace(unwanted, "");
  };
}

/** @param {unknown} value */
function role(value) {
  if (typeof value === "string" && ROLES.includes(value)) return value;
  throw new MalformedMessage("role is not one that is known");
}

/** @param {unknown} value */
function flag(value) {
  if (typeof value === "boolean") return value;
  throw new MalformedMessage("true or false expected");
}

/** @param {unknown} value */
function lineIndex(value) {
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 256) return value;
  throw new MalformedMessage("media line index outside 0..255");
}

/** @param {Reader} item @returns {Reader} */
function list(item) {
  return (value) => {
    if (Array.isArray(value) && value.length <= SIGNALING_ICE_SERVERS_MAX) return Object.freeze(value.map(item));
    throw new MalformedMessage(`list of at most ${SIGNALING_ICE_SERVERS_MAX} items expected`);
  };
}

/** @param {unknown} value */
function iceUrl(value) {
  if (typeof value === "string" && value.length <= SIGNALING_TEXT_MAX_BYTES && ICE_URL.test(value)) return value;
  throw new MalformedMessage("address of an ICE server expected");
}

/** @param {unknown} value */
function iceServer(value) {
  return Object.freeze(readFields(record(value), { urls: list(iceUrl), username: shortText, credential: shortText }));
}
