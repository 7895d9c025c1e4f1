/**
 * Camera and microphone: asking for them, listing them.
 *
 * Must not touch the page. Invariant: tracks that are not used any more are stopped, so that lights go off.
 */

/** The picture that is asked for: enough for a face of 256 pixels, little enough to be looked at 25 times a second. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25, max: 30 } };
const SOUND = { channelCount: { ideal: 1 }, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * A stream of the chosen devices; "" is any, null is none.
 * @param {string | null} cameraId
 * @param {string | null} microphoneId
 * @returns {Promise<MediaStream>}
 */
export function openDevices(cameraId, microphoneId) {
  const video = cameraId === null ? false : { ...PICTURE, ...chosen(cameraId) };
  const audio = microphoneId === null ? false : { ...SOUND, ...chosen(microphoneId) };
  return navigator.mediaDevices.getUserMedia({ video, audio });
}

/** @param {string} deviceId */
function chosen(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

/** Names of the devices there are; browsers tell them only after they were allowed. */
export async function listDevices() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const named = (/** @type {MediaDeviceKind} */ kind) =>
    devices.filter((device) => device.kind === kind && device.deviceId);
  return { cameras: named("videoinput"), microphones: named("audioinput") };
}

/** @param {MediaStream | null} stream */
export function closeDevices(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}
