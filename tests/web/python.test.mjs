/**
 * What Python made of generated input (tests/web/python_answers.py), made here again. The answers are in the file that
 * FACEWIRE_PYTHON_ANSWERS names; `python -m pytest tests/web` writes it, since it follows the tables of the moment.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { packControl, parseControl } from "../../signaling/web/codec/control.js";
import { Decoder } from "../../signaling/web/codec/decoder.js";
import { interpolateMotion } from "../../signaling/web/codec/interpolate.js";
import { packKeyframe, parseKeyframe } from "../../signaling/web/codec/keyframeBlob.js";
import { drivingPoints, parseMeshBasis, pointsFromShape } from "../../signaling/web/codec/meshBasis.js";
import { decodeMotion, dequantiseMotion, encodeMotion, quantiseMotion } from "../../signaling/web/codec/motionCode.js";
import { motionValues, motionVector } from "../../signaling/web/codec/motionLayout.js";
import { Playout } from "../../signaling/web/codec/playout.js";
import { messageBytes, parse } from "../../signaling/web/codec/wire.js";
import { bytes, controlFromPython, fromPython, hex, message, outcome, plain } from "./helpers.mjs";
import { ROOT, symbols, TABLES } from "./helpers.mjs";

const FILE = process.env.FACEWIRE_PYTHON_ANSWERS;
const ANSWERS = FILE ? JSON.parse(readFileSync(FILE, "utf-8")) : {};
const options = { skip: FILE ? false : "FACEWIRE_PYTHON_ANSWERS names no file: run python -m pytest tests/web" };
const MESH_TOLERANCE = 1e-5;

test("the same bytes are the same messages, or the same errors", options, () => {
  for (const { data, outcome: expected } of ANSWERS.wire) {
    const got = outcome(() => parse(bytes(data)));
    assert.deepEqual(plain(got), fromPython(expected), data);
    if (typeof got !== "string" && got.type !== "Unknown") assert.deepEqual(parse(messageBytes(got)), got, data);
  }
});

test("the same bytes are the same control messages, or refused by both", options, () => {
  for (const { data, outcome: expected } of ANSWERS.control) {
    const wanted = expected === null || typeof expected === "string" ? expected : controlFromPython(expected);
    assert.deepEqual(outcome(() => parseControl(bytes(data))), wanted, data);
  }
});

test("control messages become the same bytes", options, () => {
  for (const { message: described, data } of ANSWERS.packed) {
    assert.equal(hex(packControl(controlFromPython(described))), data);
  }
});

test("motion becomes the same bytes, and damaged bytes the same motion", options, () => {
  for (const { base, distance, frames, data, damaged, decoded } of ANSWERS.motion) {
    assert.equal(hex(encodeMotion(frames.map(symbols), symbols(base), distance, TABLES)), data);
    const decode = () => plain(decodeMotion(bytes(damaged), frames.length, symbols(base), distance, TABLES));
    assert.deepEqual(outcome(decode), decoded, damaged);
  }
});

test("numbers are quantised and interpolated to the last bit", options, () => {
  for (const { one, other, previous, symbols: expected, fraction, between } of ANSWERS.numbers) {
    const [first, second] = [one, other].map((vector) => motionValues(Float32Array.from(vector)));
    assert.deepEqual(Array.from(quantiseMotion(first, TABLES, symbols(previous))), expected);
    assert.deepEqual(Array.from(motionVector(interpolateMotion(first, second, fraction))), between);
  }
});

test("meshes agree within the stated tolerance", options, () => {
  const file = readFileSync(join(ROOT, "shared", "coding", "mesh_basis.safetensors"));
  const basis = parseMeshBasis(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
  for (const { shape, pose, reference, driving } of ANSWERS.mesh) {
    const points = pointsFromShape(symbols(shape), TABLES, basis);
    assertNear(points, reference);
    assertNear(drivingPoints(points, dequantiseMotion(symbols(pose), TABLES), basis), driving);
  }
});

function assertNear(got, expected) {
  const away = MESH_TOLERANCE * Math.max(1, ...expected.map(Math.abs));
  assert.equal(got.length, expected.length);
  expected.forEach((number, i) => assert.ok(Math.abs(got[i] - number) <= away, `${i}: ${got[i]}, not ${number}`));
}

test("keyframes are read and written as in Python", options, () => {
  for (const { blob, keyframe } of ANSWERS.keyframes) {
    const expected = fromPython(keyframe);
    const got = parseKeyframe(expected.keyframeId, bytes(blob), TABLES);
    assert.deepEqual({ ...plain(got), mask: Array.from(got.mask).join("") }, {
      ...expected,
      mask: Array.from(bytes(expected.mask)).join(""),
    });
    assert.equal(hex(packKeyframe(got, TABLES)), blob);
  }
});

/** A decoder and a playout whose methods take and give what is on Python's tapes. */
const players = {
  receive: (decoder, [data, nowUs]) => plain(outcome(() => decoder.receive(bytes(data), nowUs))),
  poll: (decoder, [nowUs]) => decoder.poll(nowUs).map((outgoing) => hex(outgoing.data)),
  next_poll_us: (decoder, [nowUs]) => decoder.nextPollUs(nowUs),
  want_keyframe: (decoder) => decoder.wantKeyframe(),
  want_intra: (decoder, [kind]) => decoder.wantIntra(kind),
  refuse_keyframe: (decoder, [keyframeId]) => decoder.refuseKeyframe(keyframeId),
  push_motion: (playout, [frame, nowUs]) => playout.pushMotion(poseOf(fromPython(frame)), nowUs),
  push_voice: (playout, [packet, nowUs]) => playout.pushVoice(message(fromPython(packet)), nowUs),
  add_keyframe: (playout, [keyframeId]) => playout.addKeyframe(keyframeId),
  push_still: (playout, [mediaMs, nowUs]) => playout.pushStill(mediaMs, nowUs),
  push_video: (playout, [mediaMs, nowUs]) => playout.pushVideo(mediaMs, nowUs),
  expect_motion: (playout, [expected]) => playout.expectMotion(expected),
  picture_at: (playout, [nowUs]) => plain(playout.pictureAt(nowUs)),
  voice_at: (playout, [nowUs]) => plain(playout.voiceAt(nowUs)),
  next_due_us: (playout) => playout.nextDueUs(),
};

function poseOf(frame) {
  return { ...frame, symbols: symbols(frame.symbols) };
}

function replay(machine, tape) {
  tape.forEach(([method, given, expected], i) => {
    const got = players[method](machine, given) ?? null;
    assert.deepEqual(got, fromTape(expected), `${i}: ${method} ${JSON.stringify(given)}`);
  });
}

/** An answer on a tape with this side's names; keypoints lie flat here, and control messages have a kind. */
function fromTape(answer) {
  if (Array.isArray(answer)) return answer.map(fromTape);
  if (answer === null || typeof answer !== "object") return answer;
  if (answer.type === "ControlReceived") return { type: answer.type, message: controlFromPython(answer.message) };
  const { type, ...due } = fromPython(answer);
  if (type !== "PictureDue" && type !== "VoiceDue") return { type, ...due };
  if (!due.values) return due;
  const { type: _, ...values } = due.values;
  return { ...due, values: { ...values, keypoints: values.keypoints.flat() } };
}

test("whatever arrives is received as in Python", options, () => {
  for (const { decoder: tape, stats } of [...ANSWERS.calls, ...ANSWERS.wild_decoders]) {
    const decoder = new Decoder(TABLES);
    replay(decoder, tape);
    const { type: _, ...expected } = fromPython(stats);
    assert.deepEqual(decoder.stats, expected);
  }
});

test("whatever arrives is played as in Python", options, () => {
  for (const { playout: tape, counted } of [...ANSWERS.calls, ...ANSWERS.wild_playouts]) {
    const playout = new Playout(TABLES);
    replay(playout, tape);
    assert.deepEqual({ late: playout.late, skippedPictures: playout.skippedPictures }, fromPython(counted));
  }
});
