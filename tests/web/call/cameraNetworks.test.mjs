/** A graphics card for the camera's networks: only if it is right and faster, and left when it fails. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { fasterOf } from "../../../signaling/web/face/cameraNetworks.js";
import { bestFor } from "../../../signaling/web/render/engine.js";

const TRIAL = { image: { data: Float32Array.of(1, 2, 3), dims: [3] } };

/** A network that doubles its input in `ms`. off: added to each number. */
function doubling(ms, off = 0) {
  const graph = { runs: 0, broken: false, inputs: ["image"], outputs: ["doubled"] };
  graph.run = async ({ image: { data, dims } }) => {
    graph.runs += 1;
    if (graph.broken) throw new Error("device lost");
    await new Promise((done) => setTimeout(done, ms));
    return { doubled: { data: data.map((value) => 2 * value + off), dims } };
  };
  return graph;
}

const answer = async (graph) => [...(await graph.run(TRIAL)).doubled.data];
const quietly = async (run) => {
  const { warn } = console;
  const told = [];
  console.warn = (...words) => told.push(words.join(" "));
  try {
    return [await run(), told];
  } finally {
    console.warn = warn;
  }
};

test("a card that is faster and gives the same numbers is used", async () => {
  const [processor, card] = [doubling(20), doubling(1, 0.01)];
  const chosen = await fasterOf(processor, async () => card, TRIAL, false);
  const before = processor.runs;
  assert.deepEqual((await answer(chosen)).map(Math.round), [2, 4, 6]);
  assert.equal(processor.runs, before, "the card has answered");
});

test("a slower card is used only if it is asked for", async () => {
  const [processor, card] = [doubling(1), doubling(20)];
  assert.equal(await fasterOf(processor, async () => card, TRIAL, false), processor);
  assert.notEqual(await fasterOf(processor, async () => card, TRIAL, true), processor);
});

test("a card that gives other numbers, or too few, is never used", async () => {
  const processor = doubling(20);
  const short = { ...doubling(1), run: async () => ({ doubled: { data: Float32Array.of(2), dims: [1] } }) };
  for (const card of [doubling(1, 0.1), doubling(1, NaN), short]) {
    const [chosen, told] = await quietly(() => fasterOf(processor, async () => card, TRIAL, true));
    assert.equal(chosen, processor);
    assert.match(told.join(), /other numbers/);
  }
});

test("a card that cannot open a network leaves it to the processor", async () => {
  const processor = doubling(1);
  const failing = async () => {
    throw new Error("no such operator");
  };
  const [chosen] = await quietly(() => fasterOf(processor, failing, TRIAL, true));
  assert.equal(chosen, processor);
});

test("a card that fails later is left within the same picture, and for good", async () => {
  const [processor, card] = [doubling(20), doubling(1)];
  const chosen = await fasterOf(processor, async () => card, TRIAL, false);
  card.broken = true;
  const [found, told] = await quietly(async () => [await answer(chosen), await answer(chosen)]);
  assert.deepEqual(found, [[2, 4, 6], [2, 4, 6]]);
  assert.equal(told.length, 1);
});

test("when the processor fails, too, the caller is told", async () => {
  const [processor, card] = [doubling(20), doubling(1)];
  const chosen = await fasterOf(processor, async () => card, TRIAL, false);
  card.broken = true;
  processor.broken = true;
  await quietly(() => assert.rejects(chosen.run(TRIAL), /device lost/));
});

test("a processor takes the int8 copy of a network where there is one, a card float32", () => {
  const manifest = { "a/b.onnx": {}, "a/b.int8.onnx": {}, "a/c.onnx": {} };
  assert.equal(bestFor("a/b.onnx", manifest, "wasm"), "a/b.int8.onnx");
  assert.equal(bestFor("a/b.onnx", manifest, "webgpu"), "a/b.onnx");
  assert.equal(bestFor("a/c.onnx", manifest, "wasm"), "a/c.onnx");
});
