/** Any bytes are read or refused with a RemoteError, in bounded time, and what was read can be written again. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Decoder } from "../../signaling/web/codec/decoder.js";
import { RemoteError } from "../../signaling/web/codec/errors.js";
import { decodeMask } from "../../signaling/web/codec/maskCode.js";
import { decodeMotion } from "../../signaling/web/codec/motionCode.js";
import { decodeSymbols } from "../../signaling/web/codec/shapeCode.js";
import { messageBytes, parse } from "../../signaling/web/codec/wire.js";
import { hex, Lcg, ROOT, TABLES } from "./helpers.mjs";

const FUZZ_MS = 1500;
const WIRE = join(ROOT, "tests", "golden", "wire");
const CORPUS = readdirSync(WIRE).filter((name) => name.endsWith(".bin")).map((name) => readFileSync(join(WIRE, name)));

function* inputs(seed) {
  const lcg = new Lcg(seed);
  const endMs = performance.now() + FUZZ_MS;
  while (performance.now() < endMs) {
    yield lcg.bytes(lcg.below(80));
    const data = Uint8Array.from(CORPUS[lcg.below(CORPUS.length)]);
    const changes = data.length ? 1 + lcg.below(4) : 0;
    for (let left = changes; left > 0; left -= 1) data[lcg.below(data.length)] = lcg.below(256);
    yield data.subarray(0, data.length - (lcg.below(4) ? 0 : lcg.below(data.length + 1)));
  }
}

/** What `act` returns, undefined when it refused; any other error fails the test. */
function readOrRefused(act, data) {
  try {
    return act();
  } catch (error) {
    assert.ok(error instanceof RemoteError, `${hex(data)} raised ${error?.stack}`);
    return undefined;
  }
}

test("messages", () => {
  for (const data of inputs(1)) {
    const message = readOrRefused(() => parse(data), data);
    if (message === undefined || message.type === "Unknown") continue;
    const written = messageBytes(message);
    assert.deepEqual(parse(written), message);
  }
});

test("a decoder that lives through all of it", () => {
  const decoder = new Decoder(TABLES);
  let nowUs = 0;
  for (const data of inputs(2)) {
    nowUs += 5000;
    readOrRefused(() => decoder.receive(data, nowUs), data);
    for (const { data: ack } of decoder.poll(nowUs)) assert.equal(parse(ack).type, "Ack");
    assert.ok(decoder.nextPollUs(nowUs) >= nowUs);
  }
  assert.ok(decoder.stats.bundles > 10);
});

test("coded numbers", () => {
  const { minimum, maximum } = TABLES.motion;
  const still = new Int16Array(minimum.length);
  for (const data of inputs(3)) {
    const base = data.length % 2 ? still : null;
    for (const row of readOrRefused(() => decodeMotion(data, 3, base, 2, TABLES), data) ?? []) {
      assert.ok(row.every((symbol, i) => symbol >= minimum[i] && symbol <= maximum[i]));
    }
    readOrRefused(() => decodeSymbols(data, TABLES.shape, TABLES.ladder), data);
    readOrRefused(() => decodeMask(data, TABLES), data);
  }
});
