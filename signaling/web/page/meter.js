/**
 * The live numbers of a call: rates on the wire both ways, pictures a second, and a sparkline of the last minute.
 *
 * Must not touch connections. Invariant: every byte counts: what ICE carried, and 28 bytes of UDP and IP headers for
 * each packet.
 */

/** IPv4 and UDP; IPv6 would be 48. */
const HEADER_BYTES = 28;
const POINTS = 60;

/** @typedef {Readonly<{sentBytes: number, sentPackets: number, gotBytes: number, gotPackets: number}>} Counters */

/** Rates between two looks at the counters. */
export class Rates {
  /** @type {{counters: Counters, atMs: number} | null} */
  #last = null;
  /** @type {number[]} kbit/s received, a point a look. */
  #history = [];

  /**
   * kbit/s since the last look, null at the first.
   * @param {Counters} counters
   * @param {number} atMs
   */
  look(counters, atMs) {
    const last = this.#last;
    this.#last = { counters, atMs };
    if (last === null || atMs <= last.atMs) return null;
    const elapsedMs = atMs - last.atMs;
    const upKbps = (8 * (wireBytes(counters).sent - wireBytes(last.counters).sent)) / elapsedMs;
    const downKbps = (8 * (wireBytes(counters).got - wireBytes(last.counters).got)) / elapsedMs;
    this.#history = [...this.#history.slice(1 - POINTS), downKbps];
    return { upKbps, downKbps };
  }

  /** The received rates, oldest first. */
  get history() {
    return this.#history;
  }
}

/**
 * All bytes on the wire so far.
 * @param {Counters} counters
 */
export function wireBytes({ sentBytes, sentPackets, gotBytes, gotPackets }) {
  return { sent: sentBytes + HEADER_BYTES * sentPackets, got: gotBytes + HEADER_BYTES * gotPackets };
}

/**
 * The points of a polyline that draws `values` into width x height.
 * @param {readonly number[]} values
 * @param {number} width
 * @param {number} height
 */
export function sparkline(values, width, height) {
  const most = Math.max(1, ...values);
  const step = width / (POINTS - 1);
  return values.map((value, i) => `${(i * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`).join(" ");
}
