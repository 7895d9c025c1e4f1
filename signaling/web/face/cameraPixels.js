/**
 * A camera's frames as pixels.
 *
 * Must not import anything of the call. Invariant: a frame that was handed in is closed, whatever happens; pixels are of the last
 * frame only, since they are written into the same memory again.
 */

/** @import { Picture } from "./image.js" */

/** One camera. */
export class CameraPixels {
  #data = new Uint8Array(0);
  #canvas = new OffscreenCanvas(1, 1);
  /** Whether the browser converts colours by itself, which takes a tenth of the time that a canvas takes. */
  #converts = true;

  /**
   * RGBA bytes of a frame.
   * @param {VideoFrame} frame
   * @returns {Promise<Picture>}
   */
  async of(frame) {
    try {
      if (this.#converts && frame.displayWidth === frame.visibleRect?.width) return await this.#converted(frame);
    } catch {
      this.#converts = false; // of this browser, or of this camera's format: the canvas knows them all
    }
    try {
      return this.#drawn(frame);
    } finally {
      frame.close();
    }
  }

  /** @param {VideoFrame} frame @returns {Promise<Picture>} */
  async #converted(frame) {
    const options = /** @type {VideoFrameCopyToOptions} */ ({ format: "RGBA", colorSpace: "srgb" });
    const bytes = frame.allocationSize(options);
    if (this.#data.length !== bytes) this.#data = new Uint8Array(bytes);
    await frame.copyTo(this.#data, options);
    const { displayWidth: width, displayHeight: height } = frame;
    if (bytes !== 4 * width * height) throw new Error("rows of another length");
    frame.close();
    return { data: this.#data, width, height, channels: 4 };
  }

  /** @param {VideoFrame} frame @returns {Picture} */
  #drawn(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) this.#canvas = new OffscreenCanvas(width, height);
    const context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (context === null) throw new Error("this browser cannot draw in a worker");
    context.drawImage(frame, 0, 0);
    return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
  }
}
