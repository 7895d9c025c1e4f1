/**
 * One call of this page: workers, ports between them, the connection and the sound card, put together and taken apart.
 *
 *     camera --> face worker --motion, keyframes--> call worker <--messages--> Peer (this thread) <--> the other end
 *     microphone --> worklet --> call worker --> worklet --> loudspeaker
 *                                call worker --> render worker --> canvas
 *
 * Must not touch the page's elements but the canvases handed in. Invariant: however a call ends, its workers and its
 * connection end with it.
 */

import { nowUs } from "../call/clock.js";
import { bundleDigest, readManifest } from "../render/engine.js";
import { takesTracks, Way, wayOut } from "./ordinary.js";
import { Peer } from "./peer.js";
import { Stage } from "./stage.js";

/** @import { Device } from "../render/engine.js" */
/** @import { ControlMessage } from "../codec/control.js" */
/** @import { Face } from "./face.js" */
/** @import { PeerEvents } from "./peer.js" */
/** @import { WayOut } from "./ordinary.js" */
/** @import { Invitation } from "./peer.js" */

const ANALYSER = "analyser/analyser.onnx";
const MODEL_DIGITS = 16;
export const VOICE_FRAME_MS = 80;
export const VOICE_BPS = 6000;

/**
 * What happens in a call, for the page. state: a key of words.js' STATES. speed: of the network. stats:
 * numbers of the state machines, twice a second. digits: the security number of the connection, null where there can be
 * none. way: whether this call may become an ordinary one. ordinary: it has, and what comes. notice: something to say (a
 * key of words.js).
 * @typedef {Readonly<{state: (state: string) => void, refused: (code: string) => void,
 *   speed: (speed: {size: string, device: Device, medianMs: number, slow: boolean}) => void,
 *   stats: (stats: any) => void, control: (message: any) => void, digits: (digits: string | null) => void,
 *   way: (way: WayOut) => void, ordinary: (stream: MediaStream) => void, notice: (notice: string) => void,
 *   failed: (message: string) => void}>} CallEvents
 */
/**
 * remote: where to draw the other person. stage: what draws there. media, face: this end's. All three outlive the call; null
 * without. speaks: this browser can code the microphone's voice. features: see page/ordinary.js.
 * @typedef {Readonly<{remote: HTMLCanvasElement, media: MediaStream | null, face: Face | null, stage: Stage, context: AudioContext,
 *   speaks: boolean, features: readonly string[]}>} CallParts
 */

/** See the top of the file. */
export class Call {
  #events;
  #parts;
  #call = worker("../call/callWorker.js");
  /** @type {Stage | null} */
  #mirror = null;
  /** @type {Readonly<{size: string | null, device: Device | null}>} What this computer is fast enough for. */
  #network = { size: null, device: null };
  /** @type {Peer | null} */
  #peer = null;
  /** @type {AudioNode[]} */
  #nodes = [];
  /** @type {AudioWorkletNode | null} */
  #microphone = null;
  #muted = false;
  #ended = false;
  /** @type {(value: unknown) => void} */
  #ready = () => {};

  /** @param {CallParts} parts @param {CallEvents} events */
  constructor(parts, events) {
    this.#parts = parts;
    this.#events = whileRunning(events, () => !this.#ended);
    this.#call.onmessage = ({ data }) => this.#fromCall(data);
    this.#call.onerror = (event) => this.#broken(event.message);
  }

  /**
   * Load everything; what arrives before the networks are there waits for them.
   * @param {() => void} onStarted The state machines run: now is the time to join.
   */
  async prepare(onStarted) {
    const model = (await bundleDigest([ANALYSER], await readManifest())).slice(0, MODEL_DIGITS);
    const { context, remote, stage, features } = this.#parts;
    const [render, player, microphone, face] = ["render", "player", "microphone", "face"].map(() => new MessageChannel());
    const ready = new Promise((resolve) => (this.#ready = resolve));
    stage.open(remote, render.port1, (message) => this.#fromRender(message));
    await context.audioWorklet.addModule(new URL("../sound/player.worklet.js", import.meta.url));
    await context.audioWorklet.addModule(new URL("../sound/microphone.worklet.js", import.meta.url));
    this.#connectSound(player.port1, microphone.port1);
    const startUs = nowUs();
    const config = { model, features, startUs, voiceFrameMs: VOICE_FRAME_MS, voiceBps: VOICE_BPS };
    const ports = { render: render.port2, player: player.port2, microphone: microphone.port2, face: face.port2 };
    this.#call.postMessage({ type: "start", ...config, ...ports }, Object.values(ports));
    this.#parts.face?.call(face.port1, startUs);
    if (!this.#ended) onStarted();
    await ready;
  }


  /** @param {string} url @param {Invitation} invitation */
  join(url, invitation) {
    this.#events.state("joining");
    const { features, media } = this.#parts;
    const events = this.#peerEvents();
    this.#peer = new Peer(url, invitation, events, takesTracks(features) ? { media } : null);
  }

  /** @returns {PeerEvents} */
  #peerEvents() {
    return {
      joined: (peerPresent) => this.#events.state(peerPresent ? "connecting" : "waiting"),
      peerJoined: () => this.#events.state("connecting"),
      peerLeft: () => {
        if (!this.#peer?.isOpen) this.#events.state("waiting");
      },
      open: (fingerprints) => {
        this.#call.postMessage({ type: "open", fingerprints });
        this.#events.state("open");
        if (fingerprints === null) this.#events.digits(null);
      },
      lost: (wasOpen) => {
        this.#call.postMessage({ type: "closed" });
        this.#events.state(wasOpen ? "lost" : "no-path");
      },
      refused: (code) => this.#events.refused(code),
      serviceGone: () => {
        if (!this.#peer?.isOpen) this.#events.state("service-gone");
      },
      message: (buffer) => {
        const data = new Uint8Array(buffer);
        this.#call.postMessage({ type: "received", data }, [buffer]);
      },
      ordinary: (stream) => {
        this.#call.postMessage({ type: "ordinary" });
        this.mirror(null);
        this.#events.ordinary(stream);
      },
    };
  }

  /** This person agrees to an ordinary call, or both ends need one. */
  becomeOrdinary() {
    this.#peer?.offerTracks(this.#parts.media);
  }

  /** Bytes and packets of the connection; null while there is none. */
  async counters() {
    return (await this.#peer?.counters()) ?? null;
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    this.#microphone?.port.postMessage({ muted });
    this.#parts.media?.getAudioTracks().forEach((track) => (track.enabled = !muted));
  }

  /** @param {boolean} off */
  cameraOff(off) {
    this.#parts.media?.getVideoTracks().forEach((track) => (track.enabled = !off));
    this.#parts.face?.off(off);
  }

  /** Send a new reference of this end's face, and ask the other end for one. */
  newReference() {
    this.#parts.face?.reference();
    this.#call.postMessage({ type: "ask", reference: true });
  }

  /** @param {number | null} rung */
  pin(rung) {
    this.#call.postMessage({ type: "ask", rung });
  }

  /**
   * Rebuild this end's own picture as the other side does, or stop it.
   * @param {HTMLCanvasElement | null} canvasElement
   */
  mirror(canvasElement) {
    this.#mirror?.close();
    this.#mirror = null;
    const { face } = this.#parts;
    face?.mirror(null);
    if (canvasElement === null || face === null) return;
    const { port1, port2 } = new MessageChannel();
    this.#mirror = new Stage(this.#network, { ears: false });
    this.#mirror.open(canvasElement, port1, ({ type, message }) => {
      if (type !== "broken") return;
      console.warn("the mirror:", message);
      this.mirror(null);
      this.#events.notice("mirror-failed");
    });
    face.mirror(port2);
  }

  /** Hang up. */
  end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#parts.face?.call(null, 0);
    this.#parts.face?.mirror(null);
    this.#parts.stage.leave();
    this.#call.postMessage({ type: "leave", reason: "hung up" });
    // The goodbye must leave before the connection does.
    setTimeout(() => this.#release(), 300);
  }

  #release() {
    this.#peer?.close();
    this.#call.terminate();
    this.#mirror?.close();
    this.#nodes.forEach((node) => node.disconnect());
    void this.#parts.context.close();
  }

  /** @param {MessagePort} player @param {MessagePort} microphone */
  #connectSound(player, microphone) {
    const { context, media, speaks } = this.#parts;
    const speaker = new AudioWorkletNode(context, "facewire-player", { numberOfInputs: 0, outputChannelCount: [1] });
    speaker.port.postMessage({ port: player }, [player]);
    speaker.connect(context.destination);
    this.#nodes.push(speaker);
    if (!speaks || !media?.getAudioTracks().length) return;
    const source = context.createMediaStreamSource(media);
    this.#microphone = new AudioWorkletNode(context, "facewire-microphone", { numberOfOutputs: 0 });
    this.#microphone.port.postMessage({ port: microphone }, [microphone]);
    this.#microphone.port.postMessage({ muted: this.#muted });
    source.connect(this.#microphone);
    this.#nodes.push(source, this.#microphone);
  }

  /** @param {any} message */
  #fromCall(message) {
    if (message.type === "send") this.#peer?.send(message.channel, message.data);
    else if (message.type === "stats") this.#events.stats(message.stats);
    else if (message.type === "control") this.#takeControl(message.message);
    else if (message.type === "digits") this.#events.digits(message.digits);
    else if (message.type === "ended") this.#events.state(message.reason);
    else if (message.type === "render-failed") this.#events.notice("render-failed");
    else if (message.type === "broken") this.#broken(message.message);
  }

  /** @param {ControlMessage} message */
  #takeControl(message) {
    this.#events.control(message);
    if (message.kind !== "hello") return;
    const way = wayOut(this.#parts.features, message.features);
    this.#events.way(way);
    // Of two that both need it, one begins.
    if (way === Way.AGREED && !this.#peer?.polite) this.becomeOrdinary();
  }

  /** @param {any} message */
  #fromRender(message) {
    if (message.type === "ready") this.#ready(null);
    if (message.type === "ready" || message.type === "speed") {
      this.#network = { size: message.size, device: message.device };
      this.#events.speed(message);
    }
    if (message.type === "broken") this.#broken(message.message);
  }

  /** @param {string} message */
  #broken(message) {
    this.#ready(null);
    this.#events.failed(message);
  }
}

/**
 * The same events, as long as the call runs: what comes after its end is nobody's business.
 * @param {CallEvents} events
 * @param {() => boolean} running
 * @returns {CallEvents}
 */
function whileRunning(events, running) {
  const guarded = Object.entries(events).map(([name, tell]) => [
    name,
    (/** @type {any} */ told) => {
      if (running()) tell(told);
    },
  ]);
  return Object.freeze(Object.fromEntries(guarded));
}

/** @param {string} path */
function worker(path) {
  return new Worker(new URL(path, import.meta.url), { type: "module" });
}
