/**
 * One direction of a call, received: bytes in, events out, acknowledgements back (shared/core/decoder.py). `nowUs`, the
 * local monotonic clock in whole microseconds, is handed in.
 *
 * Must not import transports, clocks or anything of a page. Invariant: any bytes whatever leave the memory bounded and
 * raise only `RemoteError`s, and a message that raises has changed nothing but a keyframe's reassembly. Times in
 * microseconds are doubles, exact below 2**53: 285 years of local clock.
 */

import { AckTimer } from "./ackTimer.js";
import { parseControl } from "./control.js";
import { MalformedMessage, UserError } from "./errors.js";
import { Channel } from "./frames.js";
import { roundHalfEven } from "./integers.js";
import { KeyframeAssembly } from "./keyframeAssembly.js";
import { ACK_AFTER_BYTES, ACK_DELAY_GROWTH_MS, ACK_INTERVAL_MS, ACK_URGENT_INTERVAL_MS, VOICE_SEEN } from "./limits.js";
import { unwrapMs, wrapMs } from "./mediaTime.js";
import { MotionHistory } from "./motionHistory.js";
import { SequenceWindow } from "./sequenceWindow.js";
import { VideoReceiver } from "./videoAssembly.js";
import { messageBytes, parse } from "./wire.js";
import { bundleMediaMs } from "./wireBundle.js";

/** @import { Event } from "./events.js" */
/** @import { MotionFrame, Outgoing, VideoUnit, VoicePacket } from "./frames.js" */
/** @import { CodingTables } from "./tables.js" */
/** @import { KeyframePart } from "./wire.js" */
/** @import { Ack, BundleReport } from "./wireAck.js" */
/** @import { Bundle } from "./wireBundle.js" */
/** @import { VideoPart } from "./wireVideo.js" */

const IDLE_POLL_US = 1_000_000;
const ACK_INTERVAL_MAX_MS = 5000;

/** See the top of the file. Hand every message to `receive`; call `poll` when `nextPollUs` says so. */
export class Decoder {
  #window = new SequenceWindow();
  #history;
  #keyframes;
  #video = new VideoReceiver();
  #timer;
  /** @type {number[]} */
  #voiceSeen = [];
  /** @type {number | null} */
  #mediaMs = null;
  /** @type {number | null} */
  #newestMotionMs = null;
  #usableUs = 0;
  /** @type {number | null} */
  #transitUs = null;
  #jitterMs = 0;
  /** @type {number | null} Transit of the newest bundle when the last acknowledgement was sent. */
  #toldTransitUs = null;
  #untoldBytes = 0;
  /** @type {number | null} */
  #namedKeyframe = null;
  #basesLost = false;
  #wantsKeyframe = false;
  #stats = { bundles: 0, repeated: 0, motionFrames: 0, voicePackets: 0, undecodable: 0, keyframes: 0, videoUnits: 0 };

  /**
   * @param {CodingTables} tables
   * @param {number} ackIntervalMs Distance of acknowledgements while nothing is missing, 100 to 5000.
   * @throws {UserError} The interval is not possible.
   */
  constructor(tables, ackIntervalMs = ACK_INTERVAL_MS) {
    if (!(ackIntervalMs >= ACK_URGENT_INTERVAL_MS && ackIntervalMs <= ACK_INTERVAL_MAX_MS)) {
      throw new UserError(`Acknowledging every ${ackIntervalMs} ms is not possible: choose 100 to 5000 ms.`);
    }
    this.#history = new MotionHistory(tables);
    this.#keyframes = new KeyframeAssembly(tables);
    this.#timer = new AckTimer(ackIntervalMs);
  }

  /** Counters since the start. repeated: duplicate or too old bundles. undecodable: with an unknown base. */
  get stats() {
    return Object.freeze({ ...this.#stats });
  }

  /**
   * The events in one message.
   * @param {Uint8Array} data
   * @param {number} nowUs
   * @returns {Event[]}
   * @throws {RemoteError} Nothing else.
   */
  receive(data, nowUs) {
    const message = parse(data);
    switch (message.type) {
      case "Bundle":
        return this.#receiveBundle(message, data.length, nowUs);
      case "KeyframePart":
        return this.#receivePart(message, nowUs);
      case "VideoPart":
        return this.#receiveVideoPart(message, data.length);
      case "Ack":
        return [{ type: "AckReceived", ack: message }];
      case "ControlFrame": {
        const control = parseControl(message.payload);
        return control === null ? [] : [{ type: "ControlReceived", message: control }];
      }
      case "Unknown":
        return [];
    }
  }

  /**
   * The acknowledgement that is due, if any, as a message of its own.
   * @param {number} nowUs
   * @returns {Outgoing[]}
   */
  poll(nowUs) {
    const ack = this.takeAck(nowUs);
    return ack === null ? [] : [Object.freeze({ channel: Channel.RT, data: messageBytes(ack) })];
  }

  /**
   * The acknowledgement that is due, if any (null): two-way calls put it into a bundle instead of polling.
   * @param {number} nowUs
   * @returns {Ack | null}
   */
  takeAck(nowUs) {
    const request = this.#keyframes.request(this.#namedKeyframe, nowUs);
    if (nowUs < this.#timer.dueUs(request)) return null;
    this.#timer.sent(request, nowUs);
    this.#toldTransitUs = this.#transitUs;
    this.#untoldBytes = 0;
    return Object.freeze({
      type: "Ack",
      report: this.#report(nowUs),
      newestMotionMs: this.#newestMotionMs === null ? null : wrapMs(this.#newestMotionMs),
      keyframesHeld: this.#keyframes.held,
      request,
      wantsKeyframe: this.#wantsKeyframe,
      basesLost: this.#basesLost,
      wantsIntra: this.#video.wanted,
    });
  }

  /**
   * When to poll again, unless something is received before.
   * @param {number} nowUs
   */
  nextPollUs(nowUs) {
    const dueUs = this.#timer.dueUs(this.#keyframes.request(this.#namedKeyframe, nowUs));
    return Math.max(nowUs, Math.min(dueUs, this.#keyframes.quietUs(nowUs), nowUs + IDLE_POLL_US));
  }

  /** Ask the sender for a new reference, until one is complete. */
  wantKeyframe() {
    this.#wantsKeyframe = true;
    this.#timer.arrived(true);
  }

  /**
   * Ask for a picture of this kind that stands alone, until one is complete: a reference picture is missing.
   * @param {number} kind A `VideoKind`.
   */
  wantIntra(kind) {
    this.#video.wantIntra(kind);
    this.#timer.arrived(true);
  }

  /**
   * The picture of a received keyframe cannot be decoded: forget it and ask for another reference.
   * @param {number} keyframeId
   */
  refuseKeyframe(keyframeId) {
    this.#keyframes.forget(keyframeId);
    this.wantKeyframe();
  }

  /** @param {Bundle} bundle @param {number} sizeBytes @param {number} nowUs @returns {Event[]} */
  #receiveBundle(bundle, sizeBytes, nowUs) {
    if (!this.#window.isFresh(bundle.seq)) {
      this.#stats.repeated += 1;
      return [];
    }
    const mediaMs = unwrapMs(bundleMediaMs(bundle), this.#mediaMs);
    if (mediaMs < 0) throw new MalformedMessage("bundle before the start of the media clock");
    const { frames, complete } = this.#history.decode(bundle.motion, mediaMs);
    this.#noteArrival(bundle, mediaMs, complete, nowUs);
    this.#noteBytes(sizeBytes);
    this.#noteMotion(bundle, frames, complete);
    const packets = this.#freshVoice(bundle, mediaMs);
    const pictures = this.#freshPictures(bundle.video ?? [], mediaMs);
    this.#stats.bundles += 1;
    this.#stats.motionFrames += frames.length;
    this.#stats.voicePackets += packets.length;
    this.#stats.videoUnits += pictures.length;
    this.#stats.undecodable += complete ? 0 : 1;
    /** @type {Event[]} */
    const events = bundle.ack === null ? [] : [{ type: "AckReceived", ack: bundle.ack }];
    for (const packet of packets) events.push({ type: "VoiceReceived", packet });
    for (const frame of frames) events.push({ type: "MotionReceived", frame });
    for (const unit of pictures) events.push({ type: "VideoReceived", unit });
    return events;
  }

  /** @param {Bundle} bundle @param {number} mediaMs @param {boolean} usable @param {number} nowUs */
  #noteArrival(bundle, mediaMs, usable, nowUs) {
    const newest = this.#window.add(bundle.seq, usable, nowUs);
    if (newest && usable) this.#usableUs = nowUs;
    if (newest) this.#mediaMs = Math.max(mediaMs, this.#mediaMs ?? 0);
    this.#noteTransit(nowUs - mediaMs * 1000);
    this.#timer.arrived(this.#queueGrows(nowUs - mediaMs * 1000));
  }

  /** @param {number} sizeBytes */
  #noteBytes(sizeBytes) {
    this.#untoldBytes += sizeBytes;
    this.#timer.arrived(this.#untoldBytes >= ACK_AFTER_BYTES);
  }

  /**
   * Interarrival jitter, RFC 3550, section 6.4.1.
   * @param {number} transitUs
   */
  #noteTransit(transitUs) {
    if (this.#transitUs !== null) {
      this.#jitterMs += (Math.abs(transitUs - this.#transitUs) / 1000 - this.#jitterMs) / 16;
    }
    this.#transitUs = transitUs;
  }

  /**
   * Whether the sender should hear of the transit now: it grew since the last acknowledgement, beyond jitter.
   * @param {number} transitUs
   */
  #queueGrows(transitUs) {
    if (this.#toldTransitUs === null) return false;
    return transitUs - this.#toldTransitUs >= (ACK_DELAY_GROWTH_MS + 2 * this.#jitterMs) * 1000;
  }

  /** @param {Bundle} bundle @param {readonly MotionFrame[]} frames @param {boolean} complete */
  #noteMotion(bundle, frames, complete) {
    this.#history.add(frames);
    if (!complete) {
      this.#basesLost = true;
      this.#timer.arrived(true);
    } else if (bundle.motion.some((section) => section.baseDistanceMs === 0)) {
      this.#basesLost = false;
    }
    const last = frames.at(-1);
    if (last !== undefined && last.mediaMs > (this.#newestMotionMs ?? -1)) {
      this.#newestMotionMs = last.mediaMs;
      this.#namedKeyframe = last.keyframeId;
    }
  }

  /** @param {Bundle} bundle @param {number} nearMs @returns {VoicePacket[]} */
  #freshVoice(bundle, nearMs) {
    /** @type {VoicePacket[]} */
    const packets = [];
    for (const packet of bundle.voice) {
      const mediaMs = unwrapMs(packet.mediaMs, nearMs);
      if (this.#voiceSeen.includes(mediaMs)) continue;
      this.#voiceSeen.push(mediaMs);
      if (this.#voiceSeen.length > VOICE_SEEN) this.#voiceSeen.shift();
      packets.push(Object.freeze({ ...packet, mediaMs }));
    }
    return packets;
  }

  /** @param {KeyframePart} part @param {number} nowUs @returns {Event[]} */
  #receivePart(part, nowUs) {
    const keyframe = this.#keyframes.add(part, nowUs);
    this.#timer.arrived(keyframe !== null);
    if (keyframe === null) return [];
    this.#wantsKeyframe = false;
    this.#stats.keyframes += 1;
    return [{ type: "KeyframeReceived", keyframe }];
  }

  /** @param {readonly VideoUnit[]} units @param {number} nearMs */
  #freshPictures(units, nearMs) {
    /** @type {VideoUnit[]} */
    const fresh = [];
    for (const unit of units) {
      const placed = Object.freeze({ ...unit, mediaMs: unwrapMs(unit.mediaMs, nearMs) });
      if (this.#video.addUnit(placed) !== null) fresh.push(placed);
    }
    return fresh;
  }

  /** @param {VideoPart} part @param {number} sizeBytes @returns {Event[]} */
  #receiveVideoPart(part, sizeBytes) {
    const mediaMs = unwrapMs(part.mediaMs, this.#mediaMs);
    if (mediaMs < 0) throw new MalformedMessage("picture before the start of the media clock");
    this.#noteBytes(sizeBytes);
    const unit = this.#video.addPart(part, mediaMs);
    if (unit === null) return [];
    this.#stats.videoUnits += 1;
    return [{ type: "VideoReceived", unit }];
  }

  /** @param {number} nowUs @returns {BundleReport | null} */
  #report(nowUs) {
    const arrived = this.#window.report();
    if (arrived === null) return null;
    const ageMs = Math.max(0, Math.floor((nowUs - this.#usableUs) / 1000));
    return Object.freeze({ ...arrived, ageMs, jitterMs: roundHalfEven(this.#jitterMs), ...this.#window.arrivals() });
  }
}
