/**
 * One direction of a call, sent: motion, voice, keyframes and control in, messages out (shared/core/encoder.py).
 * `nowUs`, the local monotonic clock in whole microseconds, is handed in.
 *
 *     pushVoice ---> Bundler ---+--> bundle (rt) every bundleMs      1. voice and motion, never behind anything else
 *     pushMotion --> Bundler ---+        ^ prediction base
 *     receiveAck --> AckHistory ---------+
 *     pushControl -> queue ------> control frame (ctl)               2.
 *     pushKeyframe > KeyframeSender > keyframe parts (rt), paced     3.
 *
 * Must not import transports or clocks. Invariant: motion is predicted only from frames that the receiver is known to
 * have, and names only keyframes that it holds (or the first, once sent); a peer's acknowledgement can make the encoder
 * send more carefully, never wrongly.
 */

import { packControl } from "../codec/control.js";
import { UserError } from "../codec/errors.js";
import { Channel } from "../codec/frames.js";
import { packKeyframe } from "../codec/keyframeBlob.js";
import { checkedSymbols } from "../codec/quantiser.js";
import { messageBytes } from "../codec/wire.js";
import { AckHistory } from "./ackHistory.js";
import { Bundler } from "./bundler.js";
import { compose, withRepeatedMotion, withRepeatedVoice } from "./compose.js";
import { KeyframeSender } from "./keyframeSender.js";
import { BUNDLE_MAX_MS, BUNDLE_MIN_MS, CONTROL_QUEUE_MESSAGES, PACKET_WIRE_BYTES } from "./limits.js";

/** @import { ControlMessage } from "../codec/control.js" */
/** @import { Keyframe, MotionFrame, Outgoing, VoicePacket } from "../codec/frames.js" */
/** @import { CodingTables } from "../codec/tables.js" */
/** @import { Ack } from "../codec/wireAck.js" */

/** Frames that wait for the first keyframe to be sent: 320 ms at 25 fps, and as many as fit one bundle. */
const EARLY_FRAMES = 8;
/** How long `nextPollUs` looks ahead when nothing waits. */
const IDLE_POLL_US = 1_000_000;

/** See the top of the file. Push what there is, then `poll`; `nextPollUs` says when to poll again. */
export class Encoder {
  #tables;
  #bundler;
  #history = new AckHistory();
  #keyframes;
  /** @type {ControlMessage[]} */
  #control = [];
  /** @type {{ack: Ack, sinceUs: number} | null} */
  #ack = null;
  /** @type {VoicePacket | null} */
  #lastVoice = null;
  /** @type {readonly MotionFrame[]} */
  #lastMotion = [];
  #keyframeWanted = false;
  #keyframeKbps;
  /** @type {boolean | null} */
  #redundancy = null;
  /** Bytes on the wire since the last bundle. */
  #unrecordedBytes = 0;
  /** @type {MotionFrame[]} */
  #early = [];
  /** Bundles handed out, and motion of keyframes that were not usable yet. */
  #counts = { bundles: 0, motionFrames: 0, motionHeldBack: 0 };

  /**
   * @param {CodingTables} tables
   * @param {{bundleMs?: number, keyframeKbps?: number}} config bundleMs: 40..200. keyframeKbps: pace of keyframe
   *   parts, 1..10000.
   * @throws {UserError} A value outside its range.
   */
  constructor(tables, { bundleMs = 80, keyframeKbps = 100 } = {}) {
    if (!(bundleMs >= BUNDLE_MIN_MS && bundleMs <= BUNDLE_MAX_MS && keyframeKbps >= 1 && keyframeKbps <= 10_000)) {
      throw new UserError(`Bundles every ${bundleMs} ms, keyframes at ${keyframeKbps} kbit/s: not possible.`);
    }
    this.#tables = tables;
    this.#keyframeKbps = keyframeKbps;
    this.#bundler = new Bundler(bundleMs);
    this.#keyframes = new KeyframeSender(keyframeKbps);
  }

  /**
   * Send so from the next bundle on.
   * @param {number} bundleMs 40..200.
   * @param {boolean | null} redundancy Repeats; null: as the measured loss says.
   */
  follow(bundleMs, redundancy) {
    this.#bundler.bundleMs = bundleMs;
    this.#redundancy = redundancy;
  }

  /**
   * Send keyframe parts at this rate, never faster than the configuration allows.
   * @param {number} kbps At least 1.
   */
  paceKeyframes(kbps) {
    this.#keyframes.pace(Math.min(Math.max(1, kbps), this.#keyframeKbps));
  }

  /**
   * Queue a frame, newest last. While no keyframe is usable, frames wait for the first one to be sent. After that a frame
   * of a keyframe that is not usable is dropped and counted.
   * @param {MotionFrame} frame
   * @throws {UserError} Symbols outside the coder's ranges.
   */
  pushMotion(frame) {
    checkedSymbols(frame.symbols, this.#tables.motion);
    if (!this.#keyframes.allUsable().length) {
      this.#early.push(frame);
      if (this.#early.length <= EARLY_FRAMES) return;
      this.#early.shift();
      this.#counts.motionHeldBack += 1;
    } else if (this.#keyframes.usable(frame.keyframeId)) this.#bundler.pushMotion(frame);
    else this.#counts.motionHeldBack += 1;
  }

  /**
   * Queue an Opus packet, newest last.
   * @param {VoicePacket} packet
   */
  pushVoice(packet) {
    this.#bundler.pushVoice(packet);
  }

  /**
   * Start delivering a keyframe.
   * @param {Keyframe} keyframe
   * @throws {RangeError} It is too large.
   */
  pushKeyframe(keyframe) {
    this.#keyframes.push(keyframe.keyframeId, packKeyframe(keyframe, this.#tables));
    this.#keyframeWanted = false;
  }

  /**
   * Queue a control message.
   * @param {ControlMessage} message
   * @throws {RangeError} A peer would refuse it.
   */
  pushControl(message) {
    packControl(message);
    this.#control.push(message);
    if (this.#control.length > CONTROL_QUEUE_MESSAGES) this.#control.shift();
  }

  /**
   * Two-way calls: the local decoder's acknowledgement, to travel in the next bundle instead of alone.
   * @param {Ack} ack
   * @param {number} nowUs
   */
  pushAck(ack, nowUs) {
    this.#ack = { ack, sinceUs: nowUs };
  }

  /**
   * The peer's acknowledgement.
   * @param {Ack} ack
   * @param {number} nowUs
   * @throws {MalformedMessage} It names the future; nothing has changed.
   */
  receiveAck(ack, nowUs) {
    if (ack.report !== null) this.#history.check(ack.report);
    if (ack.basesLost) this.#history.forgetBases();
    const newest =
      ack.report === null ? this.#history.rttMs === null : this.#history.acknowledge(ack.report, nowUs);
    if (!newest) return;
    this.#keyframes.takeHeld(ack.keyframesHeld);
    this.#keyframeWanted ||= ack.wantsKeyframe;
    if (ack.request !== null) this.#keyframes.takeRequest(ack.request, nowUs, this.#history.rttMs);
  }

  /**
   * Everything that should be sent now, most urgent first.
   * @param {number} nowUs
   * @returns {Outgoing[]}
   */
  poll(nowUs) {
    /** @type {Outgoing[]} */
    const outgoing = [];
    for (let dueUs = this.#bundler.dueUs(nowUs); dueUs !== null && dueUs <= nowUs; dueUs = this.#bundler.dueUs(nowUs)) {
      outgoing.push(this.#nextBundle(nowUs));
    }
    const control = this.#control.splice(0).map((message) => {
      const data = messageBytes({ type: "ControlFrame", payload: packControl(message) });
      return Object.freeze({ channel: Channel.CTL, data });
    });
    const parts = this.#keyframes.poll(nowUs).map((part) => Object.freeze({ channel: Channel.RT, data: messageBytes(part) }));
    const behind = [...control, ...parts];
    this.#unrecordedBytes += behind.reduce((sum, { data }) => sum + data.length + PACKET_WIRE_BYTES, 0);
    this.#releaseEarly();
    return [...outgoing, ...behind];
  }

  /**
   * When to poll again, unless something is pushed before.
   * @param {number} nowUs
   */
  nextPollUs(nowUs) {
    if (this.#control.length) return nowUs;
    const waits = [this.#bundler.dueUs(nowUs), this.#keyframes.nextUs(), nowUs + IDLE_POLL_US];
    return Math.max(nowUs, Math.min(...waits.filter((wait) => wait !== null)));
  }

  /** Counters up to now. */
  get stats() {
    const more = { staleDropped: this.#bundler.dropped, partsResent: this.#keyframes.partsResent };
    return Object.freeze({ ...this.#counts, ...more });
  }

  /** The keyframes that motion may name now, oldest first; none: hold motion, send voice. */
  get usableKeyframeIds() {
    return this.#keyframes.allUsable();
  }

  /** Smoothed round trip, null until the first acknowledgement. */
  get rttMs() {
    return this.#history.rttMs;
  }

  /** Share of the last (up to 32) reported bundles that did not arrive, 0..1. */
  get loss() {
    return this.#history.loss;
  }

  /** Bundles whose arrival the receiver reported since the last call, oldest first. */
  takeArrivals() {
    return this.#history.takeArrivals();
  }

  /** Whether the receiver asked for a new reference since the last call or the last pushKeyframe. */
  takeKeyframeWish() {
    const wanted = this.#keyframeWanted;
    this.#keyframeWanted = false;
    return wanted;
  }

  /** The first keyframe is out: what was coded against it meanwhile may follow. */
  #releaseEarly() {
    if (!this.#keyframes.allUsable().length) return;
    for (const frame of this.#early.splice(0)) this.pushMotion(frame);
  }

  /** @param {number} nowUs @returns {Outgoing} */
  #nextBundle(nowUs) {
    const { voice, motion } = this.#bundler.take();
    const repeating = this.#redundancy ?? this.#history.careful;
    const sentVoice = repeating ? withRepeatedVoice(this.#lastVoice, voice) : voice;
    const sentMotion = repeating ? withRepeatedMotion(this.#lastMotion, motion) : motion;
    const { bundle, carried } = compose(sentVoice, sentMotion, this.#takeAck(nowUs), this.#history, this.#tables);
    const fresh = Math.max(0, carried.length - (sentMotion.length - motion.length));
    this.#bundler.putBack(motion.slice(fresh));
    const data = messageBytes(bundle);
    this.#history.record(nowUs, carried, data.length + PACKET_WIRE_BYTES + this.#unrecordedBytes);
    this.#unrecordedBytes = 0;
    this.#lastVoice = voice.at(-1) ?? this.#lastVoice;
    this.#lastMotion = motion.slice(0, fresh);
    this.#counts.bundles += 1;
    this.#counts.motionFrames += fresh;
    return Object.freeze({ channel: Channel.RT, data });
  }

  /**
   * The waiting acknowledgement, its age counted up to now.
   * @param {number} nowUs
   * @returns {Ack | null}
   */
  #takeAck(nowUs) {
    if (this.#ack === null) return null;
    const { ack, sinceUs } = this.#ack;
    this.#ack = null;
    if (ack.report === null) return ack;
    const ageMs = ack.report.ageMs + Math.floor((nowUs - sinceUs) / 1000);
    return Object.freeze({ ...ack, report: Object.freeze({ ...ack.report, ageMs }) });
  }
}
