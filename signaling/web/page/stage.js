/**
 * The worker that rebuilds pictures, seen from the page: its networks are loaded while the person still looks at the lobby, and stay
 * from call to call.
 *
 * Must not touch the page's elements but the canvases handed in. Invariant: one call at a time; what the worker says after a call is
 * nobody's business.
 */

import { threadsHere } from "./threads.js";

/** One renderer. */
export class Stage {
  #worker = new Worker(new URL("../render/renderWorker.js", import.meta.url), { type: "module" });
  /** @type {(message: any) => void} */
  #tell = () => {};

  /**
   * @param {Readonly<{size: string | null, device: import("../render/engine.js").Device | null}>} network See `Wishes`.
   * @param {Readonly<{ears: boolean}>} more ears: the voice moves the mouth, too.
   */
  constructor({ size, device }, { ears }) {
    this.#worker.onmessage = ({ data }) => this.#tell(data);
    this.#worker.onerror = (event) => this.#tell({ type: "broken", message: event.message });
    this.#worker.postMessage({ type: "load", threads: threadsHere(), size, device, ears });
  }

  /**
   * A call begins; `tell` hears "ready" when its pictures can be drawn.
   * @param {HTMLCanvasElement} element
   * @param {MessagePort} port Of the call.
   * @param {(message: any) => void} tell
   */
  open(element, port, tell) {
    this.#tell = tell;
    const canvas = element.transferControlToOffscreen();
    this.#worker.postMessage({ type: "open", canvas, port }, [canvas, port]);
  }

  /** The call is over: nothing is drawn any more. */
  leave() {
    this.#tell = () => {};
    this.#worker.postMessage({ type: "leave" });
  }

  close() {
    this.#worker.terminate();
  }
}
