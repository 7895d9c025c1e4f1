/**
 * Whether this browser has a graphics card that can compute (WebGPU).
 *
 * Must not load an engine. Invariant: a card is only offered here; whether it computes rightly and faster is measured where it is used.
 */

/**
 * @param {boolean} software Whether a card that the browser only imitates on the processor counts as well.
 * @returns {Promise<boolean>}
 */
export async function hasGraphicsCard(software = false) {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter != null && (software || !adapter.info.isFallbackAdapter);
  } catch {
    return false; // A browser may offer WebGPU and refuse it on this system.
  }
}
