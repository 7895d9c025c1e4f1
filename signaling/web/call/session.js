/**
 * One call, both directions, without I/O: messages in, messages out, pictures and voice as they fall due
 * (receiver/session.py and sender/session.py).
 *
 *     received --> Decoder --events--> Playout --picture due--> hooks.show
 *                     |                   +------voice due----> hooks.play
 *                     +--acknowledgements--> Encoder --bundles, parts, control--> hooks.send
 *                                               ^--plan-- RateFollower --plan--> hooks.plan
 *
 * Must not import transports, codecs of pictures or sound, or clocks: `nowUs`, whole microseconds, is handed in.
 * Invariant: whatever the peer sends, the call goes on or ends with a reason; only `hooks.end` ends it.
 */

import { RemoteError, UnsupportedVersion } from "../codec/errors.js";
import { Decoder } from "../codec/decoder.js";
import { Rung, VideoKind } from "../codec/frames.js";
import { Playout } from "../codec/playout.js";
import { PROTOCOL_VERSION } from "../codec/wire.js";
import { FEATURE_BOUND } from "../codec/control.js";
import { AuthenticationFailed } from "./authentication.js";
import { KeyframeBinding } from "./keyframeBinding.js";
import { Encoder } from "./encoder.js";
import { wireKbps } from "./ladder.js";
import {
  CALL_MALFORMED_MAX,
  KEYFRAME_RATE_BURST,
  KEYFRAME_RATE_PER_S,
  PACKET_WIRE_BYTES,
  PEER_PROBE_MS,
  VOICE_LAG_MAX_MS,
} from "./limits.js";
import { RateFollower } from "./rateFollower.js";
import { TokenBucket } from "./tokenBucket.js";

/** @import { AuthCommit, AuthReveal, ControlMessage, Hello } from "../codec/control.js" */
/** @import { PictureDue, VoiceDue } from "../codec/due.js" */
/** @import { Event } from "../codec/events.js" */
/** @import { Keyframe, MotionFrame, Outgoing, VideoUnit, VoicePacket } from "../codec/frames.js" */
/** @import { ShortAuthentication } from "./authentication.js" */
/** @import { Coding } from "./coding.js" */

export const DISCLOSURE_TEXT = "The picture is rebuilt by a neural network from motion data; the voice is real.";
/** The voice waits for the picture's own making; this many pictures make up the mean of how long that takes. */
const LAG_SMOOTHING = 8;
/** An acknowledgement rides in a bundle when one left this recently, since the next is then near. */
const RIDE_US = 200_000;
/** Shortest distance of two looks at the clock: timers of a page are not finer. */
const TICK_MIN_US = 2000;
const IDLE_TICK_US = 20_000;
/** What a reference takes on the wire, with its parts' headers. */
const KEYFRAME_WIRE_BYTES = 3100;

/**
 * What a call does to the world. show: a picture is due. hear: a voice packet arrived, decode it. play: voice is due.
 * keyframe: a reference arrived. video: a thumbnail or video picture did. plan: voice packets shall be this long from now on.
 * digits: the security number that both people must see alike. end: the call is over, and why.
 * @typedef {Readonly<{send: (outgoing: Outgoing) => void, show: (due: PictureDue) => void,
 *   hear: (packet: VoicePacket) => void, play: (due: VoiceDue) => void, keyframe: (keyframe: Keyframe) => void,
 *   video: (unit: VideoUnit) => void, control: (message: ControlMessage) => void, plan: (voicePacketMs: number) => void,
 *   digits: (digits: string) => void, end: (reason: EndReason) => void}>} Hooks
 */
/**
 * What the sending side of the page needs to know. usableKeyframeIds: those that motion may name, oldest first. wish: a new one
 * is asked for. spare: the call keeps to its rate with one that is only worth it. moves: not on the voice rung.
 * @typedef {Readonly<{usableKeyframeIds: readonly number[], wish: boolean, spare: boolean, moves: boolean}>} SenderState
 */

/** Why a call ended; the page has a sentence for each. */
export const EndReason = Object.freeze({
  PEER_LEFT: /** @type {const} */ ("peer-left"),
  PEER_REFUSED: /** @type {const} */ ("peer-refused"),
  OTHER_MODEL: /** @type {const} */ ("other-model"),
  NOT_AUTHENTIC: /** @type {const} */ ("not-authentic"),
});
/** @typedef {typeof EndReason[keyof typeof EndReason]} EndReason */

/** See the top of the file. Hand in what happens; call `tick` when it says so. */
export class CallSession {
  /** @type {Hello} */
  #hello;
  #hooks;
  #decoder;
  #encoder;
  #follower;
  #playout;
  #authentication;
  #binding;
  /** @type {VoiceDue[]} */
  #spoken = [];
  #lagUs = 0;
  #malformed = 0;
  #heardUs;
  #openUs;
  /** Bytes on the wire that this end has sent. */
  #sentBytes = 0;
  #nowUs;
  #bundleUs = -Infinity;
  #ended = false;
  #keyframeRate = new TokenBucket(KEYFRAME_RATE_PER_S, KEYFRAME_RATE_BURST);
  /** @type {number | null} What was asked of the peer last. */
  #pinned = null;
  /** @type {Record<string, number>} Pictures that were due, by state. */
  #pictures = {};

  /**
   * @param {Coding} coding
   * @param {string} model Identity of the motion model, which both ends must share.
   * @param {Hooks} hooks
   * @param {number} nowUs
   * @param {ShortAuthentication | null} authentication Of this connection; null: there is no security number.
   * @param {readonly string[]} features Of this end, for its hello.
   */
  constructor(coding, model, hooks, nowUs, authentication, features = []) {
    const bound = authentication === null ? [] : [FEATURE_BOUND];
    this.#hello = {
      kind: "hello", protocol: PROTOCOL_VERSION, model, tables: coding.identity, features: [...features, ...bound],
    };
    const send = (/** @type {Outgoing} */ outgoing) => {
      this.#sentBytes += outgoing.data.length + PACKET_WIRE_BYTES;
      hooks.send(outgoing);
    };
    this.#hooks = { ...hooks, send };
    this.#decoder = new Decoder(coding.tables);
    this.#encoder = new Encoder(coding.tables);
    this.#follower = new RateFollower(this.#encoder);
    this.#playout = new Playout(coding.tables);
    this.#heardUs = this.#openUs = this.#nowUs = nowUs;
    this.#authentication = authentication;
    this.#binding = new KeyframeBinding(coding.tables, (message) => this.#encoder.pushControl(message));
    this.#encoder.pushControl(this.#hello);
    this.#encoder.pushControl({ kind: "disclosure", text: DISCLOSURE_TEXT, reconstructed: true });
    this.#encoder.pushControl(this.#follower.mediaConfig);
    if (authentication !== null) this.#encoder.pushControl(authentication.commit);
  }

  /**
   * A message of the peer.
   * @param {Uint8Array} data
   * @param {number} nowUs
   */
  received(data, nowUs) {
    if (this.#ended) return;
    this.#heardUs = nowUs;
    try {
      for (const event of this.#decoder.receive(data, nowUs)) this.#take(event, nowUs);
      if (this.#binding.overdue(nowUs)) this.#distrust();
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      if (error instanceof UnsupportedVersion) this.#refuse("unsupported version");
      else if (error instanceof AuthenticationFailed) this.#distrust();
      else this.countMalformed();
    }
  }

  /** The peer broke a rule. A few are survived and counted; a peer that speaks something else is not. */
  countMalformed() {
    this.#malformed += 1;
    if (this.#malformed > CALL_MALFORMED_MAX) this.#refuse("too many malformed messages");
  }

  /**
   * Everything that is due by now; returns when to call again, in microseconds.
   * @param {number} nowUs
   */
  tick(nowUs) {
    if (this.#ended) return Infinity;
    this.#nowUs = nowUs;
    this.#play(nowUs);
    this.#acknowledge(nowUs);
    if (this.#follower.update(nowUs) !== null) this.#hooks.plan(this.#follower.voicePacketMs);
    if (nowUs - this.#heardUs >= PEER_PROBE_MS * 1000) this.#probe(nowUs);
    this.#flush(nowUs);
    const waits = [
      this.#playout.nextDueUs() ?? Infinity,
      this.#spoken.length ? this.#spoken[0].dueUs + this.#lagUs : Infinity,
      this.#decoder.nextPollUs(nowUs),
      this.#encoder.nextPollUs(nowUs),
      nowUs + IDLE_TICK_US,
    ];
    return Math.max(nowUs + TICK_MIN_US, Math.min(...waits));
  }

  /** @param {MotionFrame} frame */
  pushMotion(frame) {
    if (this.#follower.wantsMotion(frame.mediaMs)) this.#encoder.pushMotion(frame);
  }

  /** @param {VoicePacket} packet */
  pushVoice(packet) {
    this.#encoder.pushVoice(packet);
  }

  /** @param {Keyframe} keyframe */
  pushKeyframe(keyframe) {
    this.#encoder.pushKeyframe(keyframe);
    void this.#binding.sent(keyframe);
  }

  /** @param {number | null} rung */
  pin(rung) {
    this.#pinned = rung;
    this.#encoder.pushControl({ kind: "pin", rung });
  }

  /**
   * The peer's keyframe can be shown, or never will be.
   * @param {number} keyframeId
   * @param {boolean} usable
   */
  referenceDone(keyframeId, usable) {
    if (usable) this.#playout.addKeyframe(keyframeId);
    else this.#decoder.refuseKeyframe(keyframeId);
  }

  /**
   * Pictures of this kind cannot be decoded until one comes that stands alone.
   * @param {number} kind A `VideoKind`.
   */
  wantIntra(kind) {
    this.#decoder.wantIntra(kind);
  }

  /** Ask the peer for a new reference. */
  wantKeyframe() {
    this.#decoder.wantKeyframe();
  }

  /**
   * A picture left the screen's queue this long after it was due.
   * @param {number} lateUs
   */
  shown(lateUs) {
    const boundedUs = Math.min(Math.max(lateUs, 0), VOICE_LAG_MAX_MS * 1000);
    this.#lagUs += Math.floor((boundedUs - this.#lagUs) / LAG_SMOOTHING);
  }

  /** @returns {SenderState} */
  takeSenderState() {
    const { plan } = this.#follower;
    const allowedBytes = (wireKbps(plan) * (this.#nowUs - this.#openUs)) / 8000;
    return {
      usableKeyframeIds: this.#encoder.usableKeyframeIds,
      wish: this.#encoder.takeKeyframeWish(),
      spare: this.#sentBytes + KEYFRAME_WIRE_BYTES <= allowedBytes,
      moves: plan.rung !== Rung.VOICE,
    };
  }

  /**
   * Say goodbye; nothing is sent after this.
   * @param {string} reason
   * @param {number} nowUs
   */
  leave(reason, nowUs) {
    if (this.#ended) return;
    this.#encoder.pushControl({ kind: "bye", reason });
    this.#flush(nowUs);
    this.#ended = true;
  }

  /** Numbers of the call so far. loss: share of this end's bundles that did not arrive, 0..1. rung: that this end sends on. */
  get stats() {
    return Object.freeze({
      rung: this.#follower.plan.rung,
      pictures: Object.freeze({ ...this.#pictures }),
      ...this.#encoder.stats,
      received: this.#decoder.stats,
      late: this.#playout.late,
      rttMs: this.#encoder.rttMs,
      loss: this.#encoder.loss,
      malformed: this.#malformed,
    });
  }

  /** @param {Event} event @param {number} nowUs */
  #take(event, nowUs) {
    switch (event.type) {
      case "MotionReceived":
        this.#playout.pushMotion(event.frame, nowUs);
        break;
      case "VoiceReceived":
        this.#playout.pushVoice(event.packet, nowUs);
        this.#hooks.hear(event.packet);
        break;
      case "KeyframeReceived":
        // Each is decoded and goes through a network: a peer that sends more of them than a call needs is refused.
        if (this.#keyframeRate.take(nowUs)) {
          this.#playout.pushStill(event.keyframe.mediaMs, nowUs);
          void this.#binding.came(event.keyframe, nowUs);
          this.#hooks.keyframe(event.keyframe);
        } else this.#decoder.refuseKeyframe(event.keyframe.keyframeId);
        break;
      case "VideoReceived":
        if (event.unit.kind === VideoKind.VIDEO) this.#playout.pushVideo(event.unit.mediaMs, nowUs);
        this.#hooks.video(event.unit);
        break;
      case "AckReceived":
        this.#encoder.receiveAck(event.ack, nowUs);
        this.#follower.acknowledged(nowUs);
        break;
      case "ControlReceived":
        this.#takeControl(event.message);
        break;
    }
  }

  /** @param {ControlMessage} message */
  #takeControl(message) {
    const { model, tables } = this.#hello;
    if (message.kind === "hello" && (message.model !== model || message.tables !== tables)) {
      this.#end(EndReason.OTHER_MODEL);
    } else if (message.kind === "bye") this.#end(EndReason.PEER_LEFT);
    else if (message.kind === "pin") this.#follower.pin(message.rung);
    else if (message.kind === "keyframe_bound") void this.#binding.take(message);
    else if (message.kind === "auth_commit" || message.kind === "auth_reveal") this.#authenticate(message);
    else {
      if (message.kind === "hello") this.#binding.expected = this.#bindsToo(message);
      if (message.kind === "media_config") this.#playout.expectMotion(message.rung !== Rung.VOICE);
      this.#hooks.control(message);
    }
  }

  /** @param {Hello} hello */
  #bindsToo(hello) {
    return this.#authentication !== null && hello.features.includes(FEATURE_BOUND);
  }

  /** @param {AuthCommit | AuthReveal} message */
  #authenticate(message) {
    const authentication = this.#authentication;
    if (authentication === null) return;
    if (message.kind === "auth_commit") this.#encoder.pushControl(authentication.takeCommitment(message));
    else {
      authentication.takeNonce(message).then(
        (digits) => {
          if (this.#ended) return;
          this.#hooks.digits(digits);
          if (authentication.ends !== null) void this.#binding.known(...authentication.ends);
        },
        () => this.#distrust(),
      );
    }
  }

  /** @param {number} nowUs */
  #play(nowUs) {
    for (let due = this.#playout.voiceAt(nowUs); due; due = this.#playout.voiceAt(nowUs)) this.#spoken.push(due);
    while (this.#spoken.length && this.#spoken[0].dueUs + this.#lagUs <= nowUs) {
      this.#hooks.play(/** @type {VoiceDue} */ (this.#spoken.shift()));
    }
    const picture = this.#playout.pictureAt(nowUs);
    if (picture === null) return;
    this.#pictures[picture.state] = (this.#pictures[picture.state] ?? 0) + 1;
    this.#hooks.show(picture);
  }

  /** @param {number} nowUs */
  #acknowledge(nowUs) {
    if (nowUs - this.#bundleUs > RIDE_US) {
      for (const outgoing of this.#decoder.poll(nowUs)) this.#hooks.send(outgoing);
      return;
    }
    const ack = this.#decoder.takeAck(nowUs);
    if (ack !== null) this.#encoder.pushAck(ack, nowUs);
  }

  /**
   * Say something harmless to a peer that says nothing, so that its transport must answer or be found dead.
   * @param {number} nowUs
   */
  #probe(nowUs) {
    this.#heardUs = nowUs;
    this.#encoder.pushControl({ kind: "pin", rung: this.#pinned });
  }

  /** @param {number} nowUs */
  #flush(nowUs) {
    const before = this.#encoder.stats.bundles;
    for (const outgoing of this.#encoder.poll(nowUs)) this.#hooks.send(outgoing);
    if (this.#encoder.stats.bundles > before) this.#bundleUs = nowUs;
  }

  /** The peer, or somebody in between, cheated at the security number. */
  #distrust() {
    this.#refuse("authentication failed", EndReason.NOT_AUTHENTIC);
  }

  /** @param {string} told To the peer. @param {EndReason} reason */
  #refuse(told, reason = EndReason.PEER_REFUSED) {
    if (this.#ended) return;
    this.#encoder.pushControl({ kind: "bye", reason: told });
    this.#flush(this.#heardUs);
    this.#end(reason);
  }

  /** @param {EndReason} reason */
  #end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    this.#hooks.end(reason);
  }
}
