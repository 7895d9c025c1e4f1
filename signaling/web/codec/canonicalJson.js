/**
 * JSON text written anew with sorted keys and no spaces, byte for byte as Python's `json.dumps(..., sort_keys=True,
 * separators=(",", ":"))`: what the identity of the coding tables is the hash of.
 *
 * Must import errors only. Invariant: numbers and strings keep the characters that they have in the text, because
 * Python wrote them, and writes 1.0 or 1e-05 where JavaScript would write 1 or 0.00001.
 */

import { UserError } from "./errors.js";

const TOKEN = /\s*([{}[\]:,]|"(?:[^"\\]|\\.)*"|[^\s{}[\]:,"]+)\s*/gy;

/**
 * @param {string} text One JSON object, as `JSON.parse` accepts it, with ASCII keys.
 * @param {string} without Key of the outermost object that is left out.
 * @throws {UserError} It is not a JSON object.
 */
export function canonicalJson(text, without) {
  const tokens = Array.from(text.matchAll(TOKEN), (match) => match[1]);
  let at = 0;

  /** @param {string | null} leftOut @returns {string} */
  function value(leftOut) {
    const token = tokens[at];
    at += 1;
    if (token === "[") return `[${items("]", () => value(null)).join(",")}]`;
    if (token !== "{") return token;
    const members = items("}", member).filter(([key]) => key !== leftOut);
    members.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([key, written]) => `${key}:${written}`).join(",")}}`;
  }

  /** @returns {[string, string]} */
  function member() {
    const key = tokens[at];
    at += 2; // the key and the colon
    return [key, value(null)];
  }

  /**
   * @template T
   * @param {string} end
   * @param {() => T} read
   */
  function items(end, read) {
    /** @type {T[]} */
    const found = [];
    while (at < tokens.length && tokens[at] !== end) {
      found.push(read());
      if (tokens[at] === ",") at += 1;
    }
    at += 1;
    return found;
  }

  JSON.parse(text); // the loops above trust the syntax
  if (tokens[0] !== "{") throw new UserError("The coding tables cannot be used: they are not a JSON object.");
  return value(JSON.stringify(without));
}
