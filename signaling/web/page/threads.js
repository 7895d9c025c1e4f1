/** How many threads the networks of one worker get on this computer. */

/** With fewer, the second thread waits for a processor longer than it computes: camera and picture have a worker each. */
const CORES_FOR_TWO_THREADS = 4;

export function threadsHere() {
  return (navigator.hardwareConcurrency || 1) >= CORES_FOR_TWO_THREADS ? 2 : 1;
}
