/**
 * How often a picture of the camera is looked at: every 40 ms, or every 80 where looking takes so long that the other person's
 * picture, which needs the same processor, would stand still.
 *
 * Must not import anything. Invariant: the pace changes only after PICTURES at the same pace, and back only with room to spare.
 */

const STEP_MS = 40;
const SLOW_STEP_MS = 80;
const PICTURES = 12;
/** Above this a picture every 40 ms takes most of a processor. */
const BUSY_MS = 26;
/** Below this, of a step, there is room for twice as many. */
const CALM_MS = 16;

/** One camera. */
export class Pace {
  #stepMs = STEP_MS;
  #meanMs = 0;
  #pictures = 0;

  /** Between two pictures. */
  get stepMs() {
    return this.#stepMs;
  }

  /** @param {number} spentMs On one picture, waiting for a processor included. */
  spent(spentMs) {
    this.#pictures += 1;
    this.#meanMs += (spentMs - this.#meanMs) / Math.min(this.#pictures, PICTURES);
    if (this.#pictures < PICTURES) return;
    if (this.#stepMs === STEP_MS && this.#meanMs > BUSY_MS) this.#change(SLOW_STEP_MS);
    else if (this.#stepMs === SLOW_STEP_MS && this.#meanMs < CALM_MS) this.#change(STEP_MS);
  }

  /** @param {number} stepMs */
  #change(stepMs) {
    this.#stepMs = stepMs;
    this.#pictures = 0;
  }
}
