/** The state machines against tests/golden/scenarios: the same events, acknowledgements and playout as Python's. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Decoder } from "../../signaling/web/codec/decoder.js";
import { VideoKind } from "../../signaling/web/codec/frames.js";
import { SYMBOLS } from "../../signaling/web/codec/motionLayout.js";
import { Playout } from "../../signaling/web/codec/playout.js";
import { bytes, golden, hex, outcome, ROOT, TABLES } from "./helpers.mjs";

const DECODER_END_US = 4_500_000;
const PLAYOUT_END_US = 7_000_000;

function describe(event) {
  if (event.type === "MotionReceived") return `${event.type} ${event.frame.mediaMs} keyframe ${event.frame.keyframeId}`;
  if (event.type === "VoiceReceived") return `${event.type} ${event.packet.mediaMs} ${hex(event.packet.data)}`;
  if (event.type === "VideoReceived") {
    const { kind, unitId, mediaMs, data } = event.unit;
    return `${event.type} ${kind} ${unitId} ${mediaMs} ${data.length}`;
  }
  return event.type === "KeyframeReceived" ? `${event.type} ${event.keyframe.keyframeId}` : event.type;
}

test("decoder.json", () => {
  const { poll_us: pollUs, trace } = golden("scenarios", "decoder.json");
  const arrivals = trace.filter((item) => item.received !== undefined);
  const decoder = new Decoder(TABLES);
  for (const kind of Object.values(VideoKind)) decoder.wantIntra(kind);
  const got = [];
  for (let nowUs = 0; nowUs < DECODER_END_US; nowUs += pollUs) {
    while (arrivals.length && arrivals[0].now_us <= nowUs) {
      const { received } = arrivals.shift();
      const events = outcome(() => decoder.receive(bytes(received), nowUs).map(describe));
      got.push({ now_us: nowUs, received, events: typeof events === "string" ? [events] : events });
    }
    for (const { data } of decoder.poll(nowUs)) got.push({ now_us: nowUs, sent: hex(data) });
  }
  assert.deepEqual(got, trace);
});

const FILES = readdirSync(join(ROOT, "tests", "golden", "scenarios"));
for (const file of FILES.filter((name) => name.startsWith("playout_"))) {
  test(file, () => {
    const { poll_us: pollUs, media, due } = golden("scenarios", file);
    const waiting = media.slice().sort(([one], [other]) => one - other);
    const playout = new Playout(TABLES);
    const got = [];
    for (let nowUs = 0; nowUs < PLAYOUT_END_US; nowUs += pollUs) {
      while (waiting.length && waiting[0][0] * 1000 <= nowUs) push(playout, waiting.shift(), nowUs);
      got.push(...dueNow(playout, nowUs));
    }
    assert.deepEqual(got, due);
  });
}

function push(playout, [, kind, mediaMs, number], nowUs) {
  if (kind === "voice") playout.pushVoice({ mediaMs, durationMs: number, data: new Uint8Array(60) }, nowUs);
  else if (kind === "keyframe") playout.addKeyframe(number);
  else playout.pushMotion({ mediaMs, keyframeId: number, symbols: new Int16Array(SYMBOLS) }, nowUs);
}

function dueNow(playout, nowUs) {
  const due = [];
  const picture = playout.pictureAt(nowUs);
  if (picture) due.push(["picture", picture.mediaMs, picture.dueUs, picture.state, picture.keyframeId]);
  for (let voice = playout.voiceAt(nowUs); voice; voice = playout.voiceAt(nowUs)) {
    const how = voice.stretch ? "stretch" : voice.packet === null ? "conceal" : "packet";
    due.push(["voice", voice.mediaMs, voice.dueUs, voice.durationMs, how]);
  }
  return due;
}
