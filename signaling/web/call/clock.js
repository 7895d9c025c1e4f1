/**
 * The one clock that workers and page share: microseconds since the epoch of this browser, monotonic in each of them.
 *
 * Must not import anything.
 */

/** Whole microseconds; below 2**53 until the year 2255. */
export function nowUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
