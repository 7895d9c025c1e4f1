/**
 * A short queue in the order of media time.
 *
 * Must not import anything but limits. Invariant: media times rise strictly; at most PLAYOUT_MAX_QUEUE items, the
 * oldest leave.
 */

import { PLAYOUT_MAX_QUEUE } from "./limits.js";

/**
 * How many items are before `mediaMs`: the place where one of that time stands or would stand.
 * @param {readonly Readonly<{mediaMs: number}>[]} queue
 * @param {number} mediaMs
 */
export function placeIn(queue, mediaMs) {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (queue[middle].mediaMs < mediaMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Whether an item of this media time is queued.
 * @param {readonly Readonly<{mediaMs: number}>[]} queue
 * @param {number} mediaMs
 */
export function isQueued(queue, mediaMs) {
  return queue[placeIn(queue, mediaMs)]?.mediaMs === mediaMs;
}

/**
 * Put an item that is not queued yet in its place.
 * @template {Readonly<{mediaMs: number}>} T
 * @param {T[]} queue
 * @param {T} item
 */
export function enqueue(queue, item) {
  queue.splice(placeIn(queue, item.mediaMs), 0, item);
  queue.splice(0, queue.length - PLAYOUT_MAX_QUEUE);
}
