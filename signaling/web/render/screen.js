/**
 * Draws rebuilt pictures and their mark on a canvas (receiver/disclosure.py).
 *
 * Must not import networks. Invariant: a picture on the canvas carries the mark, in the same place, at once with it.
 */

import { PICTURE_SIZE_PX } from "../call/limits.js";

/** What the mark of a picture says. */
export const Mark = Object.freeze({ REBUILT: "reconstructed", STILL: "still picture", VIDEO: "video", FROZEN: "video, frozen" });
const WAITING_TEXT = ["waiting for", "the first picture"];
/** Canvas pixels a side: the mark stays sharp when the picture is enlarged. */
export const CANVAS_PX = 2 * PICTURE_SIZE_PX;

/** One canvas. */
export class Screen {
  #context;
  #small = new OffscreenCanvas(PICTURE_SIZE_PX, PICTURE_SIZE_PX);
  #pixels;

  /** @param {OffscreenCanvas} canvas */
  constructor(canvas) {
    canvas.width = CANVAS_PX;
    canvas.height = CANVAS_PX;
    this.#context = contextOf(canvas);
    this.#pixels = contextOf(this.#small);
    this.#context.imageSmoothingQuality = "high";
  }

  /** The card for the time before the first picture. */
  wait() {
    const context = this.#context;
    context.fillStyle = "rgb(52 56 62)";
    context.fillRect(0, 0, CANVAS_PX, CANVAS_PX);
    context.fillStyle = "rgb(215 215 215)";
    context.font = `${CANVAS_PX / 16}px sans-serif`;
    context.textAlign = "center";
    WAITING_TEXT.forEach((line, i) => context.fillText(line, CANVAS_PX / 2, CANVAS_PX * (0.48 + 0.08 * i)));
  }

  /**
   * A picture, marked.
   * @param {Uint8ClampedArray} rgba 256 x 256 x 4.
   * @param {string} text One of `Mark`.
   */
  draw(rgba, text) {
    const pixels = /** @type {Uint8ClampedArray<ArrayBuffer>} */ (rgba);
    this.#pixels.putImageData(new ImageData(pixels, PICTURE_SIZE_PX, PICTURE_SIZE_PX), 0, 0);
    this.#context.drawImage(this.#small, 0, 0, CANVAS_PX, CANVAS_PX);
    this.#mark(text);
  }

  /** @param {string} text */
  #mark(text) {
    const context = this.#context;
    const height = CANVAS_PX / 16;
    context.font = `${height * 0.72}px sans-serif`;
    context.textAlign = "left";
    const width = context.measureText(text).width;
    const top = CANVAS_PX - CANVAS_PX / 64 - height;
    context.fillStyle = "rgb(0 0 0 / 65%)";
    context.fillRect(CANVAS_PX / 64, top, width + height / 2, height);
    context.fillStyle = "rgb(255 255 255)";
    context.fillText(text, CANVAS_PX / 64 + height / 4, top + height * 0.76);
  }
}

/** @param {OffscreenCanvas} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("this browser cannot draw in a worker");
  return context;
}
