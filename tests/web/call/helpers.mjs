/** What the tests of the page's call share: Python's answers, decoded. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../helpers.mjs";

/** @type {any} */
export const PYTHON = JSON.parse(readFileSync(process.env.FACEWIRE_CALL_ANSWERS, "utf-8"));

export const WEB = join(ROOT, "signaling", "web");

export function base64(text) {
  return new Uint8Array(Buffer.from(text, "base64"));
}

export function floats(text) {
  const data = base64(text);
  return new Float32Array(data.buffer, data.byteOffset, data.length / 4);
}

/** Largest and mean absolute difference. */
export function differences(one, other) {
  let [most, sum] = [0, 0];
  for (let i = 0; i < one.length; i += 1) {
    const away = Math.abs(one[i] - other[i]);
    most = Math.max(most, away);
    sum += away;
  }
  return { most, mean: sum / one.length };
}
