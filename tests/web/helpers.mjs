/** What the tests of the page's codec share: golden files, hex, Python's names, and seeded numbers. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { parseTables } from "../../signaling/web/codec/tables.js";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const TABLES_TEXT = readFileSync(join(ROOT, "shared", "coding", "motion_tables.json"), "utf-8");
export const TABLES = await parseTables(TABLES_TEXT);

export function golden(...path) {
  return JSON.parse(readFileSync(join(ROOT, "tests", "golden", ...path), "utf-8"));
}

/** Golden vectors of the coder, made with the tables that are in use. */
export function vectors(name) {
  const file = golden("coding", `${name}.json`);
  if (file.tables !== TABLES.identity) throw new Error(`${name}.json was made with other tables`);
  return file.vectors;
}

export function bytes(digits) {
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

export function hex(data) {
  return Buffer.from(data).toString("hex");
}

export function symbols(row) {
  return row === null ? null : Int16Array.from(row);
}

/** The name of the error that `act` raises, else what it returns. */
export function outcome(act) {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.name;
  }
}

/** As JSON: byte strings in hex, other typed arrays as lists. */
export function plain(value) {
  if (value instanceof Uint8Array) return hex(value);
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** Types that do not stand alone need no name here. */
const PARTS = new Set(["VoicePacket", "MotionSection", "BundleReport", "PartRequest", "VideoUnit", "MotionFrame", "Keyframe"]);

/** A described message of Python with this side's names: camelCase, and `type` where there is a choice of types. */
export function fromPython(value) {
  if (Array.isArray(value)) return value.map(fromPython);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([key, item]) => key !== "type" || !PARTS.has(item));
  return Object.fromEntries(entries.map(([key, item]) => [camel(key), fromPython(item)]));
}

/** A described control message of Python with this side's names. */
export function controlFromPython({ type, ...fields }) {
  const kind = type.replace(/(?<=.)[A-Z]/g, "_$&").toLowerCase();
  return { kind, ...fromPython(fields) };
}

const BYTE_STRINGS = new Set(["data", "coded", "payload"]);

/** A message to be written, from its description with this side's names. */
export function message(value, key = "") {
  if (BYTE_STRINGS.has(key)) return bytes(value);
  if (Array.isArray(value)) return value.map((item) => message(item));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, message(item, name)]));
}

function camel(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

/** The linear congruential generator of tests/golden/make_coding.py: the same numbers in every run. */
export class Lcg {
  constructor(seed) {
    this.state = seed;
  }

  below(limit) {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return (this.state >>> 8) % limit;
  }

  bytes(size) {
    return Uint8Array.from({ length: size }, () => this.below(256));
  }
}
