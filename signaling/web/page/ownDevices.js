/**
 * This end's camera and microphone: chosen in the lobby, opened, previewed, closed.
 *
 * Touches the lobby's elements only. Invariant: whatever cannot be opened ends in a sentence, and what can be is used without it;
 * what was opened for somebody who has left meanwhile is closed again.
 */

import { closeDevices, listDevices, openDevices } from "./devices.js";
import { Face } from "./face.js";
import { byId, choices, freshCanvas, warn } from "./view.js";
import { DEVICE_FAILED, DEVICES, PARTLY } from "./words.js";

/** @import { Device } from "../render/engine.js" */
/** @import { FaceReport } from "./face.js" */
/** @import { Support } from "./support.js" */

const NOTHING_SEEN = Object.freeze({ state: /** @type {const} */ ("waiting"), faces: 0, meanMs: 0 });

/** See the top of the file. */
export class OwnDevices {
  #support;
  #device;
  #onFaceFailed;
  /** @type {MediaStream | null} */
  #media = null;
  /** @type {Face | null} */
  #face = null;
  /** @type {FaceReport} */
  #report = NOTHING_SEEN;
  /** Raised whenever devices are closed: what was asked for before is not wanted any more. */
  #turn = 0;
  #wanted = false;
  /** One request after the other; never fails. */
  #opening = Promise.resolve();

  /**
   * @param {Support} support
   * @param {Device | null} device For the camera's networks; null: what is faster.
   * @param {() => void} onFaceFailed The camera is not looked at any more; the microphone is not affected.
   */
  constructor(support, device, onFaceFailed) {
    this.#support = support;
    this.#device = device;
    this.#onFaceFailed = onFaceFailed;
  }

  /** What is open; null: nothing. */
  get media() {
    return this.#media;
  }

  /** What looks at the camera; null without, and where this browser cannot. */
  get face() {
    return this.#face;
  }

  /** The newest word of `face`. */
  get report() {
    return this.#report;
  }

  /** Done once what was asked for last is open, or was refused. */
  get opened() {
    return this.#opening;
  }

  /** Open what is chosen; what cannot be had is told. */
  use() {
    this.#opening = this.#opening.then(() => this.#open()).catch(() => warn(DEVICE_FAILED));
  }

  /** After a sleep or another network devices may be gone; after hanging up they are closed. */
  useAgain() {
    const ended = this.#media === null || this.#media.getTracks().some((track) => track.readyState === "ended");
    if (this.#wanted && ended) this.use();
  }

  close() {
    this.#turn += 1;
    this.#face?.close();
    this.#face = null;
    this.#report = NOTHING_SEEN;
    closeDevices(this.#media);
    this.#media = null;
  }

  async #open() {
    const { camera, microphone, tracks } = this.#support;
    const [cameraId, microphoneId] = [camera || tracks ? chosen("camera") : null, microphone || tracks ? chosen("microphone") : null];
    this.close();
    warn("");
    const turn = this.#turn;
    const { media, error } = await openDevices(cameraId, microphoneId);
    if (turn !== this.#turn) {
      closeDevices(media);
      return;
    }
    this.#media = media;
    this.#wanted = media !== null;
    if (error !== null) warn(sentenceOf(error, media));
    await this.#preview();
    await offerDevices(media);
  }

  async #preview() {
    const preview = /** @type {HTMLVideoElement} */ (byId("preview"));
    preview.srcObject = this.#media;
    const [track] = this.#media?.getVideoTracks() ?? [];
    if (track === undefined) return;
    if (this.#support.camera) {
      this.#face = new Face(track, (report) => (this.#report = report), () => this.#faceFailed(), this.#device);
      this.#face.draw(freshCanvas(byId("crop"), "What will be sent: the square around your face"));
    }
    await preview.play().catch(() => {}); // a preview that was taken away meanwhile, or that has to wait for a click
  }

  #faceFailed() {
    this.#face?.close();
    this.#face = null;
    this.#report = NOTHING_SEEN;
    this.#onFaceFailed();
  }
}

/** @param {string} id Of a select. @returns {string | null} "": any; null: none. */
function chosen(id) {
  const { value } = /** @type {HTMLSelectElement} */ (byId(id));
  return value === "none" ? null : value;
}

/** @param {unknown} error @param {MediaStream | null} media What there is all the same. */
function sentenceOf(error, media) {
  const why = DEVICES[error instanceof Error ? error.name : ""] ?? DEVICE_FAILED;
  if (media === null) return why;
  return `${why} ${media.getVideoTracks().length ? PARTLY.camera : PARTLY.microphone}`;
}

/** @param {MediaStream | null} media What is open is what is chosen. */
async function offerDevices(media) {
  const { cameras, microphones } = await listDevices();
  const used = (/** @type {MediaStreamTrack | undefined} */ track) => track?.getSettings().deviceId ?? null;
  const select = (/** @type {string} */ id) => /** @type {HTMLSelectElement} */ (byId(id));
  choices(select("camera"), cameras, ["any camera", "no camera"], used(media?.getVideoTracks()[0]));
  choices(select("microphone"), microphones, ["any microphone", "no microphone"], used(media?.getAudioTracks()[0]));
}
