/** The short authentication string: the digits are Python's, and whoever cheats ends the call. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { commitment, digits, ShortAuthentication } from "../../../signaling/web/call/authentication.js";
import { CallSession } from "../../../signaling/web/call/session.js";
import { packControl, parseControl } from "../../../signaling/web/codec/control.js";
import { messageBytes, parse } from "../../../signaling/web/codec/wire.js";
import { describedFingerprint } from "../../../signaling/web/page/fingerprints.js";
import { bytes, golden, hex, TABLES } from "../helpers.mjs";

const VECTORS = golden("authentication", "digits.json");
const CODING = { tables: TABLES, identity: "tables" };
const TICK_US = 20_000;
const filled = (value) => new Uint8Array(32).fill(value);
const commit = (message) => ({ kind: "auth_commit", commitment: message });
const reveal = (nonce) => ({ kind: "auth_reveal", nonce: hex(nonce) });

function begin(local, remote, nonce) {
  return ShortAuthentication.begin({ local: filled(local), remote: filled(remote) }, filled(nonce));
}

/** A session of one end, what it said in control messages and what it told the page. */
async function end(local, remote, nonce) {
  const said = { sent: [], digits: [], ended: [] };
  const nothing = () => {};
  const hooks = {
    send: ({ data }) => said.sent.push(data),
    digits: (text) => said.digits.push(text),
    end: (reason) => said.ended.push(reason),
    ...{ show: nothing, hear: nothing, play: nothing, keyframe: nothing, control: nothing },
  };
  const authentication = local === null ? null : await begin(local, remote, nonce);
  return { session: new CallSession(CODING, "model", hooks, 0, authentication), ...said, nowUs: 0 };
}

/** Hashes take a moment: waits for what they lead to. */
async function until(done) {
  for (let turn = 0; turn < 1000 && !done(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

function settled(...ends) {
  return until(() => ends.every(({ digits, ended }) => digits.length + ended.length > 0));
}

/** Everything that is said goes across: the first messages, the nonces, and what comes of them. */
async function talk(one, other) {
  for (let turn = 0; turn < 3; turn += 1) {
    for (const [from, to] of [[one, other], [other, one]]) {
      from.session.tick((from.nowUs += TICK_US));
      for (const data of from.sent.splice(0)) to.session.received(data, to.nowUs);
    }
  }
}

function say(message) {
  return messageBytes({ type: "ControlFrame", payload: packControl(message) });
}

function kinds(messages) {
  return messages.map((data) => parseControl(parse(data).payload).kind);
}

test("commitments and digits are those of Python, in either order", async () => {
  assert.equal(VECTORS.length, 8);
  for (const row of VECTORS) {
    const [a, b] = ["a", "b"].map((end) => [bytes(row[`fingerprint_${end}`]), bytes(row[`nonce_${end}`])]);
    assert.equal(hex(await commitment(...a)), row.commitment_a);
    assert.equal(hex(await commitment(...b)), row.commitment_b);
    assert.equal(await digits(a, b), row.digits);
    assert.equal(await digits(b, a), row.digits);
  }
});

test("both ends of a call see the same eight digits, once", async () => {
  const [one, other] = [await end(1, 2, 10), await end(2, 1, 20)];
  await talk(one, other);
  await settled(one, other);
  assert.match(one.digits[0], /^\d{4} \d{4}$/);
  assert.deepEqual([one.digits.length, one.digits], [1, other.digits]);
  assert.deepEqual([...one.ended, ...other.ended], []);
});

test("an end commits itself after its configuration, and shows its nonce only to who committed itself", async () => {
  const one = await end(1, 2, 10);
  one.session.tick(TICK_US);
  assert.deepEqual(kinds(one.sent.splice(0)), ["hello", "disclosure", "media_config", "auth_commit"]);
  one.session.received(say(commit("0".repeat(64))), TICK_US);
  one.session.tick(2 * TICK_US);
  assert.deepEqual(kinds(one.sent), ["auth_reveal"]);
});

test("somebody in between gives the ends different digits", async () => {
  const [one, before, behind, other] = [await end(1, 8, 10), await end(8, 1, 30), await end(9, 2, 40), await end(2, 9, 20)];
  await talk(one, before);
  await talk(behind, other);
  await settled(one, other);
  assert.ok(one.digits[0] && other.digits[0] && one.digits[0] !== other.digits[0]);
});

test("somebody in between who passes everything on is found out", async () => {
  const [one, other] = [await end(1, 8, 10), await end(2, 9, 20)];
  await talk(one, other);
  await settled(one, other);
  assert.deepEqual([one.digits, other.digits], [[], []]);
  assert.ok([...one.ended, ...other.ended].includes("not-authentic"));
});

test("a nonce that was chosen later, or an echo of this end's, ends the call", async () => {
  for (const [said, shown] of [
    [commit(hex(await commitment(filled(2), filled(20)))), reveal(filled(21))],
    [(await begin(1, 2, 10)).commit, reveal(filled(10))],
  ]) {
    const one = await end(1, 2, 10);
    for (const message of [said, shown]) one.session.received(say(message), TICK_US);
    await settled(one);
    assert.deepEqual([one.digits, one.ended], [[], ["not-authentic"]]);
    assert.equal(kinds(one.sent).at(-1), "bye");
  }
});

test("what comes out of order ends the call", async () => {
  const said = commit(hex(await commitment(filled(2), filled(20))));
  const shown = reveal(filled(20));
  for (const messages of [[shown], [said, said], [said, shown, shown], [said, shown, said]]) {
    const one = await end(1, 2, 10);
    for (const message of messages) one.session.received(say(message), TICK_US);
    await until(() => one.ended.length > 0);
    assert.deepEqual(one.ended, ["not-authentic"], kinds(messages.map(say)).join(" "));
  }
});

test("a connection whose certificates are not known goes on without a number", async () => {
  const [one, other] = [await end(null), await end(2, 1, 20)];
  await talk(one, other);
  assert.deepEqual([one.digits, other.digits, one.ended, other.ended], [[], [], [], []]);
});

test("fingerprints and nonces of other lengths are refused", async () => {
  for (const [size, nonce] of [[31, 32], [33, 32], [32, 31], [32, 33]]) {
    const local = new Uint8Array(size);
    const made = ShortAuthentication.begin({ local, remote: filled(1) }, new Uint8Array(nonce));
    await assert.rejects(made, RangeError);
  }
});

test("a description tells its fingerprint only if it leaves no choice", () => {
  const value = (byte) => Array(32).fill(byte).join(":");
  const line = (byte, hash = "sha-256") => `a=fingerprint:${hash} ${value(byte)}\r\n`;
  const told = (text) => describedFingerprint(`v=0\r\ns=-\r\n${text}a=setup:active\r\n`);
  assert.deepEqual(told(line("AB")), filled(0xab));
  assert.deepEqual(told(line("AB") + "m=application 9\r\n" + line("ab")), filled(0xab));
  for (const text of ["", line("AB") + line("AC"), line("AB") + line("AC", "sha-1"), line("AB", "sha-1"), line("AG"),
    `a=fingerprint:sha-256 ${value("AB")}:00\r\n`]) {
    assert.equal(told(text), null, text);
  }
});
