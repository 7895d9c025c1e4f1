/**
 * The camera's worker, seen from the page: it lives as long as the camera is open, through the lobby and every call.
 *
 * Must not touch the page's elements but the canvases handed in. Invariant: closed, nothing of the camera is looked at.
 */

import { threadsHere } from "./threads.js";

/** @typedef {Readonly<{state: "waiting" | "running" | "lost", faces: number, meanMs: number}>} FaceReport */

/** One camera. */
export class Face {
  #worker = new Worker(new URL("../face/faceWorker.js", import.meta.url), { type: "module" });

  /**
   * @param {MediaStreamTrack} track
   * @param {(report: FaceReport) => void} onReport
   * @param {(message: string) => void} onFailure
   * @param {import("../render/engine.js").Device | null} device For its networks; null: what is faster.
   */
  constructor(track, onReport, onFailure, device) {
    const { readable } = new MediaStreamTrackProcessor({ track });
    this.#worker.onmessage = ({ data }) => (data.type === "face" ? onReport(data) : onFailure(data.message));
    this.#worker.onerror = (event) => onFailure(event.message);
    this.#worker.postMessage({ type: "start", readable, threads: threadsHere(), device }, [readable]);
  }

  /** @param {HTMLCanvasElement} element Where to draw what is sent. */
  draw(element) {
    const canvas = element.transferControlToOffscreen();
    this.#worker.postMessage({ type: "canvas", canvas }, [canvas]);
  }

  /** @param {MessagePort | null} port Of the call; null: there is none any more. @param {number} startUs */
  call(port, startUs) {
    this.#worker.postMessage({ type: "call", port, startUs }, port === null ? [] : [port]);
  }

  /** @param {boolean} off */
  off(off) {
    this.#worker.postMessage({ type: "off", off });
  }

  /** A new reference of this face shall be sent. */
  reference() {
    this.#worker.postMessage({ type: "reference" });
  }

  /** @param {MessagePort | null} port Of a renderer that shows what the other side sees. */
  mirror(port) {
    this.#worker.postMessage({ type: "mirror", port }, port === null ? [] : [port]);
  }

  close() {
    this.#worker.terminate();
  }
}
