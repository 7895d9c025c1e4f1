/**
 * Camera and microphone: asking for them, listing them.
 *
 * Must not touch the page. Invariant: tracks that are not used any more are stopped, so that lights go off.
 */

/** The picture that is asked for: enough for a face of 256 pixels, little enough to be looked at 25 times a second. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25, max: 30 } };
const SOUND = { channelCount: { ideal: 1 }, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * A stream of the chosen devices; "" is any, null is none. Where both cannot be had, the one that can be: a computer without a
 * camera has a microphone all the same.
 * @param {string | null} cameraId
 * @param {string | null} microphoneId
 * @returns {Promise<{media: MediaStream | null, error: unknown}>} error: why something is missing; null: nothing is.
 */
export async function openDevices(cameraId, microphoneId) {
  const video = cameraId === null ? false : { ...PICTURE, ...chosen(cameraId) };
  const audio = microphoneId === null ? false : { ...SOUND, ...chosen(microphoneId) };
  if (!video && !audio) return { media: null, error: null };
  try {
    return { media: await navigator.mediaDevices.getUserMedia({ video, audio }), error: null };
  } catch (error) {
    return { media: video && audio && !isRefusal(error) ? await oneOf([{ audio }, { video }]) : null, error };
  }
}

/** Whoever said no is not asked again for each of them. @param {unknown} error */
function isRefusal(error) {
  return error instanceof Error && error.name === "NotAllowedError";
}

/** @param {readonly MediaStreamConstraints[]} wishes @returns {Promise<MediaStream | null>} The first that can be had. */
async function oneOf(wishes) {
  for (const wish of wishes) {
    const media = await navigator.mediaDevices.getUserMedia(wish).catch(() => null);
    if (media !== null) return media;
  }
  return null;
}

/** @param {string} deviceId */
function chosen(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

/** The devices there are; before they were allowed browsers tell only that there are some, without names and ids. */
export async function listDevices() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const all = (/** @type {MediaDeviceKind} */ kind) => devices.filter((device) => device.kind === kind);
  return { cameras: all("videoinput"), microphones: all("audioinput") };
}

/** @param {MediaStream | null} stream */
export function closeDevices(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}
