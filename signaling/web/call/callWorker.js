/**
 * The worker that holds a call's state machines: everything with a deadline and nothing that takes long.
 *
 *     page ---- message, control ----> [CallSession] ---- keyframe, show, sound ----> render worker
 *     page <--- send, stats, ended ---                <--- reference, shown ---------
 *     sound card <--- pieces of voice                 <--- motion, keyframe --------- face worker
 *                                                     <--- sound -------------------- microphone
 *
 * Must not import networks. Invariant: nothing waits in it longer than a tick of its clock.
 */

import { OpusDecoder } from "../sound/opusDecoder.js";
import { VoiceEncoder } from "../sound/voiceEncoder.js";
import { VoicePlayer } from "../sound/voicePlayer.js";
import { NONCE_BYTES, ShortAuthentication } from "./authentication.js";
import { nowUs } from "./clock.js";
import { loadCoding } from "./coding.js";
import { CallSession } from "./session.js";

/** @import { Fingerprints } from "./authentication.js" */
/** @import { Coding } from "./coding.js" */
/** @import { Hooks } from "./session.js" */

/**
 * model: identity of the motion model. features: of this end, for its hello. startUs: when the media clock is zero.
 * voiceFrameMs: of the voice packets at first. render, player, microphone, face: ports.
 * @typedef {{model: string, features: readonly string[], startUs: number, voiceFrameMs: number,
 *   voiceBps: number, render: MessagePort, player: MessagePort, microphone: MessagePort, face: MessagePort}} CallStart
 */

const SAMPLES_PER_MS = 48;
const STATS_INTERVAL_US = 500_000;
const FAILED_RENDERS_MAX = 50;

/** @type {CallWorker | null} */
let call = null;

class CallWorker {
  #start;
  #coding;
  /** @type {CallSession | null} One for each connection; null while there is none. */
  #session = null;
  #sessions = 0;
  #voice = new VoicePlayer();
  #decoder;
  #encoder;
  #statsUs = 0;
  #failedRenders = 0;
  /** Pictures that the network made. */
  #shown = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #senderState = "";
  /** Tracks carry picture and voice: this end says nothing of its own any more. */
  #ordinary = false;

  /** @param {CallStart} start @param {Coding} coding */
  constructor(start, coding) {
    this.#start = start;
    this.#coding = coding;
    this.#decoder = new OpusDecoder((mediaMs, pcm) => {
      this.#voice.decoded(mediaMs, pcm);
      start.render.postMessage({ type: "heard", mediaMs, pcm });
    });
    this.#encoder = new VoiceEncoder(start.voiceBps, start.voiceFrameMs, (packet) => {
      this.#session?.pushVoice(packet);
      this.tick();
    });
    start.render.onmessage = ({ data }) => this.#fromRender(data);
    start.face.onmessage = ({ data }) => this.#fromFace(data);
    start.microphone.onmessage = ({ data: pcm }) => {
      if (!this.#ordinary) this.#encoder.push((nowUs() - start.startUs) / 1000 - pcm.length / SAMPLES_PER_MS, pcm);
    };
  }

  /** The channels are open: both ends begin anew. @param {Fingerprints | null} fingerprints */
  async open(fingerprints) {
    const { model, features, voiceFrameMs, render } = this.#start;
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    // What the peer sends meanwhile waits, see `queue`.
    const authentication = fingerprints && (await ShortAuthentication.begin(fingerprints, nonce));
    this.#sessions += 1;
    this.#ordinary = false;
    this.#voice = new VoicePlayer();
    render.postMessage({ type: "reset" });
    this.#encoder.setFrameMs(voiceFrameMs);
    this.#session = new CallSession(this.#coding, model, this.#hooks(), nowUs(), authentication, features);
    this.tick();
  }

  /** The connection is an ordinary call from now on. */
  ordinary() {
    this.#ordinary = true;
    const nothing = { usableKeyframeIds: [], wish: false, spare: false, moves: false };
    this.#start.face.postMessage({ type: "sender", session: 0, ...nothing });
  }

  /** The channels are gone. */
  closed() {
    this.#session = null;
    clearTimeout(this.#timer);
  }

  /** @returns {Hooks} */
  #hooks() {
    const { render, player } = this.#start;
    return {
      send: ({ channel, data }) => postMessage({ type: "send", channel, data }),
      show: (due) => render.postMessage({ type: "show", due }),
      hear: (packet) => this.#decoder.push(packet),
      play: (due) => {
        const pcm = this.#voice.play(due);
        player.postMessage(pcm, [pcm.buffer]);
      },
      keyframe: (keyframe) => render.postMessage({ type: "keyframe", keyframe }),
      video: (unit) => render.postMessage({ type: "video", unit }),
      control: (message) => postMessage({ type: "control", message }),
      plan: (voicePacketMs) => this.#encoder.setFrameMs(voicePacketMs),
      digits: (digits) => postMessage({ type: "digits", digits }),
      end: (reason) => postMessage({ type: "ended", reason }),
    };
  }

  /** @param {Uint8Array} data */
  received(data) {
    this.#session?.received(data, nowUs());
    this.tick();
  }

  tick() {
    clearTimeout(this.#timer);
    if (this.#session === null) return;
    const now = nowUs();
    const nextUs = this.#session.tick(now);
    if (!this.#ordinary) this.#tellFace(this.#session);
    if (now - this.#statsUs >= STATS_INTERVAL_US) {
      this.#statsUs = now;
      const stats = { ...this.#session.stats, shown: this.#shown, concealed: this.#voice.concealed, broken: this.#decoder.broken };
      postMessage({ type: "stats", stats });
    }
    if (nextUs < Infinity) this.#timer = setTimeout(() => this.tick(), (nextUs - now) / 1000);
  }

  /** @param {{rung?: number | null, reference?: boolean}} wish */
  ask({ rung, reference }) {
    if (rung !== undefined) this.#session?.pin(rung);
    if (reference) this.#session?.wantKeyframe();
    this.tick();
  }

  /** @param {string} reason */
  leave(reason) {
    this.#session?.leave(reason, nowUs());
    this.closed();
    this.#decoder.close();
    this.#encoder.close();
  }

  /** @param {any} message */
  #fromRender(message) {
    if (message.type === "shown") {
      this.#failedRenders = 0;
      this.#shown += message.computed ? 1 : 0;
      this.#session?.shown(nowUs() - message.dueUs);
    } else if (message.type === "reference") {
      if (message.malformed) this.#session?.countMalformed();
      this.#session?.referenceDone(message.keyframeId, message.usable);
    } else if (message.type === "video-broken") {
      if (message.malformed) this.#session?.countMalformed();
      this.#session?.wantIntra(message.kind);
    } else if (message.type === "failed") {
      this.#failedRenders += 1;
      if (this.#failedRenders === FAILED_RENDERS_MAX) postMessage({ type: "render-failed" });
    }
    this.tick();
  }

  /** @param {any} message Of an earlier connection, perhaps: then it is too late. */
  #fromFace(message) {
    if (this.#session === null || this.#ordinary || message.session !== this.#sessions) return;
    if (message.type === "motion") this.#session.pushMotion(message.frame);
    else if (message.type === "keyframe") this.#session.pushKeyframe(message.keyframe);
    this.tick();
  }

  /** @param {CallSession} session */
  #tellFace(session) {
    const state = { session: this.#sessions, ...session.takeSenderState() };
    const text = JSON.stringify(state);
    if (text === this.#senderState && !state.wish) return;
    this.#senderState = text;
    this.#start.face.postMessage({ type: "sender", ...state });
  }
}

/** @param {MessageEvent} event */
async function onMessage({ data }) {
  if (data.type === "start") call = new CallWorker(data, await loadCoding());
  else if (data.type === "received") call?.received(data.data);
  else if (data.type === "open") await call?.open(data.fingerprints);
  else if (data.type === "closed") call?.closed();
  else if (data.type === "ordinary") call?.ordinary();
  else if (data.type === "ask") call?.ask(data);
  else if (data.type === "leave") call?.leave(data.reason);
}

/** @type {Promise<void>} Messages are taken one after the other: what comes while the tables load, waits for them. */
let queue = Promise.resolve();

self.onmessage = (event) => {
  queue = queue
    .then(() => onMessage(event))
    .catch((error) => postMessage({ type: "broken", message: String(error?.message ?? error) }));
};
